//! Labels that nothing takes out of the names of metrics.

use std::collections::BTreeSet;

use heartbeat_core::base::environment::Environment;
use heartbeat_core::base::metric::Metric;
use heartbeat_core::policy::Policy;
use heartbeat_mesh::config::HubConfig;
use heartbeat_mesh::metrics::Metrics;
use heartbeat_mesh::plan::Plan;

use super::{bootstrap, istio_tags};
use crate::check::finding::{Finding, Rule};
use crate::source::{File, Form, Found, Kind, Loaded, Node};

pub fn look(file: &File, found: &Found, loaded: &Loaded) -> Vec<Finding> {
    let (left, mend) = match (bootstrap::of(loaded), loaded.form) {
        (Some(bootstrap), _) => {
            let left = left(found, |label| has_tag(bootstrap, label));
            (left, Mend::Tags)
        }
        (None, Form::Istio) => {
            let named = istio_tags::of(file);
            // The list may stand in a file of the workload's or of the mesh's.
            if named.is_empty() {
                return Vec::new();
            }
            (left(found, |label| named.iter().any(|name| name == label)), Mend::ExtraTags)
        }
        (None, _) => return Vec::new(),
    };
    let Some(first) = left.first() else { return Vec::new() };
    let list = left.join(", ");
    let problem = match mend {
        Mend::Tags => format!(
            "no line of stats_config.stats_tags takes {list} out of the names of metrics, so that \
             Prometheus shows no such label; add for each a line like {{ tag_name: {first}, regex: \
             \"^wasmcustom\\\\.(?:.*;\\\\.;)?({first}=\\\\.=(.*?);\\\\.;)\" }}"
        ),
        Mend::ExtraTags => format!(
            "extraStatTags doesn't name {list}, so that Prometheus shows no such label; add it \
             to the list"
        ),
    };
    vec![Finding::new(Rule::Label, found.start, "", problem)]
}

enum Mend {
    Tags,
    ExtraTags,
}

fn left(found: &Found, is_taken: impl Fn(&str) -> bool) -> Vec<String> {
    labels(found).into_iter().filter(|label| !is_taken(label)).collect()
}

fn has_tag(bootstrap: &Node, label: &str) -> bool {
    let tags = bootstrap.field("stats_config").and_then(|config| config.field("stats_tags"));
    tags.is_some_and(|tags| tags.items().iter().any(|tag| takes(tag, label)))
}

/// Whether a tag is about that label, whatever it is called.
fn takes(tag: &Node, label: &str) -> bool {
    let text = |key: &str| tag.field(key).and_then(|value| value.text()).unwrap_or_default();
    text("tag_name") == label || text("regex").contains(&format!("({label}="))
}

/// The labels of all metrics that the module defines by a configuration.
fn labels(found: &Found) -> BTreeSet<String> {
    let metrics = found.variables.while_present(|variables| match found.kind {
        Kind::Filter => {
            let environment = Environment { variables, ..Environment::default() };
            let policy = Policy::from_bytes(&found.bytes, &environment).ok()?;
            Some(policy.metrics().to_vec())
        }
        Kind::Hub => {
            let plan = Plan::of(HubConfig::from_bytes(&found.bytes, variables).ok()?);
            let owner = &plan.owner;
            Some(Metrics::define(&owner.sources, &owner.services, &plan.webhooks).1)
        }
    });
    metrics.unwrap_or_default().iter().flat_map(labels_of).collect()
}

fn labels_of(metric: &Metric) -> impl Iterator<Item = String> {
    let labels = metric.name.split(";.;").filter_map(|part| Some(part.split_once("=.=")?.0));
    labels.map(str::to_owned)
}
