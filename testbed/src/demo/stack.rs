//! What both commands start: the demo application, and Envoy in front of it.

use anyhow::{Context, Result};

use super::config;
use crate::app::Application;
use crate::envoy::{Envoy, EnvoyBuilder, PluginConfig, Ports};
use crate::screen::progress;
use crate::tools::{self, Tools};

/// The shipped configuration that is shown, below `envoy-config`.
const CONFIG: &str = "static/envoy.yaml";

/// Envoy and the application behind it; both end when this is dropped.
#[derive(Debug)]
pub struct Stack {
    /// Envoy with the filter.
    pub envoy: Envoy,
    /// The demo application.
    pub application: Application,
}

impl Stack {
    /// Starts both, Envoy on `ports` where they are free, else on any.
    pub async fn start(tools: &Tools, ports: Option<Ports>) -> Result<Self> {
        progress("start the demo application");
        let application = Application::start(tools)?;
        progress(&format!(
            "start Envoy with envoy-config/{CONFIG} and the filter, and checks and a breaker on top"
        ));
        let mut builder = EnvoyBuilder::new(tools, &tools::envoy_configs().join(CONFIG))?
            .application("app", &application.addresses)
            .patch(&config::envoy())
            .plugin_config(PluginConfig::Text(config::filter().to_string()))
            // Should Envoy refuse to start, its log is the error message.
            .log_level("warning");
        if let Some(ports) = ports {
            builder = builder.prefer(ports);
        }
        let envoy = builder.start().await.context("Envoy with the filter can't be started")?;
        Ok(Self { envoy, application })
    }
}
