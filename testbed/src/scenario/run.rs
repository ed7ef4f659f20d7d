//! Runs a scenario on an Envoy and applications of its own.

use std::collections::BTreeMap;

use anyhow::Result;

use super::apps::Apps;
use super::format::Scenario;
use super::logs::log_faults;
use super::report::Report;
use super::runner::Runner;
use crate::app::Addresses;
use crate::client::tls::Authority;
use crate::envoy::{Envoy, Refused};
use crate::hosts::Hosts;
use crate::open_files;
use crate::prometheus::Prometheus;
use crate::tools::Tools;

/// Runs `scenario` on real hosts; the error says all that isn't as it should be.
pub async fn run_on(scenario: &Scenario, tools: &Tools, hosts: &Hosts) -> Result<()> {
    let authority = Authority::new()?;
    let apps = Apps::on_hosts(scenario, hosts, tools).await?;
    let mut envoy =
        scenario.envoy.builder(tools, &authority)?.plugin_config(scenario.plugin_config());
    for (name, addresses) in apps.addresses() {
        envoy = envoy.application(name, addresses);
    }
    let envoy = envoy.start_on(hosts).await?;
    let prometheus = Prometheus::on_host(&hosts.host("prometheus").await?, tools).await?;
    let mut runner = Runner::new(scenario, tools, authority, apps, envoy);
    runner.prometheus = Some(prometheus);
    runner.run().await
}

/// Runs `scenario` in an Envoy that somebody else configures: `start` is told where the
/// applications listen, by name. What the scenario says of Envoy itself has no effect.
pub async fn run_in(
    scenario: &Scenario,
    tools: &Tools,
    start: impl AsyncFnOnce(&BTreeMap<&'static str, Addresses>) -> Result<Envoy>,
) -> Result<()> {
    open_files::allow_many()?;
    let apps = Apps::start(scenario, tools).await?;
    let addresses = apps.addresses().map(|(name, addresses)| (name, *addresses)).collect();
    let envoy = start(&addresses).await?;
    Runner::new(scenario, tools, Authority::new()?, apps, envoy).run().await
}

/// Runs `scenario`; the error says all that isn't as it should be.
pub async fn run(scenario: &Scenario, tools: &Tools) -> Result<()> {
    open_files::allow_many()?;
    let authority = Authority::new()?;
    let apps = Apps::start(scenario, tools).await?;
    let mut envoy = scenario
        .envoy
        .builder(tools, &authority)?
        .plugin_config(scenario.plugin_config())
        .dynamic(scenario.reloads())
        .settable_clock(scenario.sets_clock());
    for (name, addresses) in apps.addresses() {
        envoy = envoy.application(name, addresses);
    }
    let envoy = envoy.start().await;
    if let Some(expected) = &scenario.refused {
        let mut report = Report::default();
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
    Runner::new(scenario, tools, authority, apps, envoy?).run().await
}
