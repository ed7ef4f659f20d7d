//! Envoy's counters, against what the acts should have made of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::step::Act;
use crate::envoy::Envoy;
use crate::metrics::{Metrics, name_of};

/// How long the counters may lag behind: Envoy merges its threads' at intervals.
const LAG: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(50);

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// As Prometheus writes it.
    pub series: String,
    /// What it should be.
    pub expected: f64,
    /// What it is; `None` if there is none.
    pub got: Option<f64>,
}

impl Counter {
    /// Whether it is as it should be.
    pub fn is_right(&self) -> bool {
        self.got == Some(self.expected)
    }
}

/// The counters, as soon as all are right or there is no more hope for it.
pub async fn settle(envoy: &Envoy, acts: &[Act]) -> Result<Vec<Counter>> {
    let expected = expected(acts);
    let deadline = Instant::now() + LAG;
    loop {
        let counters = compare(&expected, &envoy.prometheus().await?)?;
        if counters.iter().all(Counter::is_right) || Instant::now() > deadline {
            return Ok(counters);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// How often the steps raise each series.
fn expected(acts: &[Act]) -> BTreeMap<&str, f64> {
    let mut expected = BTreeMap::new();
    let raised = acts.iter().flat_map(|act| &act.steps).filter_map(|step| step.counter.as_deref());
    for series in raised {
        *expected.entry(series).or_default() += 1.0;
    }
    expected
}

/// The series expected, and whatever else their metrics have counted.
fn compare(expected: &BTreeMap<&str, f64>, metrics: &Metrics) -> Result<Vec<Counter>> {
    let mut counters = Vec::new();
    for (series, expected) in expected {
        let got = metrics.get(series)?;
        counters.push(Counter { series: (*series).to_owned(), expected: *expected, got });
    }
    let mut names: Vec<_> = expected.keys().map(|series| name_of(series)).collect();
    names.dedup();
    for name in names {
        let known: f64 =
            counters.iter().filter(|c| name_of(&c.series) == name).filter_map(|c| c.got).sum();
        let surplus = metrics.sum(name) - known;
        if surplus > 0.0 {
            let series = format!("{name}, all other series");
            counters.push(Counter { series, expected: 0.0, got: Some(surplus) });
        }
    }
    Ok(counters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::http::Request;
    use crate::demo::step::Step;

    fn counters(page: &str) -> Vec<Counter> {
        let step = || Step::http(Request::new("GET", "/"));
        let steps = vec![step().counter("a{x=\"1\"}"), step().counter("a{x=\"1\"}"), step()];
        let act = Act { heading: "", answers: vec![], arrivals: vec![], steps };
        compare(&expected(&[act]), &Metrics::parse(page).unwrap()).unwrap()
    }

    fn rights(page: &str) -> Vec<bool> {
        counters(page).iter().map(Counter::is_right).collect()
    }

    #[test]
    fn steps_that_raise_the_same_series_add_up() {
        assert_eq!(rights("a{x=\"1\"} 2\na{x=\"2\"} 0\nb 9"), [true]);
    }

    #[test]
    fn a_wrong_and_a_missing_counter_are_wrong() {
        assert_eq!(rights("a{x=\"1\"} 3"), [false]);
        assert_eq!(rights("b 2"), [false]);
    }

    #[test]
    fn a_series_that_nobody_should_have_raised_is_wrong() {
        assert_eq!(rights("a{x=\"1\"} 2\na{x=\"2\"} 1"), [true, false]);
    }
}
