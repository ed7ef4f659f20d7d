//! Other configurations for the filter of a running Envoy.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::config::PluginConfig;
use super::process::Envoy;

/// How long Envoy may take to load a new configuration.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is asked whether it has.
const POLL: Duration = Duration::from_millis(5);

/// What Envoy makes of a new configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// It holds from now on, on every worker.
    Taken,
    /// Envoy found fault with it; the old one still holds.
    Refused,
}

impl Envoy {
    /// Configures the filter anew; the Envoy must have been built `dynamic`.
    pub async fn reload(&mut self, plugin_config: &PluginConfig) -> Result<Reloaded> {
        ensure!(!self.dynamic.is_empty(), "this Envoy's filter is configured for good");
        let before = self.reloads().await?;
        for filter in &mut self.dynamic {
            filter.set(plugin_config)?;
        }
        let all = self.dynamic.len() as u64;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let now = self.reloads().await?;
            match (now.taken - before.taken, now.refused - before.refused) {
                (taken, 0) if taken >= all => return Ok(Reloaded::Taken),
                (taken, refused) if taken + refused >= all => return Ok(Reloaded::Refused),
                _ if Instant::now() > deadline => {
                    bail!("Envoy sees no new configuration within {TIMEOUT:?}")
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    async fn reloads(&self) -> Result<Reloads> {
        let page = self.admin_get("/stats?filter=^extension_config_discovery").await?;
        let sum = |stat: &str| {
            let values = page.lines().filter_map(|line| line.split_once(": "));
            values
                .filter(|(name, _)| name.ends_with(stat))
                .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
                .sum()
        };
        Ok(Reloads { taken: sum(".config_reload"), refused: sum(".config_fail") })
    }
}

/// How often Envoy has taken and refused configurations.
struct Reloads {
    taken: u64,
    refused: u64,
}
