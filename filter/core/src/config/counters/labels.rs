//! `labels`: what a counter is divided by.
//!
//! The values stand in the configuration: a request chooses among them, and never
//! brings one along.

use super::series;
use crate::config::keys;
use crate::config::matchers::header_name;
use crate::counters::rule::{Label, LabelSource};
use crate::reader::Reader;
use crate::reader::object::Object;

/// What the table's attributes are, behind the first; they have Envoy's names.
/// <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>
const OTHER_ATTRIBUTES: [LabelSource; 3] =
    [LabelSource::Route, LabelSource::Method, LabelSource::StatusClass];
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
const LONGEST_NAME: usize = 64;
/// In bytes; enough for the name of any cluster in Istio's own notation.
const LONGEST_VALUE: usize = 128;
/// What values may hold beside letters and digits: what stands in header values,
/// and in names of clusters and routes. `;` and `=` mark the labels in a stat's name.
const IN_VALUES: &[u8] = b"_-./|:*@+";

/// Reads the labels of one counter.
pub(super) fn read(reader: Reader<'_>) -> Vec<Label> {
    let before = reader.mistakes();
    let labels: Vec<Label> =
        reader.map().iter().map(|(name, label)| read_label(name, label)).collect();
    if reader.mistakes() == before {
        series::limit_one(&reader, &labels);
    }
    labels
}

fn read_label(name: &str, reader: &Reader<'_>) -> Label {
    let is_name = name.len() <= LONGEST_NAME && super::is_prometheus_name(name);
    if !is_name || name.starts_with("__") || RESERVED.contains(&name) {
        reader.error(r#"is not a label's name; write it like "order_type""#);
    }
    let object = reader.object(keys::counters::LABEL);
    let source = match object.only_choice("is of nothing", "keep one of them") {
        Some(key @ "request_header") => LabelSource::RequestHeader(object.value(key, header_name)),
        Some(key @ "response_header") => {
            LabelSource::ResponseHeader(object.value(key, header_name))
        }
        _ => object.word("attribute", LabelSource::Cluster, &OTHER_ATTRIBUTES),
    };
    let values = object.list("values", label_value);
    if source == LabelSource::StatusClass {
        refuse_other_classes(&object);
    }
    Label { name: name.to_owned(), source, values }
}

fn refuse_other_classes(label: &Object<'_>) {
    for item in label.get("values").map(|values| values.items()).unwrap_or_default() {
        if let Some(value) = item.text().filter(|value| !STATUS_CLASSES.contains(value)) {
            item.error(format!("{value:?} is not a class of statuses; write it like \"2xx\""));
        }
    }
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
        for (name, label) in labels.into_iter().flatten() {
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
