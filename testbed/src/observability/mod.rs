//! `testbed report`: pages of what a Prometheus knows, for those who have no Grafana at hand.
//!
//! - [`topology`]: who calls whom.
//! - [`dashboard`]: the shipped dashboard's panels.
//! - [`origin`]: where a page's numbers come from.

mod dashboard;
mod origin;
mod topology;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What is reported.
#[derive(Subcommand, Debug)]
pub enum Report {
    /// Services and who calls whom, found from traffic: a self-contained page, or SVG.
    Topology(topology::Options),
    /// What the shipped dashboard's panels show, as a self-contained page.
    Dashboard(dashboard::Options),
}

/// Writes a report.
pub async fn run(report: &Report) -> Result<ExitCode> {
    match report {
        Report::Topology(options) => topology::run(options).await,
        Report::Dashboard(options) => dashboard::run(options).await,
    }
}
