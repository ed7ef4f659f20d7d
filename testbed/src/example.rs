//! What a JSON text of the documentation, or of a configuration of Envoy, is meant for.

use serde_json::Value;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// A configuration of the filter.
    Filter,
    /// A configuration of the hub.
    Hub,
    /// A health event, or a batch of them.
    Event,
}

impl Example {
    /// By its keys; the filter's needs none.
    pub fn of(json: &Value) -> Self {
        let has = |key: &str| json.get(key).is_some();
        if json.is_array() || has("instance_id") {
            Self::Event
        } else if has("services") || has("sources") {
            Self::Hub
        } else {
            Self::Filter
        }
    }

    /// Its schema, in `envoy-config/schema`.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Filter => "heartbeat.schema.json",
            Self::Hub => "heartbeat-hub.schema.json",
            Self::Event => "health-event.schema.json",
        }
    }
}
