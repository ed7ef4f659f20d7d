//! What came out, as `dist/bench-mesh.json` and `dist/bench-mesh.md` have it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::super::budgets::TableStyle;
use super::super::stats::quantile;

/// The upper bounds of a histogram's classes, in milliseconds.
const BOUNDS: [f64; 17] = [
    0.5,
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
    8.0,
    12.0,
    20.0,
    35.0,
    60.0,
    100.0,
    200.0,
    500.0,
    1_000.0,
    f64::INFINITY,
];

/// A time that was measured again and again, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Distribution {
    /// From what until what.
    pub what: String,
    /// What the 99th percentile must not be above.
    pub must: Option<f64>,
    /// How often it was measured.
    pub count: usize,
    /// The shortest.
    pub min: f64,
    /// Half of them were shorter.
    pub median: f64,
    /// One of a hundred was longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// How many were up to which time, and longer than the one before.
    pub histogram: Vec<(f64, usize)>,
    /// All of them, in order of time.
    pub all: Vec<f64>,
}

impl Distribution {
    /// `None` where nothing was measured.
    fn of(what: String, must: Option<f64>, all: &[Duration]) -> Option<Self> {
        let all: Vec<f64> = all.iter().map(|it| it.as_secs_f64() * 1_000.0).collect();
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        let mut from = 0;
        let classes = BOUNDS.map(|bound| {
            let to = sorted.partition_point(|it| *it <= bound);
            (bound, to - std::mem::replace(&mut from, to))
        });
        let histogram = classes.into_iter().filter(|(_, count)| *count > 0).collect();
        let (min, median, p99, max) = (at(0.0)?, at(0.5)?, at(0.99)?, at(1.0)?);
        Some(Self { what, must, count: all.len(), min, median, p99, max, histogram, all })
    }

    fn bars(&self) -> String {
        let mut bars = format!("{}\n", self.what);
        for (bound, count) in &self.histogram {
            let width = (count * 50).div_ceil(self.count.max(1));
            // Writing to a string doesn't fail.
            let _ = writeln!(bars, "  ≤ {bound:>7} ms {count:>6} {}", "#".repeat(width));
        }
        bars
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it is of.
    pub what: String,
    /// What it is.
    pub value: f64,
    /// What it is counted in.
    pub unit: &'static str,
    /// What it must be.
    pub must: Must,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Must {
    /// No more than that.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
    /// It is there to be seen.
    Anything,
}

impl Figure {
    fn is_missed(&self) -> bool {
        match self.must {
            Must::AtMost(most) => self.value > most,
            Must::AtLeast(least) => self.value < least,
            Must::Anything => false,
        }
    }

    fn target(&self) -> String {
        match self.must {
            Must::AtMost(most) => format!("≤ {most} {}", self.unit),
            Must::AtLeast(least) => format!("≥ {least} {}", self.unit),
            Must::Anything => String::new(),
        }
    }
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Results {
    seed: u64,
    rounds: usize,
    load_seconds: u64,
    times: Vec<Distribution>,
    figures: Vec<Figure>,
}

impl Results {
    /// Nothing yet.
    pub fn new(seed: u64, rounds: usize, load_seconds: u64) -> Self {
        Self { seed, rounds, load_seconds, times: vec![], figures: vec![] }
    }

    /// Notes a time that was measured again and again, and what its 99th percentile must
    /// not be above.
    pub fn times(&mut self, what: impl Into<String>, must: Option<Duration>, all: &[Duration]) {
        let must = must.map(|must| must.as_secs_f64() * 1_000.0);
        if let Some(times) = Distribution::of(what.into(), must, all) {
            println!(
                "{}: {:.1} to {:.1} ms, median {:.1}, P99 {:.1}",
                times.what, times.min, times.max, times.median, times.p99
            );
            self.times.push(times);
        }
    }

    /// Notes a figure.
    pub fn figure(&mut self, what: impl Into<String>, value: f64, unit: &'static str, must: Must) {
        let figure = Figure { what: what.into(), value, unit, must };
        println!("{}: {:.1} {}", figure.what, figure.value, figure.unit);
        self.figures.push(figure);
    }

    /// How many targets are missed.
    pub fn missed(&self) -> usize {
        let late = |it: &&Distribution| it.must.is_some_and(|must| it.p99 > must);
        self.times.iter().filter(late).count()
            + self.figures.iter().filter(|it| it.is_missed()).count()
    }

    /// The tables, for a terminal.
    pub fn table(&self) -> String {
        self.tables(TableStyle::Terminal)
    }

    /// The tables and histograms, for a page.
    pub fn markdown(&self) -> String {
        let bars: String = self.times.iter().map(Distribution::bars).collect();
        let about =
            format!("Seed {}, {} rounds, {} s of load.", self.seed, self.rounds, self.load_seconds);
        format!("{about}\n\n{}\n\n```\n{bars}```\n", self.tables(TableStyle::Markdown))
    }

    /// Everything.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    fn tables(&self, style: TableStyle) -> String {
        let mut times = style.table();
        times.set_header(["ms", "n", "min", "median", "P99", "max", "P99 must be", ""]);
        for it in &self.times {
            let must = it.must.map_or_else(String::new, |must| format!("≤ {must}"));
            let missed = if it.must.is_some_and(|must| it.p99 > must) { "MISSED" } else { "" };
            let figures = [it.min, it.median, it.p99, it.max].map(|it| format!("{it:.1}"));
            let [min, median, p99, max] = figures;
            let count = it.count.to_string();
            times.add_row([&it.what, &count, &min, &median, &p99, &max, &must, missed]);
        }
        let mut figures = style.table();
        figures.set_header(["", "measured", "must be", ""]);
        for it in &self.figures {
            let missed = if it.is_missed() { "MISSED" } else { "" };
            let value = format!("{:.1} {}", it.value, it.unit);
            figures.add_row([&it.what, &value, &it.target(), missed]);
        }
        format!("{times}\n\n{figures}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_tells_its_ends_its_middle_and_its_classes() {
        let all: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let it = Distribution::of("x".into(), None, &all).unwrap();
        assert_eq!((it.min, it.median, it.max, it.count), (1.0, 50.5, 100.0, 100));
        assert!((it.p99 - 99.01).abs() < 1e-6);
        assert_eq!(it.histogram[..2], [(1.0, 1), (2.0, 1)]);
        assert_eq!(it.histogram.iter().map(|(_, count)| count).sum::<usize>(), 100);
        assert!(Distribution::of("x".into(), None, &[]).is_none());
    }

    #[test]
    fn a_target_is_missed_by_what_is_late_too_much_or_too_little() {
        let mut results = Results::new(1, 1, 1);
        let ms = Duration::from_millis;
        results.times("in time", Some(ms(20)), &[ms(3), ms(20)]);
        results.figure("enough", 3.0, "", Must::AtLeast(3.0));
        results.figure("whatever", 3.0, "", Must::Anything);
        assert_eq!(results.missed(), 0);
        results.times("late", Some(ms(20)), &[ms(3), ms(40)]);
        results.figure("too much", 3.1, "", Must::AtMost(3.0));
        results.figure("too little", 2.9, "", Must::AtLeast(3.0));
        assert_eq!(results.missed(), 3);
        assert_eq!(results.table().matches("MISSED").count(), 3);
        assert!(results.markdown().contains("≤      20 ms"));
    }
}
