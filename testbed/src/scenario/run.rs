//! Runs a scenario on an Envoy and an application of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal as ProcessSignal;

use super::expect::{Expect, seen_faults};
use super::format::Scenario;
use super::pattern::Pattern;
use super::report::Report;
use super::span::{Amount, Span};
use super::step::{Action, After, Client, Grpc, Send, Signal, Step};
use crate::app::Application;
use crate::app::behaviour::Behaviour;
use crate::client::{grpc, http};
use crate::envoy::{Envoy, EnvoyBuilder, Refused};
use crate::metrics::name_of;
use crate::tools::Tools;

/// How long metrics and the log may take to tell what has happened: Envoy
/// merges the workers' counters, and flushes its logs, by and by.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often they are asked.
const POLL: Duration = Duration::from_millis(30);

/// What Envoy's log holds only after a trap or a crash.
const SIGNS_OF_A_TRAP: [&str; 4] =
    ["Function: proxy_on", "Proxy-Wasm plugin in-VM backtrace", "panicked", "Caught Segmentation"];

/// Runs `scenario`; the error tells all that isn't as it should be.
pub async fn run(scenario: &Scenario, tools: &Tools) -> Result<()> {
    let app = Application::start(tools)?;
    app.behave(&scenario.behaviour()).await?;
    let envoy = EnvoyBuilder::new(tools, &scenario.envoy.path())?
        .patch(&scenario.envoy.patch)
        .patch_hcm(&scenario.envoy.hcm)
        .plugin_config(scenario.plugin_config())
        .application(&app.addresses)
        .workers(scenario.envoy.workers)
        .log_level(&scenario.envoy.log_level)
        .start()
        .await;
    let mut report = Report::default();
    if let Some(expected) = &scenario.refused {
        let log = match envoy {
            Ok(envoy) => {
                report.note("refused", ["Envoy took this configuration".into()]);
                envoy.log()?
            }
            Err(error) => error.downcast::<Refused>()?.log,
        };
        report.note("refused", log_faults(scenario, expected, &log));
        return report.into_result(&log);
    }
    let mut stage = Stage { scenario, tools, app, envoy: envoy? };
    for (number, step) in scenario.steps.iter().enumerate() {
        let place = format!("step {} ({})", number + 1, step.action.name());
        report.note(
            &place,
            stage.take(step).await.unwrap_or_else(|error| vec![format!("{error:#}")]),
        );
    }
    report.note("metrics", stage.metric_faults(&scenario.metrics).await?);
    report.note("log", stage.log_faults().await?);
    if let Some(status) = stage.envoy.exited()? {
        report.note("envoy", [format!("ended early ({status})")]);
    }
    report.into_result(&stage.envoy.log()?)
}

/// A scenario under way.
struct Stage<'a> {
    scenario: &'a Scenario,
    tools: &'a Tools,
    app: Application,
    envoy: Envoy,
}

