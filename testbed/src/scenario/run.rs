//! Runs a scenario on an Envoy and an application of its own.

use anyhow::Result;

use super::format::Scenario;
use super::logs::log_faults;
use super::report::Report;
use super::stage::Stage;
use crate::app::Application;
use crate::envoy::{EnvoyBuilder, Refused};
use crate::tools::Tools;

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
    Stage::new(scenario, tools, app, envoy?).play().await
}
