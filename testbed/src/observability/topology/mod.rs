//! `testbed report topology`: who calls whom, and how all of them fare, as one picture.
//!
//! - [`ask`] asks Prometheus, and [`graph`] is what it answers.
//! - [`cycles`] finds who calls in circles; [`layers`] and [`layout`] say what stands where.
//! - [`picture`] draws it, [`page`] stands around it, [`words`] are what both say.

mod ask;
mod cycles;
mod graph;
mod layers;
mod layout;
mod page;
mod picture;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use maud::Markup;

use super::origin::{Origin, Where};
use crate::prometheus::{Api, now};
use crate::{report, screen};

/// The options of `testbed report topology`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    prometheus: Where,

    /// What is written: a page, or the picture alone if the name ends with .svg.
    #[arg(long, value_name = "FILE", default_value = "dist/topology.html")]
    output: PathBuf,
}

/// Writes the page.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let api = options.prometheus.api()?;
    let time = now();
    let graph = ask::graph(&api, time).await?;
    let origin = Origin::new(&api, time);
    let alone = options.output.extension().is_some_and(|extension| extension == "svg");
    let text = if alone { page::svg(&graph, &origin) } else { page::render(&graph, &origin) };
    report::save(text, &options.output)?;
    if graph.edges.is_empty() {
        screen::progress(&format!("no edges: {} has no {}", origin.url, ask::DRAWN));
    }
    let (services, edges) = (graph.services.len(), graph.edges.len());
    let path = options.output.display();
    screen::print(&format!("{path}: services: {services}, edges: {edges}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The picture at a moment, for a panel; `None` where there is nothing to draw.
pub(super) async fn picture(api: &Api, time: f64) -> Result<Option<Markup>> {
    let graph = ask::graph(api, time).await?;
    let says = format!("{} services, {} edges", graph.services.len(), graph.edges.len());
    Ok((!graph.services.is_empty()).then(|| picture::draw(&graph, &says)))
}

/// What the picture's own classes look like.
pub(super) const STYLE: &str = page::STYLE;
