//! All services of a plan, running.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

use super::load::Load;
use super::plan::Plan;
use super::proxy::host;
use super::service::Service;
use crate::client::tls::Authority;
use crate::envoy::port;
use crate::prometheus::{Jobs, Prometheus};
use crate::tools::Tools;

/// Services, what they are asked, and who looks on; all ends when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// It scrapes every service once a second.
    pub prometheus: Prometheus,
    services: BTreeMap<String, Service>,
    _load: Load,
    _authority: Authority,
}

impl Fleet {
    /// Starts all services of a plan and has them called.
    pub async fn start(tools: &Tools, plan: &Plan) -> Result<Self> {
        Self::start_at(tools, plan, None).await
    }

    /// The same with Prometheus at `preferred`, where that port is free.
    pub async fn start_at(tools: &Tools, plan: &Plan, preferred: Option<u16>) -> Result<Self> {
        let authority = Authority::new()?;
        let mut places = BTreeMap::new();
        for name in plan.services() {
            authority.certify(&name, &[&host(&name)])?;
            places.insert(name, SocketAddr::from(([127, 0, 0, 1], port::choose()?)));
        }
        let mut services = BTreeMap::new();
        for name in places.keys() {
            let service = Service::start(tools, &authority, plan, name, &places).await;
            services.insert(name.clone(), service.with_context(|| format!("service {name}"))?);
        }
        let jobs: Jobs = services
            .iter()
            .map(|(name, service)| (name.clone(), vec![service.envoy.admin]))
            .collect();
        let prometheus = Prometheus::start_short(tools, &jobs, preferred).await?;
        let load = Load::start(plan, &services)?;
        Ok(Self { prometheus, services, _load: load, _authority: authority })
    }

    /// The services' Envoys: where each takes requests of users, and its admin interface.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, SocketAddr, SocketAddr)> {
        let services = self.services.iter();
        services.map(|(name, service)| (name.as_str(), service.users, service.envoy.admin))
    }

    /// Fails if a part of it has died by itself.
    pub fn check(&mut self) -> Result<()> {
        for (name, service) in &mut self.services {
            service.check().with_context(|| format!("service {name}"))?;
        }
        if let Some(status) = self.prometheus.exited()? {
            bail!("Prometheus has died ({status}):\n{}", self.prometheus.log()?);
        }
        Ok(())
    }
}
