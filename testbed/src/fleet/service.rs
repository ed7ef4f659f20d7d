//! A running service: its application, and its Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};

use super::plan::Plan;
use super::proxy::{Proxy, USERS};
use crate::app::Application;
use crate::app::behaviour::{Behaviour, Deviation};
use crate::client::tls::Authority;
use crate::envoy::Envoy;
use crate::tools::Tools;

/// What a service answers with 503.
pub const BROKEN: &str = "/orders/broken";

/// What a service doesn't answer: it closes the connection.
pub const LOST: &str = "/orders/lost";

/// A running service; it ends when this is dropped.
#[derive(Debug)]
pub struct Service {
    /// Its Envoy.
    pub envoy: Envoy,
    /// Where users ask it.
    pub users: SocketAddr,
    application: Application,
}

impl Service {
    /// Starts the one called `name`.
    pub async fn start(
        tools: &Tools,
        authority: &Authority,
        plan: &Plan,
        name: &str,
        places: &BTreeMap<String, SocketAddr>,
    ) -> Result<Self> {
        let application = Application::start(tools)?;
        application.behave(&behaviour()).await?;
        let proxy = Proxy { name, calls: plan.called_by(name), places, authority };
        let envoy = proxy.envoy(tools)?.application("app", &application.addresses).start().await?;
        ensure!(Some(&envoy.http) == places.get(name), "{name} isn't where others call it");
        let users = envoy.listener(USERS)?;
        Ok(Self { envoy, users, application })
    }

    /// Fails if a part of it has died.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.envoy.exited()? {
            bail!("Envoy has died ({status}):\n{}", self.envoy.log()?);
        }
        if let Some(status) = self.application.exited()? {
            bail!("the application has died ({status})");
        }
        Ok(())
    }
}

fn behaviour() -> Behaviour {
    let broken = Deviation { status: Some(503), ..Deviation::default() };
    let lost = Deviation { reset: true, ..Deviation::default() };
    Behaviour {
        paths: [(BROKEN.into(), broken), (LOST.into(), lost)].into(),
        ..Behaviour::default()
    }
}
