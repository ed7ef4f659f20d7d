//! A scenario as it is written, but for its steps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::pattern::Pattern;
use super::role::Role;
use super::span::Amount;
use super::step::{Action, Step, check_order};
use super::template;
use crate::app::behaviour::{Behaviour, Deviation, OnClose, ServingStatus};
use crate::client::tls::Authority;
use crate::envoy::{EnvoyBuilder, PluginConfig};
use crate::hosts::Condition;
use crate::tools::{self, Tools};

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The rule that it proves.
    pub name: String,
    /// Whether it keeps the machine so busy that it would disturb others.
    #[serde(default)]
    pub alone: bool,
    /// If it is about hosts, those of `testbed/compose.yaml`: what they are like at first.
    pub hosts: Option<HostsAtFirst>,
    config: Option<Value>,
    /// How Envoy is started.
    #[serde(default)]
    pub(super) envoy: EnvoyOptions,
    #[serde(default)]
    app: BTreeMap<String, Deviation>,
    #[serde(default)]
    grpc_services: BTreeMap<String, ServingStatus>,
    app_on_close: Option<OnClose>,
    #[serde(default)]
    app_ignores: Vec<String>,
    dependency: Option<BTreeMap<String, Deviation>>,
    #[serde(default)]
    dependency_grpc_services: BTreeMap<String, ServingStatus>,
    #[serde(default)]
    dependency_ignores: Vec<String>,
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, Amount>,
    #[serde(default)]
    pub(super) log: Vec<Pattern>,
    #[serde(default)]
    pub(super) log_never: Vec<Pattern>,
    pub(super) refused: Option<Vec<Pattern>>,
}

/// What the hosts are like when Envoy starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostsAtFirst {
    pub(super) app: Condition,
}

impl Default for HostsAtFirst {
    fn default() -> Self {
        Self { app: Condition::Well }
    }
}

/// How Envoy is started.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvoyOptions {
    file: String,
    /// The page in `docs/recipes` whose configuration it has, instead of `file` and `config`.
    recipe: Option<String>,
    shipped_config: bool,
    istio: Option<String>,
    workers: usize,
    log_level: String,
    hcm: Value,
    filter_chain: Value,
    patch: Value,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self {
            file: "static/envoy.yaml".into(),
            recipe: None,
            shipped_config: false,
            istio: None,
            workers: 2,
            log_level: "info".into(),
            hcm: Value::Object(Default::default()),
            filter_chain: Value::Object(Default::default()),
            patch: Value::Object(Default::default()),
        }
    }
}

impl EnvoyOptions {
    /// The configuration's path: the scenarios' own files come before the shipped ones.
    fn path(&self) -> PathBuf {
        let own = tools::scenarios().join(&self.file);
        if own.exists() { own } else { tools::envoy_configs().join(&self.file) }
    }

    /// Whether the filter's configuration is the one that comes with Envoy's.
    fn keeps_config(&self) -> bool {
        self.shipped_config || self.recipe.is_some()
    }

    /// An Envoy so patched, with the files of `authority` named in the patches.
    pub fn builder(&self, tools: &Tools, authority: &Authority) -> Result<EnvoyBuilder> {
        let expanded = |patch: &Value| {
            let mut patch = patch.clone();
            template::expand(&mut patch, Some(authority)).map(|()| patch)
        };
        let builder = match &self.recipe {
            Some(page) => EnvoyBuilder::recipe(tools, page)?,
            None => EnvoyBuilder::new(tools, &self.path())?,
        };
        let builder = match &self.istio {
            Some(file) => builder.istio(&tools::envoy_configs().join("istio").join(file))?,
            None => builder,
        };
        Ok(builder
            .patch(&expanded(&self.patch)?)
            .patch_hcm(&expanded(&self.hcm)?)
            .patch_filter_chains(&expanded(&self.filter_chain)?)
            .workers(self.workers)
            .log_level(&self.log_level))
    }
}

/// What the filter is configured with by `config`.
pub fn plugin_config(config: &Option<Value>) -> PluginConfig {
    match config {
        Some(Value::String(text)) => PluginConfig::Text(text.clone()),
        Some(config) => PluginConfig::Text(config.to_string()),
        None => PluginConfig::Absent,
    }
}

impl Scenario {
    /// Checks what the types don't.
    pub(super) fn checked(self) -> Result<Self> {
        let snake_case = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ensure!(self.name.chars().all(snake_case), "the name is to be in snake_case");
        ensure!(
            self.refused.is_none() || self.steps.is_empty(),
            "steps can't be taken where Envoy has refused to start"
        );
        ensure!(
            self.config.is_none() || !self.envoy.keeps_config(),
            "config excludes envoy.shipped_config and envoy.recipe"
        );
        ensure!(
            self.hosts.is_none() || (self.dependency.is_none() && self.refused.is_none()),
            "the dependency has no host, and no host refuses to start"
        );
        for step in &self.steps {
            let name = step.action.name();
            match step.action.needs_hosts() {
                Some(true) => ensure!(self.hosts.is_some(), "{name} needs hosts: {{}}"),
                Some(false) => {
                    ensure!(self.hosts.is_none(), "{name} and hosts exclude each other");
                }
                None => {}
            }
            if let Action::Traffic(traffic) = &step.action {
                traffic.check().with_context(|| step.action.name())?;
            }
            for role in step.roles() {
                ensure!(
                    self.behaviour(role).is_some(),
                    "{}: the scenario has no {}",
                    step.action.name(),
                    role.key()
                );
            }
        }
        ensure!(
            self.dependency.is_some()
                || (self.dependency_grpc_services.is_empty() && self.dependency_ignores.is_empty()),
            "the scenario has no dependency; {{}} would be one"
        );
        check_order(&self.steps)?;
        Ok(self)
    }

    /// What the filter is configured with.
    pub fn plugin_config(&self) -> PluginConfig {
        if self.envoy.keeps_config() { PluginConfig::Shipped } else { plugin_config(&self.config) }
    }

    /// What the filter is configured with at first and on the way, each with whether it is
    /// to take it.
    pub fn configs(&self) -> Vec<(PluginConfig, bool)> {
        let reloads = self.steps.iter().filter_map(|step| match &step.action {
            Action::Reload(step) => Some(&step.reload),
            _ => None,
        });
        let first = (self.plugin_config(), self.refused.is_none());
        let later = reloads.map(|it| (plugin_config(&it.config), it.refused.is_none()));
        std::iter::once(first).chain(later).collect()
    }

    /// Whether the filter is configured anew on the way.
    pub fn reloads(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Reload(_)))
    }

    /// Whether Envoy's clock is set on the way.
    pub fn sets_clock(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::SetClock(_)))
    }

    /// How an application behaves at first; `None` if the scenario has none such.
    pub fn behaviour(&self, role: Role) -> Option<Behaviour> {
        let (paths, grpc, on_close) = match role {
            Role::App => (&self.app, &self.grpc_services, self.app_on_close),
            Role::Dependency => (self.dependency.as_ref()?, &self.dependency_grpc_services, None),
        };
        Some(Behaviour { paths: paths.clone(), grpc: grpc.clone(), on_close })
    }

    /// The paths that are overlooked in what an application sees.
    pub fn ignores(&self, role: Role) -> &[String] {
        match role {
            Role::App => &self.app_ignores,
            Role::Dependency => &self.dependency_ignores,
        }
    }
}
