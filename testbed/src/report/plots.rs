//! Which metric is shown how.

use std::collections::BTreeMap;

use maud::Markup;

use super::lines::{Course, Line};
use super::recording::Recording;
use super::series::{Labels, Series, counters, edges, gauges, label};
use super::stack::Part;
use super::strip::State;
use super::{heat, histogram, lines, stack, strip};

/// The time that bars and heat tell apart, in seconds.
const WIDTH: f64 = 0.5;

/// Outcomes of probes, from the best to the worst; each is a class of its own.
const OUTCOMES: [&str; 9] =
    ["pass", "cached", "warn", "limited", "denied", "broken", "timeout", "fail", "error"];

const UP_OR_DOWN: [State; 2] = [
    State { value: 1.0, word: "up", class: "good" },
    State { value: 0.0, word: "down", class: "bad" },
];

const BREAKER: [State; 3] = [
    State { value: 0.0, word: "closed", class: "good" },
    State { value: 1.0, word: "half-open", class: "so-so" },
    State { value: 2.0, word: "open", class: "bad" },
];

const TOP_SCORE: f64 = 1000.0;

/// Looks of lines, in the order in which they are given out.
pub const LINES: [&str; 6] = ["l1", "l2", "l3", "l4", "l5", "l6"];

/// Something to be shown.
#[derive(Debug)]
pub struct Plot {
    /// What it shows.
    pub title: &'static str,
    /// How to read it, in a sentence.
    pub says: &'static str,
    /// The metrics it is made from.
    pub metrics: Vec<String>,
    /// How it looks; `None` where none of the metrics is there.
    pub drawing: Option<Drawing>,
}

/// A picture.
#[derive(Debug)]
pub struct Drawing {
    /// The picture.
    pub svg: Markup,
    /// What its colours mean.
    pub legend: Vec<Key>,
}

/// An entry of a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// A patch, or else a line.
    pub patch: bool,
    /// Its look; a class of the style sheet.
    pub class: &'static str,
    /// How strong its colour is, out of 1.
    pub opacity: Option<String>,
    /// What it means.
    pub name: String,
}

/// Every plot, in the order of the page.
pub fn all(recording: &Recording) -> Vec<Plot> {
    vec![
        outcomes(recording),
        latencies(recording),
        states(
            recording,
            "Background checks",
            "What the checks that readiness rests on have found out.",
            ("app_health_status", "component"),
            &UP_OR_DOWN,
        ),
        states(
            recording,
            "Circuit breaker",
            "Open, it answers probes without touching the application; \
             half-open, one trial probe decides.",
            ("heartbeat_breaker_state", "probe"),
            &BREAKER,
        ),
        score(recording),
        business(recording),
    ]
}

fn outcomes(recording: &Recording) -> Plot {
    const METRIC: &str = "heartbeat_probe_total";
    let title = "Probe outcomes";
    let edges = edges(recording, WIDTH);
    let mut series = counters(recording, METRIC, |labels| label(labels, "outcome"));
    let known = OUTCOMES.iter().filter_map(|name| Some((series.remove(*name)?, *name, *name)));
    let mut parts: Vec<_> =
        known.map(|(series, name, class)| part(name, class, &series, &edges)).collect();
    parts.extend(series.iter().map(|(name, series)| part(name, "other", series, &edges)));
    parts.retain(|part| part.values.iter().any(|value| *value > 0.0));
    Plot {
        title,
        says: "Probes a second, by how they ended.",
        metrics: vec![METRIC.into()],
        drawing: recording.has(METRIC).then(|| Drawing {
            svg: stack::draw(recording, title, &edges, &parts),
            // The uppermost part first, as it is seen.
            legend: parts.iter().rev().map(|part| patch(part.class, &part.name)).collect(),
        }),
    }
}

fn part(name: &str, class: &'static str, series: &Series, edges: &[f64]) -> Part {
    let lengths = edges.windows(2).map(|edge| edge[1] - edge[0]);
    let values = series.rises(edges).iter().zip(lengths).map(|(rise, time)| rise / time).collect();
    Part { name: name.into(), class, values }
}

