//! What may be wrong between two Envoys.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde_json::Value;

/// Names of counters, or of alerts.
pub type Names = BTreeSet<String>;

/// One case; `cases.yaml` says what its keys mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub wrong: String,
    #[serde(default)]
    pub listener: Listener,
    #[serde(default)]
    pub cluster: Cluster,
    #[serde(default)]
    pub client: Names,
    #[serde(default)]
    pub server: Names,
    #[serde(default)]
    pub log: Vec<String>,
    #[serde(default)]
    pub client_alerts: Names,
    #[serde(default)]
    pub server_alerts: Names,
}

/// What the server's listener has that the healthy one hasn't.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listener {
    pub tls: Option<Value>,
    pub chain: Option<Value>,
    pub http: Option<Value>,
    pub filter: Option<Value>,
}

/// What the client's cluster has that the healthy one hasn't.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    pub tls: Option<Value>,
    pub cluster: Option<Value>,
}

/// All cases, the healthy one first.
pub fn all() -> Result<Vec<Case>> {
    serde_saphyr::from_str(include_str!("cases.yaml"))
        .map_err(|error| anyhow!("cases.yaml: {error}"))
}

impl Case {
    /// Its row of the table in the documentation.
    pub fn row(&self) -> String {
        let listed = |names: &Names, nothing: &str| match names.len() {
            0 => nothing.to_owned(),
            _ => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        };
        let log: Vec<_> = self.log.iter().map(|word| format!("`{word}`")).collect();
        let log = if log.is_empty() { "—".to_owned() } else { log.join(" ") };
        let alerts = self.client_alerts.union(&self.server_alerts).cloned().collect();
        format!(
            "| {} | {} | {} | {log} | {} |",
            self.wrong,
            listed(&self.client, "—"),
            listed(&self.server, "—"),
            listed(&alerts, "—"),
        )
    }
}
