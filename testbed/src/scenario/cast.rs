//! The applications of a scenario under way.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::arrivals::{Arrivals, Before};
use super::format::Scenario;
use super::order::Order;
use super::role::Role;
use crate::app::behaviour::Behaviour;
use crate::app::{Addresses, Application};
use crate::hosts::Hosts;
use crate::tools::Tools;

/// Every application that a scenario has.
#[derive(Debug)]
pub struct Cast {
    actors: BTreeMap<Role, Actor>,
}

#[derive(Debug)]
struct Actor {
    app: Application,
    /// What it was told last.
    behaviour: Behaviour,
    /// The paths that are overlooked in what it sees.
    ignores: Vec<String>,
}

impl Cast {
    /// Starts them all, each behaving as the scenario says at first.
    pub async fn start(scenario: &Scenario, tools: &Tools) -> Result<Self> {
        let mut actors = BTreeMap::new();
        for role in Role::ALL {
            let Some(behaviour) = scenario.behaviour(role) else { continue };
            let app = Application::start(tools)?;
            app.behave(&behaviour).await?;
            let ignores = scenario.ignores(role).to_vec();
            actors.insert(role, Actor { app, behaviour, ignores });
        }
        Ok(Self { actors })
    }

    /// Takes over the application that has a host of its own.
    pub async fn on_hosts(scenario: &Scenario, hosts: &Hosts, tools: &Tools) -> Result<Self> {
        let role = Role::App;
        let behaviour = scenario.behaviour(role).unwrap_or_default();
        let mut app = Application::on_host(hosts.host(role.key()).await?, tools).await?;
        app.behave(&behaviour).await?;
        if let Some(first) = &scenario.hosts {
            app.befall(first.app, tools).await?;
        }
        // What reached it in earlier scenarios is no business of this one.
        app.take_seen().await?;
        let ignores = scenario.ignores(role).to_vec();
        Ok(Self { actors: BTreeMap::from([(role, Actor { app, behaviour, ignores })]) })
    }

    /// Where they listen, by name.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &Addresses)> {
        self.actors.iter().map(|(role, actor)| (role.key(), &actor.app.addresses))
    }

    /// Carries out an order.
    pub async fn obey(&mut self, role: Role, order: &Order, tools: &Tools) -> Result<()> {
        let actor = self.actors.get_mut(&role).with_context(|| format!("{role} isn't there"))?;
        match order {
            Order::Set(behaviour) => {
                // How it closes connections is no matter of paths.
                let on_close = actor.behaviour.on_close;
                actor.behaviour = Behaviour { on_close, ..behaviour.clone() };
                actor.app.behave(&actor.behaviour).await
            }
            Order::Signal(signal) => actor.app.signal(*signal),
            Order::Restart => {
                actor.app.restart(tools).await?;
                actor.app.behave(&actor.behaviour).await
            }
            Order::Befall(condition) => {
                let id = actor.app.id();
                actor.app.befall(*condition, tools).await?;
                if actor.app.id() != id {
                    actor.app.behave(&actor.behaviour).await?;
                }
                Ok(())
            }
        }
    }

    /// Makes ready to see what reaches them.
    pub async fn before(
        &self,
        expected: &BTreeMap<Role, Arrivals>,
    ) -> Result<BTreeMap<Role, Before>> {
        let mut all = BTreeMap::new();
        for (role, arrivals) in expected {
            all.insert(*role, arrivals.before(&self.actor(*role)?.app).await?);
        }
        Ok(all)
    }

    /// What is wrong with what has reached them.
    pub async fn faults(
        &self,
        expected: &BTreeMap<Role, Arrivals>,
        before: &BTreeMap<Role, Before>,
    ) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        for (role, arrivals) in expected {
            let (actor, before) =
                (self.actor(*role)?, before.get(role).context("nobody looked before")?);
            faults.extend(arrivals.faults(*role, &actor.app, &actor.ignores, before).await?);
        }
        Ok(faults)
    }

    fn actor(&self, role: Role) -> Result<&Actor> {
        self.actors.get(&role).with_context(|| format!("{role} isn't there"))
    }
}
