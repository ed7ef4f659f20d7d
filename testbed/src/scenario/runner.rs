//! A scenario under way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::apps::Apps;
use super::arrivals::Before;
use super::format::{Scenario, plugin_config};
use super::logs::log_faults;
use super::repeat::repeat;
use super::report::Report;
use super::request::Way;
use super::role::Role;
use super::span::{Amount, Span};
use super::step::{Action, After, Query, Reconfigure, Step};
use crate::client::http;
use crate::client::peer::Peer;
use crate::client::tls::Authority;
use crate::envoy::{Envoy, Reloaded};
use crate::metrics::{Metrics, name_of};
use crate::prometheus::Prometheus;
use crate::size::Size;
use crate::tools::Tools;

/// How long metrics and the log may lag behind what has happened: Envoy merges
/// the workers' counters, and flushes its logs, at intervals.
const LAG: Span = Span(Duration::from_secs(2));

/// An Envoy, the applications, and what goes on between them.
pub struct Runner<'a> {
    scenario: &'a Scenario,
    tools: &'a Tools,
    authority: Authority,
    apps: Apps,
    envoy: Envoy,
    /// On real hosts there is one.
    pub(super) prometheus: Option<Prometheus>,
    baseline: Baseline,
    background: Vec<Background>,
    report: Report,
}

/// Envoy at the `baseline`.
#[derive(Default)]
struct Baseline {
    memory: u64,
    metrics: Metrics,
}

/// A step that goes on in the background.
struct Background {
    name: String,
    place: String,
    before: BTreeMap<Role, Before>,
    after: After,
    task: JoinHandle<Result<Vec<String>>>,
}

impl<'a> Runner<'a> {
    /// Everything is up and nothing has happened yet.
    pub fn new(
        scenario: &'a Scenario,
        tools: &'a Tools,
        authority: Authority,
        apps: Apps,
        envoy: Envoy,
    ) -> Self {
        Self {
            scenario,
            tools,
            authority,
            apps,
            envoy,
            prometheus: None,
            baseline: Baseline::default(),
            background: vec![],
            report: Report::default(),
        }
    }

    /// Takes all steps; the error says all that isn't as it should be.
    pub async fn run(mut self) -> Result<()> {
        for (number, step) in self.scenario.steps.iter().enumerate() {
            let place = format!("step {} ({})", number + 1, step.action.name());
            let faults = self.step(&place, step).await;
            self.note(&place, faults);
        }
        for background in std::mem::take(&mut self.background) {
            self.join(background).await;
        }
        let faults = self.metric_faults(&self.scenario.metrics).await;
        self.note("metrics", faults);
        let faults = self.log_faults().await;
        self.note("log", faults);
        if let Some(status) = self.envoy.exited()? {
            self.report.note("envoy", [format!("ended early ({status})")]);
        }
        self.report.into_result(&self.envoy.log()?)
    }

    fn note(&mut self, place: &str, faults: Result<Vec<String>>) {
        self.report.note(place, faults.unwrap_or_else(|error| vec![format!("{error:#}")]));
    }

    /// Takes one step, or begins it if it goes on in the background; returns
    /// what is wrong with what it led to.
    async fn step(&mut self, place: &str, step: &Step) -> Result<Vec<String>> {
        let before = self.apps.before(&step.after.arrivals).await?;
        if let Some(name) = &step.background {
            let task = self.begin(&step.action)?;
            self.background.push(Background {
                name: name.clone(),
                place: place.into(),
                before,
                after: step.after.clone(),
                task,
            });
            return Ok(vec![]);
        }
        let mut faults = self.perform(&step.action).await?;
        faults.extend(self.faults_after(&step.after, &before).await?);
        Ok(faults)
    }

    /// Begins what goes on in the background.
    fn begin(&self, action: &Action) -> Result<JoinHandle<Result<Vec<String>>>> {
        Ok(match action {
            Action::Traffic(traffic) => {
                let (peer, tools) = (self.peer(traffic.way())?, self.tools.clone());
                let traffic = traffic.clone();
                tokio::spawn(async move { traffic.run(&peer, &tools).await })
            }
            Action::Wait(step) => {
                let sleep = tokio::time::sleep(step.wait.0);
                tokio::spawn(async move {
                    sleep.await;
                    Ok(vec![])
                })
            }
            other => bail!("{} can't go on in the background", other.name()),
        })
    }

