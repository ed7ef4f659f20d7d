//! `counters`: what the owner of a service wants counted.

mod labels;
mod series;
#[cfg(test)]
mod tests;
mod when;

use super::matchers::header_name;
use super::names::refuse_twins;
use super::reader::{Object, Reader};
use crate::base::metric::MetricKind;
use crate::counters::rule::{CounterRule, ValueSource};

/// Prefixes of the filter's own metrics.
const RESERVED: [&str; 2] = ["heartbeat_", "app_health_"];
/// What Prometheus puts behind a histogram's name.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_sum", "_count"];
const LONGEST_NAME: usize = 128;

/// Reads the list of counters.
pub(super) fn read(list: &Reader<'_>) -> Option<Vec<CounterRule>> {
    let items = list.list()?;
    let rules: Vec<Option<CounterRule>> = items.iter().map(read_counter).collect();
    refuse_twins("counter", &items, &rules, |rule| &rule.name);
    refuse_parts_of_histograms(&items, &rules);
    labels::refuse_endings(&items);
    let rules: Vec<CounterRule> = rules.into_iter().collect::<Option<_>>()?;
    series::limit_all(list, &rules)?;
    Some(rules)
}

fn read_counter(reader: &Reader<'_>) -> Option<CounterRule> {
    let object = reader.object(&["name", "type", "value", "when", "labels"])?;
    let name = object
        .required("name", r#""name": "payment_request_success""#)
        .and_then(|name| name.parsed(metric_name));
    let kind = object.or_default("type", MetricKind::Counter, |kind| {
        kind.one_of(&[
            ("counter", MetricKind::Counter),
            ("gauge", MetricKind::Gauge),
            ("histogram", MetricKind::Histogram),
        ])
    });
    let value = object.optional("value", read_value);
    refuse_missing_value(&object, kind);
    let example = r#""when": { "response": { "status": ["2xx"] } }"#;
    let when = object.required("when", example).and_then(|when| when::read(&when));
    let labels = object.or_default("labels", Vec::new(), labels::read);
    Some(CounterRule { name: name?, kind: kind?, value: value?, when: when?, labels: labels? })
}

fn read_value(reader: &Reader<'_>) -> Option<ValueSource> {
    if reader.text().is_some() {
        return reader
            .one_of(&[
                ("duration_ms", &ValueSource::DurationMs),
                ("request_bytes", &ValueSource::RequestBytes),
                ("response_bytes", &ValueSource::ResponseBytes),
            ])
            .cloned();
    }
    let object = reader.object(&["response_header"])?;
    let header = object.required("response_header", r#""response_header": "x-amount""#)?;
    header.parsed(header_name).map(ValueSource::ResponseHeader)
}

fn refuse_missing_value(counter: &Object<'_>, kind: Option<MetricKind>) {
    let what = match kind {
        Some(MetricKind::Gauge) => "a gauge",
        Some(MetricKind::Histogram) => "a histogram",
        _ => return,
    };
    if counter.get("value").is_none() {
        counter.error(format!(r#"is {what} of nothing; add "value": "duration_ms""#));
    }
}

/// A name that Prometheus gives to a part of a histogram can't be another metric's.
fn refuse_parts_of_histograms(items: &[Reader<'_>], rules: &[Option<CounterRule>]) {
    let is_histogram = |name: &str| {
        let mut rules = rules.iter().flatten();
        rules.any(|rule| rule.kind == MetricKind::Histogram && rule.name == name)
    };
    for (item, rule) in items.iter().zip(rules) {
        let Some(rule) = rule else { continue };
        let mut wholes = OF_HISTOGRAMS.iter().filter_map(|part| rule.name.strip_suffix(part));
        if let Some(whole) = wholes.find(|whole| is_histogram(whole)) {
            item.error(format!(
                "the name {:?} is a part of the histogram {whole:?}; choose another",
                rule.name
            ));
        }
    }
}

/// A name as Prometheus takes it for metrics and labels, but without the colon,
/// which it keeps for recording rules.
fn is_prometheus_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(plain) && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// A metric name (Prometheus data model).
fn metric_name(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_NAME || !is_prometheus_name(text) {
        return Err(r#"is not a metric name; write it like "payment_request_success""#.to_owned());
    }
    if let Some(prefix) = RESERVED.into_iter().find(|prefix| text.starts_with(prefix)) {
        return Err(format!(
            "is reserved: {prefix}* are the filter's own metrics; choose another name"
        ));
    }
    if ends_like_a_status(text) {
        return Err(
            "would lose its end: Envoy takes that for a status; choose another name".to_owned()
        );
    }
    Ok(text.to_owned())
}

/// Whether a name ends in `_rq_200` or `_rq_2xx`, which Envoy's own tag regexes
/// make a label of, whoever's the metric is.
/// <https://github.com/envoyproxy/envoy/blob/main/source/common/config/well_known_names.cc>
fn ends_like_a_status(name: &str) -> bool {
    let Some((_, [class, rest @ ..])) = name.rsplit_once("_rq_").map(|(a, b)| (a, b.as_bytes()))
    else {
        return false;
    };
    class.is_ascii_digit()
        && (rest == b"xx" || (rest.len() == 2 && rest.iter().all(u8::is_ascii_digit)))
}
