//! The containers of `testbed/compose.yaml`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use super::engine::Engine;
use super::host::Host;

/// The socket of the engine that runs the containers.
const SOCKET: &str = "/var/run/docker.sock";

/// The containers of one Compose project.
#[derive(Clone, Debug)]
pub struct Hosts {
    pub(super) engine: Engine,
    project: String,
    config: PathBuf,
}

impl Hosts {
    /// The project named by `HEARTBEAT_HOSTS`; `None` outside of one. Its Envoy reads
    /// its configuration from `HEARTBEAT_HOSTS_CONFIG`.
    pub fn from_env() -> Option<Self> {
        let project = std::env::var("HEARTBEAT_HOSTS").ok()?;
        let config = std::env::var_os("HEARTBEAT_HOSTS_CONFIG")?.into();
        Some(Self { engine: Engine::new(SOCKET.as_ref()), project, config })
    }

    /// The file that the container `envoy` reads when it starts.
    pub fn envoy_config(&self) -> &PathBuf {
        &self.config
    }

    /// The container of a service.
    pub async fn host(&self, service: &str) -> Result<Host> {
        let label = |name: &str, value: &str| format!("com.docker.compose.{name}={value}");
        let labels =
            [label("project", &self.project), label("service", service), label("oneoff", "False")];
        // What stands in these names and braces needs little encoding.
        let filters = json!({ "label": labels }).to_string();
        let filters: String = filters.chars().map(encoded).collect();
        let found = self.engine.get(&format!("/containers/json?all=1&filters={filters}")).await?;
        let id = found.pointer("/0/Id").and_then(|id| id.as_str());
        let id = id.with_context(|| format!("{} has no container {service}", self.project))?;
        Ok(Host::new(self.engine.clone(), &self.project, service, id))
    }
}

fn encoded(character: char) -> String {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | ':' | ',' => character.into(),
        other => format!("%{:02X}", u32::from(other)),
    }
}