    async fn perform(&mut self, action: &Action) -> Result<Vec<String>> {
        match action {
            Action::Traffic(traffic) => {
                return traffic.run(&self.peer(traffic.way())?, self.tools).await;
            }
            Action::Join(step) => {
                let named = |background: &Background| background.name == step.join;
                let at = self.background.iter().position(named);
                let background = self.background.remove(at.context("nothing to join")?);
                self.join(background).await;
            }
            Action::App(role, command) => self.apps.execute(*role, command, self.tools).await?,
            Action::Reload(step) => return self.reload(&step.reload).await,
            Action::SetClock(step) => self.envoy.set_clock(step.set_clock.0)?,
            Action::Baseline(_) => {
                let metrics = self.envoy.prometheus().await?;
                self.baseline = Baseline { memory: self.envoy.memory()?, metrics };
            }
            Action::Wait(step) => tokio::time::sleep(step.wait.0).await,
            Action::Admin(step) => {
                let ask = async || {
                    let answer = http::fetch(self.envoy.admin, &step.request()).await;
                    Ok(step.expect.faults(&answer))
                };
                return repeat(step.within, ask).await;
            }
            Action::Query(step) => return self.query(step).await,
        }
        Ok(vec![])
    }

    async fn query(&self, step: &Query) -> Result<Vec<String>> {
        let prometheus = self.prometheus.as_ref().context("there is no Prometheus")?;
        repeat(step.within, async || {
            let samples = prometheus.query(&step.prometheus).await?;
            Ok(match &samples[..] {
                [] => step.yields.fault(&step.prometheus, None).into_iter().collect(),
                [sample] => {
                    step.yields.fault(&step.prometheus, Some(sample.value)).into_iter().collect()
                }
                several => {
                    vec![format!("{}: one value expected, got {several:?}", step.prometheus)]
                }
            })
        })
        .await
    }

    async fn reload(&mut self, step: &Reconfigure) -> Result<Vec<String>> {
        let config = plugin_config(&step.config);
        let mut faults = Vec::new();
        let mut next = Instant::now();
        for _ in 0..step.times {
            tokio::time::sleep_until(next).await;
            next += step.every.map_or(Duration::ZERO, |every| every.0);
            let reloaded = self.envoy.reload(&config).await?;
            faults.extend(match (reloaded, &step.refused) {
                (Reloaded::Taken, None) => vec![],
                (Reloaded::Taken, Some(_)) => {
                    vec!["refused: Envoy took this configuration".into()]
                }
                (Reloaded::Refused, None) => vec!["Envoy refused this configuration".into()],
                (Reloaded::Refused, Some(reasons)) => {
                    log_faults(self.scenario, reasons, &self.envoy.log()?)
                }
            });
        }
        Ok(faults)
    }

    /// Waits for a step in the background, and notes its faults as its own.
    async fn join(&mut self, background: Background) {
        let Background { place, before, after, task, .. } = background;
        let faults = task.await.map_err(Into::into).flatten();
        self.note(&place, faults);
        let faults = self.faults_after(&after, &before).await;
        self.note(&place, faults);
    }

    /// What is wrong with what a step has led to.
    async fn faults_after(
        &self,
        after: &After,
        before: &BTreeMap<Role, Before>,
    ) -> Result<Vec<String>> {
        let After { arrivals, metrics, memory, series } = after;
        let mut faults = self.apps.faults(arrivals, before).await?;
        faults.extend(self.metric_faults(metrics).await?);
        if let Some(memory) = memory {
            let grown = Size(self.envoy.memory()?.saturating_sub(self.baseline.memory));
            let most = memory.envoy_grows_at_most;
            if grown > most {
                faults.push(format!("Envoy's memory: expected {most} more at most, got {grown}"));
            }
        }
        if let Some(series) = series {
            let new = self.envoy.prometheus().await?.beyond(&self.baseline.metrics);
            let most = series.grow_by_at_most;
            if new.len() > most {
                let (got, some) = (new.len(), new.get(..5).unwrap_or(&new).join(", "));
                faults.push(format!("series: expected {most} more at most, got {got}: {some}"));
            }
        }
        Ok(faults)
    }

    /// The way to Envoy that a step goes.
    fn peer(&self, way: &Way) -> Result<Peer> {
        let address = match &way.to {
            Some(name) => self.envoy.listener(name)?,
            None => self.envoy.http,
        };
        let tls = way.r#as.as_ref().map(|identity| self.authority.client(identity));
        Ok(Peer { address, from: way.from, tls: tls.transpose()? })
    }

    async fn metric_faults(&self, expected: &BTreeMap<String, Amount>) -> Result<Vec<String>> {
        if expected.is_empty() {
            return Ok(vec![]);
        }
        repeat(Some(LAG), async || {
            let metrics = self.envoy.prometheus().await?;
            let mut faults = Vec::new();
            for (series, amount) in expected {
                if let Some(fault) = amount.fault(series, metrics.get(series)?) {
                    let siblings = metrics.series(name_of(series));
                    faults.push(format!("{fault}; there is {siblings:?}"));
                }
            }
            Ok(faults)
        })
        .await
    }

    async fn log_faults(&self) -> Result<Vec<String>> {
        repeat(Some(LAG), async || {
            Ok(log_faults(self.scenario, &self.scenario.log, &self.envoy.log()?))
        })
        .await
    }
}
