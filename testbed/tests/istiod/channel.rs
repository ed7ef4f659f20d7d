//! The ways on which a plugin comes to Envoy.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::envoy::{Envoy, EnvoyBuilder};

use crate::control_plane::{ControlPlane, Verdict};
use crate::wasm_plugin::{self, TYPE_URLS, WasmPlugin};

/// How long Envoy may take to look at a file.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How a plugin is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a file that Envoy watches.
    File,
    /// By a control plane that sends the state of the world.
    StateOfTheWorld,
    /// By a control plane that sends what has changed.
    Delta,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::File, Self::StateOfTheWorld, Self::Delta];

    /// Its name in those of tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "by_file",
            Self::StateOfTheWorld => "by_grpc",
            Self::Delta => "by_delta_grpc",
        }
    }
}

/// A way, opened.
#[derive(Debug)]
pub enum Channel {
    File { home: TempDir },
    Grpc { plane: Box<ControlPlane>, api_type: &'static str },
}

impl Channel {
    /// Opens a way.
    pub async fn open(way: Way) -> Result<Self> {
        let grpc = async |api_type| {
            Ok(Self::Grpc { plane: Box::new(ControlPlane::start().await?), api_type })
        };
        match way {
            Way::File => Ok(Self::File { home: tempfile::tempdir()? }),
            Way::StateOfTheWorld => grpc("GRPC").await,
            Way::Delta => grpc("DELTA_GRPC").await,
        }
    }

    /// Has an Envoy get `plugin` on this way. Without a timeout a listener waits until its
    /// plugins are there, as in Istio.
    pub fn attach(&self, envoy: EnvoyBuilder, plugin: &WasmPlugin) -> EnvoyBuilder {
        let mut source = json!({ "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
        match self {
            Self::File { .. } => source["path_config_source"] = json!({ "path": self.file() }),
            Self::Grpc { .. } => source["ads"] = json!({}),
        }
        let discovery = json!({ "config_source": source, "type_urls": TYPE_URLS });
        envoy.discover(&plugin.resource, &discovery).patch(&self.bootstrap())
    }

    /// What Istio's bootstrap has for its control plane.
    fn bootstrap(&self) -> Value {
        let Self::Grpc { plane, api_type } = self else { return json!({}) };
        let (host, port) = (plane.address.ip().to_string(), plane.address.port());
        let address = json!({ "socket_address": { "address": host, "port_value": port } });
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let http2 = json!({
            "@type": format!("type.googleapis.com/{options}"),
            "explicit_http_config": { "http2_protocol_options": {} },
        });
        let cluster = json!({
            "name": "xds-grpc",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": { options: http2 },
            "load_assignment": {
                "cluster_name": "xds-grpc",
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
            },
        });
        json!({
            "static_resources": { "clusters": [cluster] },
            "dynamic_resources": { "ads_config": {
                "api_type": api_type,
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
            } },
        })
    }

    fn file(&self) -> PathBuf {
        match self {
            Self::File { home } => home.path().join("ecds.json"),
            Self::Grpc { .. } => PathBuf::new(),
        }
    }

    /// Delivers a plugin to whatever Envoy asks for it.
    pub fn send(&self, plugin: &WasmPlugin) -> Result<()> {
        match self {
            Self::File { .. } => self.write(&[plugin.to_json()]),
            Self::Grpc { plane, .. } => {
                plane.publish(plugin.to_extension());
                Ok(())
            }
        }
    }

    /// Delivers a plugin; returns what Envoy makes of it. What is wrong with one in a file
    /// stands in the log only.
    pub async fn deliver(&mut self, plugin: &WasmPlugin, envoy: &Envoy) -> Result<Verdict> {
        match self {
            Self::File { .. } => {
                let before = Updates::read(envoy).await?;
                self.write(&[plugin.to_json()])?;
                before.next(envoy).await
            }
            Self::Grpc { plane, .. } => {
                let version = plane.publish(plugin.to_extension());
                plane.verdict(version).await
            }
        }
    }

    /// Whether any filter asks for a plugin over gRPC.
    pub fn is_asked(&self) -> bool {
        matches!(self, Self::Grpc { plane, .. } if plane.is_asked())
    }

    /// Delivers what the agent has for a plugin whose module it can't fetch; over gRPC only.
    pub async fn stand_in(&mut self, resource: &str) -> Result<Verdict> {
        let Self::Grpc { plane, .. } = self else { bail!("there is no agent behind a file") };
        let version = plane.publish(wasm_plugin::stand_in(resource));
        plane.verdict(version).await
    }

    /// Takes the plugin away; returns what Envoy makes of that.
    pub async fn remove(&mut self, envoy: &Envoy) -> Result<Verdict> {
        match self {
            Self::File { .. } => {
                let before = Updates::read(envoy).await?;
                self.write(&[])?;
                before.next(envoy).await
            }
            Self::Grpc { plane, .. } => {
                let version = plane.remove();
                plane.verdict(version).await
            }
        }
    }

    /// Envoy looks when a file is moved to the path, so it never reads half of one.
    fn write(&self, resources: &[Value]) -> Result<()> {
        let (file, new) = (self.file(), self.file().with_extension("new"));
        std::fs::write(&new, json!({ "resources": resources }).to_string())?;
        std::fs::rename(&new, &file).with_context(|| format!("can't write {}", file.display()))
    }
}

/// How often Envoy has taken and refused what was in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Updates {
    taken: u64,
    refused: u64,
}

impl Updates {
    async fn read(envoy: &Envoy) -> Result<Self> {
        let page = envoy.admin_get("/stats?filter=^extension_config_discovery").await?;
        let value = |stat: &str| {
            let mut values = page.lines().filter_map(|line| line.split_once(": "));
            let value = values.find(|(name, _)| name.ends_with(stat)).map(|(_, value)| value);
            value.and_then(|value| value.trim().parse().ok()).context("no such statistic")
        };
        Ok(Self { taken: value(".update_success")?, refused: value(".update_rejected")? })
    }

    /// The verdict that comes after these.
    async fn next(self, envoy: &Envoy) -> Result<Verdict> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let now = Self::read(envoy).await?;
            if now.refused > self.refused {
                return Ok(Err(String::new()));
            } else if now.taken > self.taken {
                return Ok(Ok(()));
            } else if Instant::now() > deadline {
                bail!("Envoy doesn't look at the file within {TIMEOUT:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
