//! Names of the metrics.
//!
//! A Proxy-Wasm metric has a name and no labels. Labels travel in the name, in
//! the form that Istio's own tag regexes and the `stats_tags` of
//! `envoy-config/static` turn back into labels: `label.=value;.;` before the
//! name, once for each.

use crate::outcome::Outcome;

/// `heartbeat_probe_total{probe, outcome}`.
pub fn probe_total(probe: &str, outcome: Outcome) -> String {
    format!("probe.={probe};.;outcome.={};.;heartbeat_probe_total", outcome.word())
}
