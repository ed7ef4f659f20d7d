//! Series: what stands in a metric's name.

use std::collections::BTreeMap;
use std::fmt;

use heartbeat_core::base::metric::Metric;

/// A series as Prometheus shows it, once Envoy has taken the labels out of its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The metric's name.
    pub name: String,
    /// The labels and their values.
    pub labels: BTreeMap<String, String>,
}

impl From<&Metric> for Series {
    fn from(metric: &Metric) -> Self {
        let mut rest = metric.name.as_str();
        let mut labels = BTreeMap::new();
        while let Some((label, after)) = rest.split_once(";.;") {
            let (name, value) = label.split_once("=.=").unwrap_or((label, ""));
            labels.insert(name.to_owned(), value.to_owned());
            rest = after;
        }
        Self { name: rest.to_owned(), labels }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        let mut before = '{';
        for (label, value) in &self.labels {
            write!(formatter, "{before}{label}={value:?}")?;
            before = ',';
        }
        if self.labels.is_empty() { Ok(()) } else { formatter.write_str("}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heartbeat_core::base::metric::MetricKind;

    #[test]
    fn labels_are_taken_out_of_a_name() {
        for (name, series) in [
            ("probe=.=a;.;outcome=.=pass;.;x_total", r#"x_total{outcome="pass",probe="a"}"#),
            ("x", "x"),
        ] {
            let metric = Metric { kind: MetricKind::Counter, name: name.to_owned() };
            assert_eq!(Series::from(&metric).to_string(), series);
        }
    }
}
