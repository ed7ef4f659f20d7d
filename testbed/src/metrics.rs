//! Envoy's metrics, read from the Prometheus text format.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};

/// The samples of one scrape.
///
/// A series is named as Prometheus writes it, `name{label="value",…}`; the
/// order of the labels doesn't matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    samples: BTreeMap<Series, f64>,
}

/// A metric's name and its labels, sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

impl Metrics {
    /// Parses a whole page.
    pub fn parse(page: &str) -> Result<Self> {
        let samples = page
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| sample(line).with_context(|| format!("not a sample: {line}")))
            .collect::<Result<_>>()?;
        Ok(Self { samples })
    }

    /// The value of one series; `None` if there is no such series.
    pub fn get(&self, series: &str) -> Result<Option<f64>> {
        let (series, rest) = Series::parse(series)?;
        if !rest.trim().is_empty() {
            bail!("trailing {rest:?} after a series");
        }
        Ok(self.samples.get(&series).copied())
    }

    /// The sum over all series of the metric `name`.
    pub fn sum(&self, name: &str) -> f64 {
        self.of(name).map(|(_, value)| value).sum()
    }

    /// Every series of the metric `name`, written out, with its value.
    pub fn series(&self, name: &str) -> Vec<(String, f64)> {
        self.of(name).map(|(series, value)| (series.to_string(), value)).collect()
    }

    /// The series that the other scrape doesn't have, written out.
    pub fn beyond(&self, other: &Self) -> Vec<String> {
        let new = self.samples.keys().filter(|series| !other.samples.contains_key(series));
        new.map(Series::to_string).collect()
    }

    /// Every series: its metric's name and its labels.
    pub fn all(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>)> {
        self.samples.keys().map(|series| (series.name.as_str(), &series.labels))
    }

    /// Every series of the metric `name`: its labels, by name, and its value.
    pub fn labelled<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, f64)> {
        self.of(name).map(|(series, value)| (&series.labels, value))
    }

    /// The names of all metrics, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        self.samples.keys().map(|series| series.name.as_str()).filter(move |name| {
            // The samples are sorted by name.
            last.replace(*name) != Some(*name)
        })
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Series, f64)> {
        self.samples
            .iter()
            .filter(move |(series, _)| series.name == name)
            .map(|(series, value)| (series, *value))
    }
}

/// The metric's name within a series: what precedes its labels.
pub fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or(series).trim()
}

fn sample(line: &str) -> Result<(Series, f64)> {
    let (series, rest) = Series::parse(line)?;
    // A timestamp may follow the value.
    let value = rest.split_whitespace().next().context("no value")?;
    Ok((series, value.parse().with_context(|| format!("{value:?} is not a number"))?))
}

impl Series {
    /// Parses a series at the start of `text`; returns what follows it too.
    fn parse(text: &str) -> Result<(Self, &str)> {
        let end = text.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(text.len());
        let (name, mut rest) = text.split_at(end);
        if name.is_empty() {
            bail!("a series without a name");
        }
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                rest = rest.trim_start_matches([',', ' ']);
                if let Some(outside) = rest.strip_prefix('}') {
                    rest = outside;
                    break;
                }
                let (label, value) = rest.split_once("=\"").context("a label without a value")?;
                let (value, after) = quoted(value)?;
                labels.insert(label.trim().to_owned(), value);
                rest = after;
            }
        }
        Ok((Self { name: name.to_owned(), labels }, rest))
    }
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if !self.labels.is_empty() {
            let labels: Vec<_> =
                self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            write!(f, "{{{}}}", labels.join(","))?;
        }
        Ok(())
    }
}

/// A label's value up to its closing quote, unescaped, and what follows.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            _ => value.push(c),
        }
    }
    Err(anyhow!("no closing quote in {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"
# TYPE heartbeat_probe_total counter
heartbeat_probe_total{probe="health",outcome="pass"} 12
heartbeat_probe_total{outcome="fail",probe="health"} 3 1700000000000
payment_request_success 7
odd{text="a \"quoted\" } \\ brace"} +Inf
"#;

    #[test]
    fn series_are_found_whatever_the_order_of_their_labels() {
        let metrics = Metrics::parse(PAGE).unwrap();
        let get = |series| metrics.get(series).unwrap();
        assert_eq!(get(r#"heartbeat_probe_total{outcome="pass",probe="health"}"#), Some(12.0));
        assert_eq!(get(r#"heartbeat_probe_total{probe="health", outcome="fail"}"#), Some(3.0));
        assert_eq!(get("payment_request_success"), Some(7.0));
        assert_eq!(get("payment_request_success{}"), Some(7.0));
        assert_eq!(get(r#"odd{text="a \"quoted\" } \\ brace"}"#), Some(f64::INFINITY));
        assert_eq!(get("heartbeat_probe_total"), None);
    }

    #[test]
    fn a_metric_is_summed_over_its_series() {
        let metrics = Metrics::parse(PAGE).unwrap();
        assert_eq!(metrics.sum("heartbeat_probe_total"), 15.0);
        assert_eq!(metrics.series("heartbeat_probe_total").len(), 2);
        assert_eq!(metrics.sum("absent"), 0.0);
    }

    #[test]
    fn series_that_another_scrape_lacks_are_named() {
        let metrics = Metrics::parse(PAGE).unwrap();
        let fewer = Metrics::parse("payment_request_success 9\nother 1").unwrap();
        assert_eq!(fewer.beyond(&metrics), ["other"]);
        assert_eq!(metrics.beyond(&fewer).len(), 3);
        assert_eq!(metrics.beyond(&metrics), [""; 0]);
    }

    #[test]
    fn series_are_told_by_their_labels_and_metrics_by_their_names() {
        let metrics = Metrics::parse(PAGE).unwrap();
        let outcomes: Vec<_> = metrics
            .labelled("heartbeat_probe_total")
            .map(|(labels, value)| (labels["outcome"].as_str(), value))
            .collect();
        assert_eq!(outcomes, [("fail", 3.0), ("pass", 12.0)]);
        let names: Vec<_> = metrics.names().collect();
        assert_eq!(names, ["heartbeat_probe_total", "odd", "payment_request_success"]);
    }

    #[test]
    fn what_is_no_sample_is_refused() {
        for line in ["name", "name x", r#"name{a="b} 1"#, r#"{a="b"} 1"#, "name{a} 1"] {
            assert!(Metrics::parse(line).is_err(), "{line}");
        }
        assert!(Metrics::default().get(r#"name{a="b"} 1"#).is_err());
    }
}
