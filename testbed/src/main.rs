//! `testbed`: the demo application, and what is built around it.

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the demo application.
    App(testbed::app::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::App(options) => testbed::app::run(&options).await,
    }
}
