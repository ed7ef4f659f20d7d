//! `testbed report dashboard`: what the shipped dashboard shows, drawn without Grafana.
//!
//! - [`panel`] reads the dashboard's JSON, [`answer`] is what Prometheus says to it.
//! - [`chart`] draws it in the [`units`] that the panel names, and [`page`] lays it out.

mod answer;
mod chart;
mod page;
mod panel;
#[cfg(test)]
mod tests;
mod units;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use self::answer::{Asked, Series};
use self::page::{Figure, Shown};
use self::panel::Panel;
use super::origin::{Origin, Where};
use super::topology;
use crate::prometheus::dashboard::Dashboard;
use crate::prometheus::{Range, now};
use crate::{report, screen};

/// The most values on an axis of time.
const POINTS: f64 = 240.0;
/// A column and a row of the grid, in units of the pictures.
const CELL: (f64, f64) = (56.0, 38.0);
/// What title and legend take of a panel's height.
const AROUND: f64 = 62.0;

/// The options of `testbed report dashboard`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    prometheus: Where,

    /// The time that is shown: a number and s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
    last: f64,

    /// How often Prometheus scrapes, as Grafana's data source is told.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = seconds)]
    scrape_interval: f64,

    /// What is written.
    #[arg(long, value_name = "FILE", default_value = "dist/dashboard.html")]
    output: PathBuf,
}

/// Writes the page.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let api = options.prometheus.api()?;
    let dashboard = Dashboard::read()?;
    let time = now().floor();
    let step =
        (options.last / POINTS).max(options.scrape_interval.min(options.last / 20.0)).max(1.0);
    let range = Range { from: time - options.last, to: time, step };
    let mut variables = dashboard.choices(&api).await?;
    let interval = (step + options.scrape_interval).max(4.0 * options.scrape_interval);
    variables.insert("__rate_interval".into(), format!("{}s", interval.ceil()));
    let asked = Asked { api: &api, range, variables: &variables };
    let mut figures = Vec::new();
    for json in dashboard.json()["panels"].as_array().into_iter().flatten() {
        figures.push(figure(&asked, Panel::read(json)).await?);
    }
    let origin = Origin::new(&api, time);
    let title = dashboard.json()["title"].as_str().unwrap_or_default();
    report::save(page::render(title, &written(options.last), &origin, &figures), &options.output)?;
    let empty = figures.iter().filter(|figure| matches!(figure.shown, Shown::Nothing(_)));
    let path = options.output.display();
    screen::print(&format!("{path}: panels: {}, empty: {}\n", panels(&figures), empty.count()))?;
    Ok(ExitCode::SUCCESS)
}

fn panels(figures: &[Figure]) -> usize {
    figures.iter().filter(|figure| !matches!(figure.shown, Shown::Row)).count()
}

async fn figure(asked: &Asked<'_>, panel: Panel) -> Result<Figure> {
    let shown = shown(asked, &panel).await?;
    Ok(Figure { place: panel.place, title: panel.title, description: panel.description, shown })
}

async fn shown(asked: &Asked<'_>, panel: &Panel) -> Result<Shown> {
    let size = (panel.place.width as f64 * CELL.0, panel.place.height as f64 * CELL.1 - AROUND);
    let series = match panel.kind.as_str() {
        "row" => return Ok(Shown::Row),
        "nodeGraph" => {
            let picture = topology::picture(asked.api, asked.range.to).await?;
            return Ok(picture.map_or_else(nothing, |svg| Shown::Picture(svg, vec![])));
        }
        "timeseries" | "state-timeline" => asked.over_time(panel).await,
        _ => asked.at_the_end(panel).await,
    };
    let series = match series {
        Ok(series) => series,
        // What a query is wrong about belongs to its panel.
        Err(error) => return Ok(Shown::Nothing(format!("{error:#}"))),
    };
    if !series.iter().flat_map(|series| &series.points).any(|(_, value)| value.is_finite()) {
        return Ok(nothing());
    }
    Ok(match panel.kind.as_str() {
        "timeseries" => {
            Shown::Picture(chart::lines(panel, &series, asked.range, size), legend(panel, &series))
        }
        "state-timeline" => {
            let words = panel.mappings.values();
            let legend = words.map(|(word, color)| (chart::class(color), word.clone()));
            Shown::Picture(chart::strips(panel, &series, asked.range, size), legend.collect())
        }
        _ => Shown::Values(series.iter().flat_map(|series| value(panel, series)).collect()),
    })
}

fn nothing() -> Shown {
    Shown::Nothing("No data".into())
}

fn legend(panel: &Panel, series: &[Series]) -> Vec<(String, String)> {
    let key = |(at, series): (usize, &Series)| {
        (chart::class(chart::color(panel, series, at)), series.name.clone())
    };
    series.iter().enumerate().map(key).collect()
}

/// A value in large letters; its name where it has one.
fn value(panel: &Panel, series: &Series) -> Option<(String, String, String)> {
    let (_, value) = series.points.last()?;
    let (word, mapped) = match panel.mappings.is_empty() {
        true => (units::written(*value, &panel.unit, panel.decimals), None),
        false => Some(chart::state(panel, *value)).map(|(word, color)| (word, Some(color)))?,
    };
    let color = mapped.as_deref().or_else(|| panel.color_of(*value)).unwrap_or("green");
    let name = if series.name == "{}" { String::new() } else { series.name.clone() };
    Some((chart::class(color), word, name))
}

/// A time in seconds.
fn seconds(text: &str) -> Result<f64> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
    let found = units.iter().find_map(|(unit, length)| {
        Some(text.strip_suffix(unit)?.parse::<u32>().ok().map(|count| f64::from(count) * length))
    });
    match found.flatten() {
        Some(seconds) if seconds > 0.0 => Ok(seconds),
        _ => bail!("{text} is no time: write a number and s, m, h or d, such as 15m"),
    }
}

/// A time in words.
fn written(seconds: f64) -> String {
    units::written(seconds, "s", None)
}
