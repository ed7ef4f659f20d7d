//! `labels`: what a counter is divided by.
//!
//! The values stand in the configuration: a request chooses among them, and never
//! brings one along.

use super::series;
use crate::config::matchers::header_name;
use crate::config::names::distinct;
use crate::config::reader::Reader;
use crate::counters::rule::{Label, LabelSource};

/// The attributes, by their names: Envoy's where it has one.
/// <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>
const ATTRIBUTES: [(&str, &LabelSource); 4] = [
    ("xds.cluster_name", &LabelSource::Cluster),
    ("xds.route_name", &LabelSource::Route),
    ("request.method", &LabelSource::Method),
    ("response.code_class", &LabelSource::StatusClass),
];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The labels of the filter's own metrics.
const BUILT_IN: [&str; 9] = [
    "probe",
    "outcome",
    "component",
    "status",
    "result",
    "axis",
    "evidence",
    "module_version",
    "module_revision",
];
/// Labels of Prometheus's own.
const RESERVED: [&str; 2] = ["le", "quantile"];
const SOURCES: [&str; 3] = ["request_header", "response_header", "attribute"];
const LONGEST_NAME: usize = 64;
/// In bytes; enough for the name of any cluster in Istio's own notation.
const LONGEST_VALUE: usize = 128;
/// What values may hold beside letters and digits: what stands in header values,
/// and in names of clusters and routes. `;` and `=` mark the labels in a stat's name.
const IN_VALUES: &[u8] = b"_-./|:*@+";

/// Reads the labels of one counter.
pub(super) fn read(reader: &Reader<'_>) -> Option<Vec<Label>> {
    let labels: Vec<Option<Label>> =
        reader.map()?.iter().map(|(name, label)| read_label(name, label)).collect();
    let labels: Vec<Label> = labels.into_iter().collect::<Option<_>>()?;
    series::limit_one(reader, &labels)?;
    Some(labels)
}

fn read_label(name: &str, reader: &Reader<'_>) -> Option<Label> {
    let is_name = name.len() <= LONGEST_NAME && super::is_prometheus_name(name);
    if !is_name || name.starts_with("__") || RESERVED.contains(&name) {
        reader.error(r#"is not a label's name; write it like "order_type""#);
    }
    let [request_header, response_header, attribute] = SOURCES;
    let object = reader.object(&[request_header, response_header, attribute, "values"])?;
    let header = |key| object.get(key).and_then(|value| value.parsed(header_name));
    let given: Vec<&str> = SOURCES.into_iter().filter(|key| object.get(key).is_some()).collect();
    let source = match given.as_slice() {
        [one] if *one == request_header => header(one).map(LabelSource::RequestHeader),
        [one] if *one == response_header => header(one).map(LabelSource::ResponseHeader),
        [one] => object.get(one).and_then(|value| value.one_of(&ATTRIBUTES).cloned()),
        [] => {
            object.error(format!("is of nothing; add one of {}", SOURCES.join(", ")));
            None
        }
        several => {
            object.error(format!("has {}; keep one of them", several.join(" and ")));
            None
        }
    };
    let values = object
        .required("values", r#""values": ["retail", "wholesale"]"#)
        .and_then(|values| read_values(&values, source.as_ref()));
    Some(Label { name: is_name.then(|| name.to_owned())?, source: source?, values: values? })
}

fn read_values(list: &Reader<'_>, source: Option<&LabelSource>) -> Option<Vec<String>> {
    let values = distinct(list, label_value)?;
    if source == Some(&LabelSource::StatusClass) {
        for (value, item) in values.iter().zip(list.items()) {
            if !STATUS_CLASSES.contains(&value.as_str()) {
                item.error(format!("{value:?} is not a class of statuses; write it like \"2xx\""));
            }
        }
    }
    Some(values)
}

fn label_value(text: &str) -> Result<String, String> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || IN_VALUES.contains(&byte);
    if text == crate::counters::counter::OTHER {
        return Err("is what all values are called that aren't listed; leave it out".to_owned());
    }
    if text.is_empty() || text.len() > LONGEST_VALUE || !text.bytes().all(safe) {
        return Err(format!(
            "can't be a label's value; write 1 to {LONGEST_VALUE} letters, digits or {}",
            String::from_utf8_lossy(IN_VALUES)
        ));
    }
    Ok(text.to_owned())
}

/// Istio's tag regexes find `type` in `order_type` too, so no label may end like
/// another one. Looks at what is written, also beside other mistakes.
pub(super) fn refuse_endings(counters: &[Reader<'_>]) {
    let mut known: Vec<&str> = BUILT_IN.to_vec();
    for counter in counters {
        let labels = counter.member("labels").map(|labels| labels.entries());
        for (name, label) in labels.unwrap_or_default() {
            let clash = known.iter().find(|other| {
                !name.is_empty()
                    && name != **other
                    && (name.ends_with(**other) || other.ends_with(name))
            });
            if let Some(other) = clash {
                label.error(format!(
                    "ends like the label {other:?}, and Envoy would take one for the other; choose another name"
                ));
            }
            known.push(name);
        }
    }
}
