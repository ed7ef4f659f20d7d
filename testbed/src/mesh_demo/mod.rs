//! The hub's main job, on real Envoys with the shipped configurations (`make demo-mesh`).
//!
//! Six instances are judged by three kinds of sources: polls over HTTP, Watches over gRPC,
//! and JSON that agents publish over MQTT. A gateway routes over all six by what the hub
//! says. Under steady traffic, instances are killed and frozen, and the agents lie; then
//! the agents fall silent, and the hub itself dies.
//!
//! What happens, and what must come of it, is data, in [`plot`]; [`stage`] is what it
//! happens on, with the [`agents`] and the [`traffic`]; [`watch`] writes down what the hub
//! says, [`play`] does it and judges, [`render`] prints it, and [`report`] draws it, beside a
//! [`picture`] of the hub's own heat map.

mod agents;
mod line;
mod picture;
mod play;
mod plot;
mod render;
mod report;
mod stage;
mod traffic;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::screen::print;
use crate::signals::asked_to_stop;
use crate::tools::{self, Tools};

/// Where the report goes, below the workspace.
const REPORT: &str = "dist/demo-mesh-report.html";

/// How to show it.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the report goes; dist/demo-mesh-report.html otherwise.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// Plays everything, prints what came of it, and ends with 1 if a single line isn't as it
/// should be.
pub async fn show(options: &Options, tools: &Tools) -> Result<ExitCode> {
    let report = options.report.clone().unwrap_or_else(|| tools::workspace().join(REPORT));
    tokio::select! {
        biased;
        signal = asked_to_stop() => {
            eprintln!("{}: stopped halfway", signal?);
            Ok(ExitCode::FAILURE)
        }
        well = perform(&report, tools) => {
            Ok(if well? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn perform(path: &std::path::Path, tools: &Tools) -> Result<bool> {
    let mut stage = stage::Stage::start(tools).await?;
    print(&render::head(&stage))?;
    let (lines, told) = play::all(&mut stage, tools).await?;
    if let Err(why) = &told.heat_map {
        print(&format!("\nskipped: {why}: the report has no picture of the heat map\n"))?;
    }
    report::write(&lines, &told, path)?;
    print(&render::closing(&lines, path))?;
    Ok(lines.iter().all(line::Line::is_right))
}
