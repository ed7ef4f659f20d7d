//! What the live trials look at: an Envoy under load, and a real Prometheus that looks on.

use anyhow::Result;
use testbed::prometheus::catalogue::Catalogue;
use testbed::prometheus::{Prometheus, scraped};

/// What runs.
pub struct Stack {
    /// Envoy's admin interface.
    pub admin: std::net::SocketAddr,
    /// The Prometheus that scrapes it.
    pub prometheus: Prometheus,
    /// The metrics that there should be.
    pub catalogue: Catalogue,
}

/// Starts all of it.
pub async fn start() -> Result<(Stack, scraped::Scraped)> {
    let tools = crate::tools();
    let scraped = scraped::Scraped::start(&tools).await?;
    let admin = scraped.envoy.admin;
    let prometheus = Prometheus::start(&tools, admin).await?;
    first_scrape(&prometheus).await?;
    let catalogue = scraped::expected(&scraped::plugin_config()?)?;
    Ok((Stack { admin, prometheus, catalogue }, scraped))
}

/// Waits until there is something to look at.
async fn first_scrape(prometheus: &Prometheus) -> Result<()> {
    crate::faults::eventually(async || {
        let up = prometheus.query("up == 1").await?;
        Ok(if up.is_empty() { vec!["Prometheus has scraped nothing".into()] } else { vec![] })
    })
    .await
}
