//! The page: the panels where the dashboard has them.

use maud::{Markup, html};

use super::panel::Place;
use crate::observability::origin::Origin;
use crate::observability::topology;
use crate::report::page;

const STYLE: &str = include_str!("style.css");

/// What a panel became.
pub enum Shown {
    /// The head of the panels below it.
    Row,
    /// A picture, and what its colours mean: a class and a name.
    Picture(Markup, Vec<(String, String)>),
    /// Values with their names and classes, in large letters.
    Values(Vec<(String, String, String)>),
    /// Nothing, and why.
    Nothing(String),
}

/// A panel as the page has it.
pub struct Figure {
    /// Where.
    pub place: Place,
    /// What it is called.
    pub title: String,
    /// What it says of itself.
    pub description: String,
    /// What it shows.
    pub shown: Shown,
}

/// The page.
pub fn render(title: &str, window: &str, origin: &Origin, figures: &[Figure]) -> String {
    let lead = html! {
        p { "Every panel's queries, asked of Prometheus at " (origin.url) " on " (origin.time) " over the last " (window)
            ", and drawn by the testbed: not Grafana's own pictures." }
    };
    let sections = figures.chunk_by(|_, next| !matches!(next.shown, Shown::Row));
    let main = html! { @for section in sections { (draw_section(section)) } };
    page::whole(title, &[topology::STYLE, STYLE].concat(), &lead, &main)
}

fn draw_section(figures: &[Figure]) -> Markup {
    let panels = || figures.iter().filter(|figure| !matches!(figure.shown, Shown::Row));
    let top = panels().map(|figure| figure.place.y).min().unwrap_or_default();
    html! {
        section {
            @for row in figures.iter().filter(|figure| matches!(figure.shown, Shown::Row)) { h2 { (row.title) } }
            div class="panels" { @for figure in panels() { (draw_figure(figure, top)) } }
        }
    }
}

fn draw_figure(figure: &Figure, top: u64) -> Markup {
    let Place { x, y, width, height } = figure.place;
    let place = format!("grid-area: {} / {} / span {height} / span {width}", y - top + 1, x + 1);
    html! {
        figure style=(place) {
            figcaption { h3 title=(figure.description) { (figure.title) } }
            @match &figure.shown {
                Shown::Row => {},
                Shown::Picture(svg, legend) => {
                    div class="wide" tabindex="0" role="region" aria-label=(figure.title) { (svg) }
                    ul class="legend" {
                        @for (class, name) in legend { li class=(class) { span class="key" {} span { (name) } } }
                    }
                },
                Shown::Values(values) => ul class="values" {
                    @for (class, value, name) in values { li { strong class=(class) { (value) } span { (name) } } }
                },
                Shown::Nothing(why) => p class="absent" { (why) },
            }
        }
    }
}
