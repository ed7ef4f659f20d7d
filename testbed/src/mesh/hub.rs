//! Hubs.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::authority::certified;
use crate::client::http::{self, Request, Response};
use crate::client::tls::Authority;
use crate::envoy::{Envoy, EnvoyBuilder, PluginConfig, Ports, port};
use crate::tools::{self, Tools};

/// Where a hub is, before it runs and between two runs.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub(super) ports: Ports,
}

impl Place {
    /// One that nobody uses.
    pub fn choose() -> Result<Self> {
        Ok(Self { ports: Ports { http: port::choose()?, admin: port::choose()? } })
    }

    /// Where clients ask.
    pub fn mesh(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.http))
    }
}

/// Where the shipped hub has its page for people.
pub const PAGE: &str = "/etc/envoy/heat-map.html";

/// That page.
pub fn heat_map() -> PathBuf {
    tools::envoy_configs().join("mesh/heat-map.html")
}

/// The shipped hub with another configuration of the module.
pub fn envoy_of_hub(tools: &Tools, authority: &Authority, config: &Value) -> Result<EnvoyBuilder> {
    let path = tools::envoy_configs().join("mesh/hub.yaml");
    let builder = EnvoyBuilder::new(tools, &path)?;
    let builder = certified(builder, authority, "hub").file(PAGE, &heat_map());
    Ok(builder.plugin_config(PluginConfig::Text(config.to_string())))
}

/// Changes the `vm_config` of a hub.
#[must_use]
pub fn with_vm_config(builder: EnvoyBuilder, vm_config: &Value) -> EnvoyBuilder {
    builder.patch_hcm(&json!({ "http_filters": [{ "name": "heartbeat_hub", "typed_config": {
        "config": { "vm_config": vm_config } } }] }))
}

/// Sets variables in the environment of a hub's VM.
#[must_use]
pub fn with_variables(builder: EnvoyBuilder, variables: &Value) -> EnvoyBuilder {
    with_vm_config(builder, &json!({ "environment_variables": { "key_values": variables } }))
}

/// A running hub; it dies when this is dropped.
#[derive(Debug)]
pub struct Hub {
    /// Its Envoy.
    pub envoy: Envoy,
    /// For machines: by mutual TLS.
    pub mesh: SocketAddr,
    /// For people: without.
    pub people: SocketAddr,
}

impl Hub {
    /// Starts one anywhere.
    pub async fn start(builder: EnvoyBuilder) -> Result<Self> {
        Self::start_at(builder, Place::choose()?).await
    }

    /// Starts one at a place.
    pub async fn start_at(builder: EnvoyBuilder, place: Place) -> Result<Self> {
        let envoy = builder.prefer(place.ports).start().await?;
        let (mesh, people) = (envoy.listener("mesh")?, envoy.listener("people")?);
        Ok(Self { envoy, mesh, people })
    }

    /// Asks as people do.
    pub async fn get(&self, path: &str) -> Result<Response> {
        http::fetch(self.people, &Request::new("GET", path)).await
    }
}