fn latencies(recording: &Recording) -> Plot {
    const METRIC: &str = "heartbeat_probe_duration_ms";
    let title = "Probe latencies";
    let edges = edges(recording, WIDTH);
    let rows = histogram::rows(recording, METRIC, &edges);
    Plot {
        title,
        says: "How long probes took; the stronger the colour, the more of them.",
        metrics: vec![METRIC.into()],
        drawing: (!rows.is_empty()).then(|| {
            let most = heat::most(&rows);
            let key = |count: f64| Key {
                opacity: Some(heat::opacity(count, most)),
                ..patch(
                    "heat",
                    &if count == 1.0 { "1 probe".into() } else { format!("{count} probes") },
                )
            };
            let counts = [1.0, (most / 4.0).round(), most.round()];
            let mut legend: Vec<_> = counts.into_iter().filter(|c| *c >= 1.0).map(key).collect();
            legend.dedup();
            Drawing { svg: heat::draw(recording, title, &edges, &rows), legend }
        }),
    }
}

fn states(
    recording: &Recording,
    title: &'static str,
    says: &'static str,
    (metric, name): (&str, &str),
    states: &[State],
) -> Plot {
    let strips = gauges(recording, metric, |labels| label(labels, name));
    Plot {
        title,
        says,
        metrics: vec![metric.into()],
        drawing: (!strips.is_empty()).then(|| Drawing {
            svg: strip::draw(recording, title, strips.iter(), states),
            legend: states.iter().map(|state| patch(state.class, state.word)).collect(),
        }),
    }
}

fn score(recording: &Recording) -> Plot {
    const SCORE: &str = "heartbeat_health_score";
    const AXIS: &str = "heartbeat_score_axis";
    let axes = gauges(recording, AXIS, |labels| label(labels, "axis"));
    let mut lines = lines_of(axes, Course::Steps);
    // Last, and so above the others.
    let whole = gauges(recording, SCORE, |_| "score".into());
    lines.extend(whole.into_iter().map(|(name, series)| Line {
        name,
        class: "score",
        series,
        course: Course::Steps,
    }));
    line_plot(
        recording,
        "Health score",
        "From 0 to 1000: the whole, and the axes that it is made from.",
        vec![SCORE.into(), AXIS.into()],
        Some(TOP_SCORE),
        &lines,
    )
}

fn business(recording: &Recording) -> Plot {
    let metrics = recording.about.business.clone();
    let series = metrics
        .iter()
        .flat_map(|metric| counters(recording, metric, |labels| written(metric, labels)));
    let lines = lines_of(series.collect(), Course::Straight);
    line_plot(
        recording,
        "Business outcomes",
        "What the configuration's counters have counted since the start.",
        metrics.clone(),
        None,
        &lines,
    )
}

fn lines_of(series: BTreeMap<String, Series>, course: Course) -> Vec<Line> {
    let line = |((name, series), class)| Line { name, class, series, course };
    series.into_iter().zip(LINES.into_iter().cycle()).map(line).collect()
}

fn line_plot(
    recording: &Recording,
    title: &'static str,
    says: &'static str,
    metrics: Vec<String>,
    top: Option<f64>,
    lines: &[Line],
) -> Plot {
    let drawing = (!lines.is_empty()).then(|| Drawing {
        svg: lines::draw(recording, title, top, lines),
        legend: lines
            .iter()
            .rev()
            .map(|line| Key { patch: false, ..patch(line.class, &line.name) })
            .collect(),
    });
    Plot { title, says, metrics, drawing }
}

/// A legend's entry with a patch.
pub fn patch(class: &'static str, name: &str) -> Key {
    Key { patch: true, class, opacity: None, name: name.into() }
}

/// A series as Prometheus writes it.
fn written(metric: &str, labels: &Labels) -> String {
    if labels.is_empty() {
        return metric.into();
    }
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{metric}{{{}}}", labels.join(", "))
}
