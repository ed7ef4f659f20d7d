//! The page that holds the pictures.
//!
//! Every element is closed, so that the page is HTML and XML alike: a test can
//! tell whether it is whole.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::frame::number;
use super::plots::{self, Drawing, Key, Plot};
use super::recording::{Recording, Sample, Span};

const TITLE: &str = "Heartbeat Filter: what happened";

/// What everything looks like.
pub const STYLE: &str = include_str!("style.css");

const HEAD: &str = "<meta charset=\"utf-8\"/>\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>";

/// The page of the filter's demo.
pub fn render(recording: &Recording) -> Markup {
    let lead = html! { p { (source(recording)) } };
    page(TITLE, &lead, recording, &plots::all(recording))
}

/// A page: its title, what stands below that, and its plots.
pub fn page(title: &str, lead: &Markup, recording: &Recording, plots: &[Plot]) -> Markup {
    let lead = html! {
        (lead)
        ol class="acts" {
            @for act in &recording.acts {
                li { (act.name) " " span class="when" { (seconds(act)) } }
            }
        }
    };
    let main = html! {
        @for plot in plots { (figure(recording, plot)) }
        (last_values(recording))
    };
    PreEscaped(whole(title, "", &lead, &main))
}

/// A page that needs nothing but itself: its title, what its own classes look like, what
/// stands below the title, and the rest.
pub fn whole(title: &str, style: &str, lead: &Markup, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (PreEscaped(HEAD))
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { (title) }
                    (lead)
                }
                main { (main) }
            }
        }
    };
    page.into_string()
}

fn source(recording: &Recording) -> String {
    format!(
        "Everything here is read from the Prometheus endpoint of a real Envoy {}: {} times in \
         {:.1} s. Hover over a picture for its numbers.",
        recording.about.envoy,
        recording.samples.len(),
        recording.length().as_secs_f64()
    )
}

fn figure(recording: &Recording, plot: &Plot) -> Markup {
    html! {
        figure {
            figcaption {
                h2 { (plot.title) }
                p {
                    (plot.says)
                    @for metric in &plot.metrics {
                        " " code { (metric) }
                        @if !recording.has(metric) { " (not exported)" }
                    }
                }
                @if let Some(Drawing { legend, .. }) = &plot.drawing {
                    ul class="legend" { @for key in legend { li { (sample(key)) (key.name) } } }
                }
            }
            @match &plot.drawing {
                Some(drawing) => div class="picture" { (drawing.svg) },
                None => p class="absent" {
                    "Nothing to show."
                },
            }
        }
    }
}

/// What an entry of a legend looks like.
fn sample(key: &Key) -> Markup {
    let wide = if key.patch { 12 } else { 28 };
    html! {
        svg width=(wide) height="12" aria-hidden="true" {
            @if key.patch {
                rect class=(key.class) width="12" height="12" fill-opacity=[key.opacity.as_deref()] {}
            } @else {
                polyline class=(format!("line {}", key.class)) points="0,6 28,6" {}
            }
        }
    }
}

/// The numbers behind the pictures, for those who want to read them.
fn last_values(recording: &Recording) -> Markup {
    let Some(Sample { metrics, .. }) = recording.samples.last() else { return Markup::default() };
    // The buckets' numbers are cumulative: nobody reads them.
    let names = metrics.names().filter(|name| !name.ends_with("_bucket"));
    html! {
        details {
            summary { "The numbers at the end" }
            div class="picture" {
                table {
                    @for (series, value) in names.flat_map(|name| metrics.series(name)) {
                        tr {
                            th scope="row" { code { (series) } }
                            td { (number(value)) }
                        }
                    }
                }
            }
        }
    }
}

fn seconds(span: &Span) -> String {
    let second = |at: std::time::Duration| format!("{:.1}", at.as_secs_f64());
    format!("{}–{} s", second(span.from), second(span.to))
}
