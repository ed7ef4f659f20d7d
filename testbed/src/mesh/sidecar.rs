//! Sidecars that tell hubs how their application is.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::Value;

use super::authority::certified;
use super::hub::Place;
use crate::client::tls::Authority;
use crate::envoy::{Envoy, EnvoyBuilder, PluginConfig};
use crate::tools::{self, Tools};

/// The shipped sidecar in front of `application`, at a place, with another configuration of
/// the filter, in which `${INSTANCE}` is the sidecar's own address. Its clusters `hub_1` and
/// `hub_2` lead to these hubs.
pub fn envoy_of_sidecar(
    tools: &Tools,
    authority: &Authority,
    place: Place,
    application: SocketAddr,
    hubs: [SocketAddr; 2],
    config: &Value,
) -> Result<EnvoyBuilder> {
    let path = tools::envoy_configs().join("mesh/sidecar.yaml");
    let [one, other] = hubs;
    let builder = EnvoyBuilder::new(tools, &path)?
        .destination("app", application)
        .destination("10.0.0.11", one)
        .destination("10.0.0.12", other)
        .variable("INSTANCE", &place.mesh().to_string())
        .plugin_config(PluginConfig::Text(config.to_string()));
    Ok(certified(builder, authority, "sidecar"))
}

impl Place {
    /// Starts an Envoy here, and nowhere else.
    pub async fn start(self, builder: EnvoyBuilder) -> Result<Envoy> {
        builder.prefer(self.ports).start().await
    }
}
