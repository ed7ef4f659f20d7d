//! How an Envoy is to be started.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::config::{self, PluginConfig};
use super::dynamic::{self, DynamicFilter};
use super::merge::merge;
use super::process::{Envoy, config_path};
use super::{addresses, clock, istio, listeners, port};
use crate::app::Addresses;
use crate::manifest::Manifest;
use crate::tools::Tools;

/// An Envoy to be started.
#[derive(Clone, Debug)]
pub struct EnvoyBuilder {
    pub(super) tools: Tools,
    pub(super) config: Value,
    pub(super) destinations: BTreeMap<String, SocketAddr>,
    modules: BTreeMap<String, PathBuf>,
    files: Vec<(String, PathBuf)>,
    workers: usize,
    log_level: String,
    dynamic: bool,
    listeners_in_file: bool,
    drain_time: Option<Duration>,
    drain_at_once: bool,
    settable_clock: bool,
    preferred: Option<Ports>,
    more: Option<String>,
}

/// Ports that a person would type.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Of the first listener.
    pub http: u16,
    /// Of the admin interface.
    pub admin: u16,
}

impl EnvoyBuilder {
    /// An Envoy with the configuration in the YAML file at `path`, moved to
    /// free loopback ports and to the module at hand.
    pub fn new(tools: &Tools, path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let config = serde_saphyr::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        Ok(Self::from_config(tools, config))
    }

    /// An Envoy with a configuration that was made here, moved likewise.
    pub fn from_config(tools: &Tools, config: Value) -> Self {
        Self {
            tools: tools.clone(),
            config,
            destinations: BTreeMap::new(),
            modules: BTreeMap::new(),
            files: vec![],
            workers: 2,
            log_level: "info".into(),
            dynamic: false,
            listeners_in_file: false,
            drain_time: None,
            drain_at_once: false,
            settable_clock: false,
            preferred: None,
            more: None,
        }
    }

    /// Applies the resources in the YAML file at `path`, as Istio would.
    pub fn istio(mut self, path: &Path) -> Result<Self> {
        for manifest in Manifest::read(path)? {
            istio::apply(&mut self.config, manifest.value())
                .with_context(|| path.display().to_string())?;
        }
        Ok(self)
    }

    /// Merges `patch` into the configuration (see [`merge`]).
    pub fn patch(mut self, patch: &Value) -> Self {
        merge(&mut self.config, patch);
        self
    }

    /// Merges `patch` into every HTTP connection manager.
    pub fn patch_hcm(mut self, patch: &Value) -> Self {
        config::merge_hcm(&mut self.config, patch);
        self
    }

    /// Merges `patch` into every filter chain.
    pub fn patch_filter_chains(mut self, patch: &Value) -> Self {
        config::merge_filter_chains(&mut self.config, patch);
        self
    }

    /// Configures the filter; what stands in the file holds otherwise.
    pub fn plugin_config(mut self, plugin_config: PluginConfig) -> Self {
        config::set_plugin_config(&mut self.config, &plugin_config);
        self
    }

    /// Points the clusters `name` and `name_grpc`, and every endpoint with one
    /// of these as its host name, at an application.
    pub fn application(self, name: &str, application: &Addresses) -> Self {
        let grpc = format!("{name}_grpc");
        self.destination(name, application.http).destination(&grpc, application.grpc)
    }

    /// Points the cluster `name`, and every endpoint with this host name, at
    /// `address`. The host name `admin` leads to Envoy's own admin interface,
    /// `self` to its first listener, and a listener's name to that one, as does the
    /// address that the configuration has it listen on.
    pub fn destination(mut self, name: &str, address: SocketAddr) -> Self {
        self.destinations.insert(name.into(), address);
        self
    }

    /// Has the plugin called `name` run another module than the one at hand.
    pub fn module_of(mut self, name: &str, module: &Path) -> Self {
        self.modules.insert(name.into(), module.into());
        self
    }

    /// Puts the file at `path` in the place of the one that the configuration calls `named`.
    pub fn file(mut self, named: &str, path: &Path) -> Self {
        self.files.push((named.into(), path.into()));
        self
    }

