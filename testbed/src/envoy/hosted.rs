//! An Envoy with a host of its own: the container `envoy` of `testbed/compose.yaml`,
//! which is stock, reads its configuration from a file and has the module mounted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::addresses;
use super::builder::{EnvoyBuilder, home};
use super::process::Envoy;
use crate::hosts::{Hosts, Network};

/// The admin port in every shipped configuration.
const ADMIN_PORT: u16 = 9901;

impl EnvoyBuilder {
    /// Starts the host `envoy` once more, with this configuration, and waits until it
    /// serves; fails with its log if it doesn't. It keeps its ports, looks applications
    /// up by their names, and has as many workers as `testbed/compose.yaml` gives it.
    pub async fn start_on(mut self, hosts: &Hosts) -> Result<Envoy> {
        let listeners = addresses::move_to_host(&mut self.config, &self.destinations, ADMIN_PORT);
        let host = hosts.host("envoy").await?;
        // While it runs it could be taken for the new one.
        host.stop().await?;
        let path = hosts.envoy_config();
        std::fs::write(path, serde_json::to_vec_pretty(&self.config)?)
            .with_context(|| format!("can't write {}", path.display()))?;
        let since = SystemTime::now();
        host.start().await?;
        // One that has ended already has none; what follows it will say why it did.
        let address = host.address(Network::Edge).await.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let admin = SocketAddr::new(address, ADMIN_PORT);
        let mut command = host.follower(&self.tools, since);
        let mut envoy = Envoy::boot(&mut command, home()?, admin, &listeners).await?;
        envoy.http = seen_from_here(envoy.http, address);
        for listener in envoy.listeners.values_mut() {
            *listener = seen_from_here(*listener, address);
        }
        Ok(envoy)
    }
}

/// Envoy says where it listens on its host; from elsewhere that is the host's address.
fn seen_from_here(listener: SocketAddr, host: IpAddr) -> SocketAddr {
    SocketAddr::new(host, listener.port())
}
