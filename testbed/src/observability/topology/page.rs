//! The page around the picture: what it is of, how to read it, and the same in tables.

use maud::{Markup, PreEscaped, html};

use super::cycles::Components;
use super::graph::{Edge, Flow, Graph, SCORE_CRITICAL, SCORE_LOW, Service, Status};
use super::picture;
use super::words::{NONE, full, plain, rate, share, time};
use crate::observability::origin::Origin;
use crate::report::frame::number;
use crate::report::page;

use self::Head::{Number, Word};

/// What the picture's own classes look like.
pub const STYLE: &str = include_str!("style.css");

const TITLE: &str = "Service topology";

/// The picture that stands by itself.
pub fn svg(graph: &Graph, origin: &Origin) -> String {
    let style = [page::STYLE, STYLE, "svg { background: var(--paper); }\n"].concat();
    let picture = picture::draw(graph, &summary(graph, origin)).into_string();
    let (open, rest) = picture.split_once('>').unwrap_or((&picture, ""));
    let style = html! { style { (PreEscaped(style)) } }.into_string();
    format!("{open}>{style}{rest}\n")
}

/// The page.
pub fn render(graph: &Graph, origin: &Origin) -> String {
    let lead = html! {
        p { (summary(graph, origin)) }
        p {
            "Rates, error shares and latencies are those of the recording rules' short window, 5 minutes "
            "as shipped; an edge is there while it has had traffic within a day."
        }
    };
    let circles = circles(graph);
    let main = html! {
        @if graph.services.is_empty() { (nothing(origin)) } @else {
            figure {
                figcaption { (legend()) }
                div class="wide" tabindex="0" role="region" aria-label="The picture; it scrolls" {
                    (picture::draw(graph, &summary(graph, origin)))
                }
            }
            @if graph.edges.is_empty() { (no_edges(origin)) }
            @if !circles.is_empty() {
                h2 { "Cycles" }
                ul { @for circle in &circles { li { (circle) } } }
            }
            h2 { "Services" }
            (services(graph))
            @if !graph.edges.is_empty() {
                h2 { "Edges" }
                (edges(graph))
            }
        }
    };
    page::whole(TITLE, STYLE, &lead, &main)
}

fn summary(graph: &Graph, origin: &Origin) -> String {
    let count =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} and {} between them, as Prometheus at {} had them at {}.",
        count(graph.services.len(), "service"),
        count(graph.edges.len(), "edge"),
        origin.url,
        origin.time
    )
}

/// What is said where there is nothing to draw.
pub fn nothing(origin: &Origin) -> Markup {
    html! {
        p class="absent" {
            "Prometheus at " (origin.url) " knows of no service: it has neither " code { "edge:requests:increase1d" }
            " nor " code { "heartbeat_health_score" } ". Are dependency-rules.yml and recording-rules.yml among its "
            "rule_files, does it scrape the proxies, and has traffic passed since?"
        }
    }
}

fn no_edges(origin: &Origin) -> Markup {
    html! {
        p class="absent" {
            "No edges: Prometheus at " (origin.url) " has no " code { "edge:requests:increase1d" } " above 0. Is "
            "dependency-rules.yml among its rule_files, and has any proxy called another within a day?"
        }
    }
}

fn legend() -> Markup {
    let statuses = [
        (Status::Healthy, format!("healthy: score {SCORE_LOW} and more")),
        (
            Status::Degraded,
            format!("degraded: score below {SCORE_LOW}, or more than 5 % of probes fail"),
        ),
        (
            Status::Critical,
            format!("critical: score below {SCORE_CRITICAL}, or more than half of probes fail"),
        ),
        (Status::Unknown, "unknown: no score and no probes".into()),
    ];
    let flows = [
        (Flow::Good, "works: fewer than 1 % fail"),
        (Flow::Some, "some errors: 1 % and more"),
        (Flow::Failing, "failing: 5 % and more"),
        (Flow::Quiet, "quiet: no traffic now"),
    ];
    html! {
        ul class="legend" {
            @for (status, says) in statuses {
                li {
                    svg width="22" height="22" viewBox="-11 -11 22 22" aria-hidden="true" { (picture::shape(status)) }
                    (says)
                }
            }
        }
        ul class="legend" {
            @for (flow, says) in flows {
                li {
                    svg width="36" height="12" aria-hidden="true" {
                        g class=(picture::flow_class(flow)) stroke-width="3" { path class="line" d="M0,6 H36" {} }
                    }
                    (says)
                }
            }
        }
        p {
            "At each arrow: requests a second · error share · p95. The thicker, the stronger: its share of the caller's "
            "requests × those that succeed × the destination's endpoints that live."
        }
    }
}

/// The circles, written out.
fn circles(graph: &Graph) -> Vec<String> {
    let edges: Vec<_> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let found = Components::new(graph.services.len(), &edges).circles(&edges);
    let written = found.into_iter().map(|circle| {
        let first = circle.first().copied();
        let names = circle.iter().copied().chain(first).map(|at| full(&graph.services[at].name));
        format!("cycle: {}", names.collect::<Vec<_>>().join(" → "))
    });
    written.collect()
}

fn services(graph: &Graph) -> Markup {
    let row = |service: &Service| {
        html! {
            tr {
                th scope="row" { (plain(&service.name.service)) }
                td class="word" { @if service.name.namespace.is_empty() { (NONE) } @else { (plain(&service.name.namespace)) } }
                td class="word" { (service.status().word()) }
                td { (or_none(service.score, |score| number(score.round()))) }
                td { (or_none(service.failing, share)) }
            }
        }
    };
    let heads = [
        Word("service"),
        Word("namespace"),
        Word("status"),
        Number("score"),
        Number("failing probes"),
    ];
    table("Services", &heads, graph.services.iter().map(row))
}

fn edges(graph: &Graph) -> Markup {
    let row = |edge: &Edge| {
        html! {
            tr {
                th scope="row" { (full(&graph.services[edge.from].name)) " → " (full(&graph.services[edge.to].name)) }
                td class="word" { (edge.flow().word()) }
                td { (or_none(edge.requests, rate)) }
                td { (or_none(edge.errors, share)) }
                td { (or_none(edge.p95, time)) }
                td { (or_none(edge.deviation, more)) }
                td { (or_none(edge.liveness, share)) }
                td { (or_none(edge.strength, number)) }
                td { (or_none(edge.burn, |burn| format!("{} ×", number(burn)))) }
                td { (number(edge.day.round())) }
            }
        }
    };
    let heads = [
        Word("edge"),
        Word("state"),
        Number("requests"),
        Number("errors"),
        Number("p95"),
        Number("p95 against its median"),
        Number("endpoints that live"),
        Number("strength"),
        Number("budget eaten"),
        Number("requests in a day"),
    ];
    table("Edges", &heads, graph.edges.iter().map(row))
}

/// The head of a column.
#[derive(Clone, Copy)]
enum Head {
    Word(&'static str),
    Number(&'static str),
}

fn table(name: &str, heads: &[Head], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div class="wide" tabindex="0" role="region" aria-label=(format!("{name}, as a table")) {
            table {
                thead { tr { @for head in heads { @match head {
                    Word(head) => th scope="col" class="word" { (head) },
                    Number(head) => th scope="col" { (head) },
                } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

fn or_none(value: Option<f64>, word: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NONE.into(), word)
}

/// A share more or less than something.
fn more(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", share(value.abs()))
}
