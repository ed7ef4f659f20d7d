//! `counters`: what the owner of a service wants counted.

mod labels;
mod series;
#[cfg(test)]
mod tests;
mod when;

use super::keys;
use super::matchers::header_name;
use crate::base::metric::MetricKind;
use crate::counters::rule::{CounterRule, ValueSource};
use crate::reader::Reader;
use crate::reader::names::refuse_twins;
use crate::reader::object::Object;

/// Prefixes of the filter's own metrics.
const RESERVED: [&str; 2] = ["heartbeat_", "app_health_"];
/// What Prometheus puts behind a histogram's name.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_sum", "_count"];
const LONGEST_NAME: usize = 128;

/// Reads the list of counters.
pub(super) fn read(root: &Object<'_>) -> Vec<CounterRule> {
    let items = root.items("counters");
    let rules: Vec<Option<CounterRule>> =
        items.iter().map(|item| item.sound(read_counter)).collect();
    refuse_twins("counter", &items);
    refuse_parts_of_histograms(&items, &rules);
    labels::refuse_endings(&items);
    let rules: Vec<CounterRule> = rules.into_iter().flatten().collect();
    if rules.len() == items.len() {
        series::limit_all(root, &rules);
    }
    rules
}

fn read_counter(reader: &Reader<'_>) -> CounterRule {
    let object = reader.object(keys::counters::COUNTER);
    let name = object.value("name", metric_name);
    let (gauge, histogram) = (MetricKind::Gauge, MetricKind::Histogram);
    let kind = object.word("type", MetricKind::Counter, &[gauge, histogram]);
    let value = object.get("value").map(|reader| read_value(&object, reader));
    refuse_missing_value(&object, kind);
    let when = when::read(&object.object("when"));
    let labels = object.get("labels").map(labels::read).unwrap_or_default();
    CounterRule { name, kind, value, when, labels }
}

fn read_value(counter: &Object<'_>, reader: Reader<'_>) -> ValueSource {
    if reader.text().is_some() {
        let others = [ValueSource::RequestBytes, ValueSource::ResponseBytes];
        return counter.word("value", ValueSource::DurationMs, &others);
    }
    ValueSource::ResponseHeader(counter.object("value").value("response_header", header_name))
}

fn refuse_missing_value(counter: &Object<'_>, kind: MetricKind) {
    let what = match kind {
        MetricKind::Gauge => "a gauge",
        MetricKind::Histogram => "a histogram",
        MetricKind::Counter => return,
    };
    if !counter.has("value") {
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
/// make a label of, of any metric.
/// <https://github.com/envoyproxy/envoy/blob/main/source/common/config/well_known_names.cc>
fn ends_like_a_status(name: &str) -> bool {
    let Some([b'_', b'r', b'q', b'_', class, rest @ ..]) = name.as_bytes().last_chunk::<7>() else {
        return false;
    };
    class.is_ascii_digit() && (rest == b"xx" || rest.iter().all(u8::is_ascii_digit))
}
