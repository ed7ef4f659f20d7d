//! The applications of a scenario under way.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::app_command::AppCommand;
use super::arrivals::{Arrivals, Before};
use super::format::Scenario;
use super::role::Role;
use crate::app::behaviour::Behaviour;
use crate::app::{Addresses, Application};
use crate::hosts::Hosts;
use crate::tools::Tools;

/// Every application that a scenario has.
#[derive(Debug)]
pub struct Apps {
    apps: BTreeMap<Role, App>,
}

#[derive(Debug)]
struct App {
    application: Application,
    /// How it was last told to behave.
    behaviour: Behaviour,
    /// The paths that are overlooked in what it sees.
    ignores: Vec<String>,
}

impl Apps {
    /// Starts them all, each behaving as the scenario says at first.
    pub async fn start(scenario: &Scenario, tools: &Tools) -> Result<Self> {
        let mut apps = BTreeMap::new();
        for role in Role::ALL {
            let Some(behaviour) = scenario.behaviour(role) else { continue };
            let application = Application::start(tools)?;
            application.behave(&behaviour).await?;
            let ignores = scenario.ignores(role).to_vec();
            apps.insert(role, App { application, behaviour, ignores });
        }
        Ok(Self { apps })
    }

    /// Takes over the application that has a host of its own.
    pub async fn on_hosts(scenario: &Scenario, hosts: &Hosts, tools: &Tools) -> Result<Self> {
        let role = Role::App;
        let behaviour = scenario.behaviour(role).unwrap_or_default();
        let mut application = Application::on_host(hosts.host(role.key()).await?, tools).await?;
        application.behave(&behaviour).await?;
        if let Some(first) = &scenario.hosts {
            application.set_host_condition(first.app, tools).await?;
        }
        // What reached it in earlier scenarios is nothing to this one.
        application.take_seen().await?;
        let ignores = scenario.ignores(role).to_vec();
        Ok(Self { apps: BTreeMap::from([(role, App { application, behaviour, ignores })]) })
    }

    /// Where they listen, by name.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &Addresses)> {
        self.apps.iter().map(|(role, app)| (role.key(), &app.application.addresses))
    }

    /// Carries out a command.
    pub async fn execute(&mut self, role: Role, command: &AppCommand, tools: &Tools) -> Result<()> {
        let app = self.apps.get_mut(&role).with_context(|| format!("{role} isn't there"))?;
        match command {
            AppCommand::Set(behaviour) => {
                // How it closes connections is set once, not by path.
                let on_close = app.behaviour.on_close;
                app.behaviour = Behaviour { on_close, ..behaviour.clone() };
                app.application.behave(&app.behaviour).await
            }
            AppCommand::Signal(signal) => app.application.signal(*signal),
            AppCommand::Restart => {
                app.application.restart(tools).await?;
                app.application.behave(&app.behaviour).await
            }
            AppCommand::SetHostCondition(condition) => {
                let id = app.application.id();
                app.application.set_host_condition(*condition, tools).await?;
                if app.application.id() != id {
                    app.application.behave(&app.behaviour).await?;
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
            all.insert(*role, arrivals.before(&self.app(*role)?.application).await?);
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
            let (app, before) = (
                self.app(*role)?,
                before.get(role).context("what came before the step isn't known")?,
            );
            faults.extend(arrivals.faults(*role, &app.application, &app.ignores, before).await?);
        }
        Ok(faults)
    }

    /// The application itself.
    pub fn application(&self, role: Role) -> Result<&Application> {
        self.app(role).map(|app| &app.application)
    }

    fn app(&self, role: Role) -> Result<&App> {
        self.apps.get(&role).with_context(|| format!("{role} isn't there"))
    }
}