impl Stage<'_> {
    /// Takes one step; returns what is wrong with what it led to.
    async fn take(&self, step: &Step) -> Result<Vec<String>> {
        let After { app_sees, app_counts, metrics } = &step.after;
        if app_sees.is_some() {
            self.app.take_seen().await?;
        }
        let before =
            if app_counts.is_empty() { BTreeMap::new() } else { self.app.counts().await? };

        let mut faults = self.act(&step.action).await?;

        if let Some(expected) = app_sees {
            let mut seen = self.app.take_seen().await?;
            seen.retain(|seen| !self.scenario.app_ignores.iter().any(|path| path == seen.path()));
            faults.extend(seen_faults(expected, &seen));
        }
        if !app_counts.is_empty() {
            let after = self.app.counts().await?;
            let count =
                |counts: &BTreeMap<String, u64>, path| counts.get(path).copied().unwrap_or(0);
            faults.extend(app_counts.iter().filter_map(|(path, amount)| {
                let more = count(&after, path) - count(&before, path);
                amount.fault(&format!("requests for {path} at the application"), Some(more as f64))
            }));
        }
        faults.extend(self.metric_faults(metrics).await?);
        Ok(faults)
    }

    async fn act(&self, action: &Action) -> Result<Vec<String>> {
        Ok(match action {
            Action::Send(step) => repeat(step.within, async || self.send(step).await).await?,
            Action::Grpc(step) => repeat(step.within, async || self.call(step).await).await?,
            Action::Load(step) => super::load::run(&step.load, self.listener(&step.load.to)?).await,
            Action::SetApp(step) => {
                let (paths, grpc) = (step.set_app.clone(), step.grpc_services.clone());
                self.app.behave(&Behaviour { paths, grpc }).await?;
                vec![]
            }
            Action::SignalApp(step) => {
                self.app.signal(match step.signal_app {
                    Signal::Stop => ProcessSignal::STOP,
                    Signal::Cont => ProcessSignal::CONT,
                    Signal::Kill => ProcessSignal::KILL,
                })?;
                vec![]
            }
            Action::Wait(step) => {
                tokio::time::sleep(step.wait.0).await;
                vec![]
            }
            Action::Admin(step) => {
                let answer = http::fetch(self.envoy.admin, &step.request()).await?;
                step.expect.faults(&answer)
            }
        })
    }

    async fn send(&self, step: &Send) -> Result<Vec<String>> {
        let address = self.listener(&step.to)?;
        let request = step.request();
        let mut faults = Vec::new();
        for _ in 0..step.times {
            let answer = http::fetch_as(step.version(), address, &request).await?;
            faults.extend(Expect::faults(&step.expect, &answer));
        }
        Ok(faults)
    }

    async fn call(&self, step: &Grpc) -> Result<Vec<String>> {
        let address = self.listener(&step.to)?;
        let answer = match step.client {
            Client::Tonic => grpc::by_tonic(address, &step.call()).await?,
            Client::Grpcio => grpc::by_grpcio(self.tools, address, &step.call()).await?,
        };
        Ok(step.expect.faults(&answer))
    }

    fn listener(&self, name: &Option<String>) -> Result<SocketAddr> {
        name.as_ref().map_or(Ok(self.envoy.http), |name| self.envoy.listener(name))
    }

    async fn metric_faults(&self, expected: &BTreeMap<String, Amount>) -> Result<Vec<String>> {
        if expected.is_empty() {
            return Ok(vec![]);
        }
        repeat(Some(Span(PATIENCE)), async || {
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
        repeat(Some(Span(PATIENCE)), async || {
            Ok(log_faults(self.scenario, &self.scenario.log, &self.envoy.log()?))
        })
        .await
    }
}

/// Calls `attempt` until it finds no fault or the time has run out.
async fn repeat(
    within: Option<Span>,
    attempt: impl AsyncFn() -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let patience = Instant::now() + within.map_or(Duration::ZERO, |span| span.0);
    loop {
        let faults = attempt().await?;
        if faults.is_empty() || Instant::now() >= patience {
            return Ok(faults);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn log_faults(scenario: &Scenario, expected: &[Pattern], log: &str) -> Vec<String> {
    let missing = expected
        .iter()
        .filter(|pattern| !pattern.is_in(log))
        .map(|pattern| format!("Envoy's log doesn't hold {pattern}"));
    let forbidden = scenario
        .log_never
        .iter()
        .filter(|pattern| pattern.is_in(log))
        .map(|pattern| format!("Envoy's log holds {pattern}"));
    let traps = SIGNS_OF_A_TRAP
        .iter()
        .filter(|sign| log.contains(**sign))
        .map(|sign| format!("Envoy's log holds {sign:?}, a sign of a trap"));
    missing.chain(forbidden).chain(traps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_searched_for_what_must_and_what_must_not_be_there() {
        let scenario: Scenario =
            serde_json::from_value(serde_json::json!({ "name": "a", "log_never": ["bad"] }))
                .unwrap();
        let expected = [Pattern::try_from("~o+d".to_owned()).unwrap()];
        let faults = |log| log_faults(&scenario, &expected, log).len();
        assert_eq!(faults("good"), 0);
        assert_eq!(faults(""), 1);
        assert_eq!(faults("good bad"), 1);
        assert_eq!(faults("good: thread panicked at"), 1);
    }
}
