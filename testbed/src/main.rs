//! `testbed`: the demo application, and what is built around it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use testbed::{app, bench, demo, fleet, hosts, mesh_demo, observability, tools::Tools};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the demo application.
    App(app::Options),
    /// Show the filter's main job on a real Envoy; 1 if it isn't done well.
    Demo,
    /// Show the hub's main job on real Envoys; 1 if it isn't done well.
    DemoMesh(mesh_demo::Options),
    /// Start Envoy with the filter and the demo application, and leave them running.
    Run,
    /// Start services that call each other, one that fails, and a Prometheus that scrapes them,
    /// and leave them running.
    RunFleet(fleet::Options),
    /// Measure what the filter costs, beside the alternatives.
    Bench(bench::Options),
    /// Measure how fast the hub is, and what it costs.
    BenchMesh(bench::mesh::Options),
    /// Write a page of what a Prometheus knows.
    #[command(subcommand)]
    Report(observability::Report),
    /// Stand for a container of testbed/compose.yaml: print what it prints, end when it ends.
    #[command(hide = true)]
    Follow(hosts::FollowOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    // An error that `main` returns would come with a backtrace under RUST_BACKTRACE.
    run(Cli::parse().command).await.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::App(options) => app::run(&options).await.map(|()| ExitCode::SUCCESS),
        Command::Demo => demo::show(&tools()?).await,
        Command::DemoMesh(options) => mesh_demo::show(&options, &tools()?).await,
        Command::Follow(options) => hosts::follow(&options).await,
        Command::Run => demo::stay(&tools()?).await,
        Command::RunFleet(options) => fleet::stay(&options, &tools()?).await,
        Command::Bench(options) => bench::run(&options, &tools()?).await,
        Command::Report(report) => observability::run(&report).await,
        Command::BenchMesh(options) => bench::mesh::run(&options, &tools()?).await,
    }
}

fn tools() -> Result<Tools> {
    let testbed = std::env::current_exe().context("this program's own path is unknown")?;
    Ok(Tools::from_env(testbed))
}