    /// Sets a variable of every VM's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        config::set_variable(&mut self.config, name, value);
        self
    }

    /// Worker threads; two otherwise.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The log level; `info` otherwise.
    pub fn log_level(mut self, level: &str) -> Self {
        self.log_level = level.into();
        self
    }

    /// Whether the filter can be configured anew ([`Envoy::reload`]).
    pub fn dynamic(mut self, dynamic: bool) -> Self {
        self.dynamic = dynamic;
        self
    }

    /// Has the filter asked for under this name: `source` is the JSON of an
    /// ExtensionConfigSource. Whoever is behind it must bring everything, the module's
    /// place and the configuration.
    pub fn discover(mut self, name: &str, source: &Value) -> Self {
        config::discover_wasm_filters(&mut self.config, name, source);
        self
    }

    /// Whether its listeners can be changed ([`Envoy::set_listeners`]).
    pub fn listeners_in_file(mut self, listeners_in_file: bool) -> Self {
        self.listeners_in_file = listeners_in_file;
        self
    }

    /// How long connections may stay that an update of a listener has overtaken, in whole
    /// seconds; ten minutes otherwise.
    pub fn drain_time(mut self, drain_time: Duration) -> Self {
        self.drain_time = Some(drain_time);
        self
    }

    /// Asks all clients of such connections at once to close them, instead of more and more.
    pub fn drain_at_once(mut self) -> Self {
        self.drain_at_once = true;
        self
    }

    /// Whether its clock can be set ([`Envoy::set_clock`]).
    pub fn settable_clock(mut self, settable_clock: bool) -> Self {
        self.settable_clock = settable_clock;
        self
    }

    /// Takes these ports where they are free, instead of any.
    pub fn prefer(mut self, ports: Ports) -> Self {
        self.preferred = Some(ports);
        self
    }

    /// Has this listener be the first, which is where [`prefer`](Self::prefer) says.
    pub fn first_listener(mut self, name: &str) -> Self {
        let listeners = self.config.pointer_mut("/static_resources/listeners");
        if let Some(listeners) = listeners.and_then(Value::as_array_mut) {
            listeners.sort_by_key(|listener| listener["name"] != name);
        }
        self
    }

    /// Has Envoy add this YAML to its configuration by itself: lists grow, and what is one
    /// value is replaced. Addresses and files in it stay what they are.
    pub fn config_yaml(mut self, more: &str) -> Self {
        self.more = Some(more.into());
        self
    }

    /// Starts it and waits until it serves; fails with its log if it doesn't.
    pub async fn start(self) -> Result<Envoy> {
        let home = home()?;
        let admin = self.admin_address()?;
        let Prepared { mut command, listeners, filters } = self.prepare(&home, admin)?;
        let mut envoy = Envoy::boot(&mut command, home, admin, &listeners).await?;
        envoy.dynamic = filters;
        Ok(envoy)
    }

    /// Lets Envoy load the configuration, module and all, and exit; fails with
    /// its log if it finds fault.
    pub fn validate(self) -> Result<()> {
        let home = home()?;
        let admin = self.admin_address()?;
        let Prepared { mut command, .. } = self.prepare(&home, admin)?;
        let output = command.args(["--mode", "validate"]).output().context("can't run Envoy")?;
        ensure!(
            output.status.success(),
            "Envoy finds fault ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn prepare(mut self, home: &TempDir, admin: SocketAddr) -> Result<Prepared> {
        config::set_modules(&mut self.config, |name, shipped| {
            if let Some(other) = self.modules.get(name) {
                return Ok(other.clone());
            }
            let hub = shipped.ends_with("heartbeat_hub.wasm");
            if hub { self.tools.hub_module() } else { self.tools.module() }.map(Path::to_owned)
        })?;
        config::set_files(&mut self.config, &self.files);
        self.destinations.insert("admin".into(), admin);
        addresses::set_endpoints(&mut self.config, &self.destinations);
        addresses::move_admin(&mut self.config, admin);
        let http = self.preferred.map(|ports| ports.http).filter(|port| port::is_free(*port));
        let listeners =
            addresses::move_listeners(&mut self.config, http.unwrap_or(0), port::choose)?;
        let filters = if self.dynamic {
            dynamic::move_to_files(&mut self.config, home.path())?
        } else {
            vec![]
        };
        if self.listeners_in_file {
            listeners::move_to_file(&mut self.config, home.path())?;
        }
        let path = config_path(home.path());
        std::fs::write(&path, serde_json::to_vec_pretty(&self.config)?)
            .with_context(|| format!("can't write {}", path.display()))?;

        let mut command = Command::new(self.tools.envoy()?);
        command.arg("--config-path").arg(path);
        if let Some(more) = &self.more {
            command.args(["--config-yaml", more]);
        }
        command.args(["--concurrency", &self.workers.to_string()]);
        command.args(["--log-level", &self.log_level]);
        if self.settable_clock {
            clock::make_settable(&mut command, home.path(), self.tools.clock()?)?;
        }
        if let Some(drain_time) = self.drain_time {
            command.args(["--drain-time-s", &drain_time.as_secs().to_string()]);
        }
        if self.drain_at_once {
            command.args(["--drain-strategy", "immediate"]);
        }
        // On every start Envoy lists all that it is built from; that is left out.
        command.args(["--component-log-level", "main:warning"]);
        // Without hot restart no two Envoys can be in each other's way, and a
        // killed one leaves nothing in shared memory.
        command.arg("--disable-hot-restart");
        // Access logs are read soon after the request.
        command.args(["--file-flush-interval-msec", "50"]);
        Ok(Prepared { command, listeners, filters })
    }

    fn admin_address(&self) -> Result<SocketAddr> {
        let port = self.preferred.map(|ports| ports.admin).filter(|port| port::is_free(*port));
        let port = port.map_or_else(port::choose, Ok)?;
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

/// All that is known before the start.
struct Prepared {
    command: Command,
    /// The listeners' names.
    listeners: Vec<String>,
    filters: Vec<DynamicFilter>,
}

/// A folder for what one Envoy writes.
pub(super) fn home() -> Result<TempDir> {
    tempfile::Builder::new().prefix("testbed-envoy-").tempdir().context("no temporary directory")
}
