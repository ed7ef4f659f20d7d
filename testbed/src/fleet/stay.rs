//! `make run-fleet`: the fleet that stays up.

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use super::plan::Plan;
use super::running::Fleet;
use crate::screen::{print, progress};
use crate::signals::asked_to_stop;
use crate::tools::Tools;

/// Where people look for Prometheus.
const PORT: u16 = 9090;

/// How often it is looked whether all of it still runs.
const WATCH: Duration = Duration::from_secs(1);

/// What the fleet is to be like.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Have payments call web, so that there is a cycle.
    #[arg(long)]
    pub cycle: bool,
}

/// Starts the fleet, says where Prometheus is, and stays until it is asked to stop, or fails
/// as soon as a part of it dies by itself.
pub async fn stay(options: &Options, tools: &Tools) -> Result<ExitCode> {
    let plan = if options.cycle { Plan::circle() } else { Plan::shop() };
    let signal = tokio::select! {
        biased;
        signal = asked_to_stop() => signal?,
        died = serve(&plan, tools) => {
            let Err(death) = died;
            return Err(death);
        }
    };
    progress(&format!("{signal}: the fleet is stopped"));
    Ok(ExitCode::SUCCESS)
}

/// Ends only when something can't be started or has died.
async fn serve(plan: &Plan, tools: &Tools) -> Result<Infallible> {
    progress("start the services, and Prometheus with short windows");
    let mut fleet = Fleet::start_at(tools, plan, Some(PORT)).await?;
    print(&welcome(&fleet, plan))?;
    loop {
        tokio::time::sleep(WATCH).await;
        fleet.check()?;
    }
}

fn welcome(fleet: &Fleet, plan: &Plan) -> String {
    let calls = plan.calls.iter().map(|call| {
        let failing = match call.failing {
            0 => String::new(),
            failing => format!(", {failing} of 10 fail"),
        };
        format!("{} calls {} {} times a second{failing}\n", call.from, call.to, call.rate)
    });
    let services = fleet
        .addresses()
        .map(|(name, users, admin)| format!("{name:18}http://{users}, admin http://{admin}\n"));
    format!(
        "\n{}\n{}{:18}{}\n\nThe shipped rules are loaded with windows of seconds: what they say \
         of 5 minutes is of 10 seconds, and what they say of a day is of 30. Ctrl-C stops it \
         all.\n",
        calls.collect::<String>(),
        services.collect::<String>(),
        "Prometheus",
        fleet.prometheus.url(),
    )
}
