//! Draws what came of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use super::line::Line;
use super::play::Told;
use super::render::{ms, said};
use crate::report::frame::{WIDTH, number, px};
use crate::report::lines::{self, Course};
use crate::report::page;
use crate::report::plots::{Drawing, Key, LINES, Plot, patch};
use crate::report::scale::{Scale, round_top};
use crate::report::series::{Series, gauges, label};
use crate::report::strip::{self, State};

const TITLE: &str = "Heartbeat Filter: the hub, and what happened";

const TRUST: &str = "heartbeat_mesh_source_trust";

/// Verdicts, from the best to the worst.
const VERDICTS: [State; 6] = [
    State { value: 0.0, word: "alive", class: "good" },
    State { value: 1.0, word: "unknown", class: "other" },
    State { value: 2.0, word: "degraded", class: "so-so" },
    State { value: 3.0, word: "suspected", class: "timeout" },
    State { value: 4.0, word: "draining", class: "limited" },
    State { value: 5.0, word: "dead", class: "bad" },
];

const ROW: f64 = 24.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = WIDTH - 20.0;

/// Writes the page, self-contained.
pub fn write(events: &[Line], told: &Told, path: &Path) -> Result<()> {
    let plots = [convergence(events), verdicts(told), trust(told)];
    let lead = html! {
        p {
            "Six instances are judged by polls over HTTP, Watches over gRPC and agents that \
             publish JSON. A gateway follows the hub, under 200 requests a second. Metrics and \
             verdicts are those of the real hub, until it is killed."
        }
        (table(events))
        (heat_map(told))
    };
    crate::report::save(page::page(TITLE, &lead, &told.recording, &plots).into_string(), path)
}

fn table(events: &[Line]) -> Markup {
    html! {
        div class="picture" { table {
            tr {
                @for head in ["what happens", "first notice", "verdict", "traffic moved", "failed", ""] {
                    th scope="col" { (head) }
                }
            }
            @for line in events {
                tr {
                    th scope="row" { (line.name) }
                    td { (said(line.notice.as_ref())) }
                    td { (said(line.verdict.as_ref())) }
                    td { (line.moved.map_or_else(|| "–".into(), ms)) }
                    td { (line.failed) " of " (line.sent) }
                    td { (if line.is_right() { "ok".into() } else { line.wrong.join("; ") }) }
                }
            }
        } }
    }
}

fn heat_map(told: &Told) -> Markup {
    html! {
        figure {
            figcaption {
                h2 { "Heat map" }
                p { "The hub's own page while instance 4 was dead and its agent said otherwise." }
            }
            @match &told.heat_map {
                Ok(png) => div class="picture" {
                    img style="width: 100%" alt="The hub's heat map"
                        src=(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png))) {}
                },
                Err(why) => p { "skipped: " (why) },
            }
        }
    }
}

/// Each event's way to the traffic: a dot for the first notice, one for the verdict, one for
/// the traffic.
fn convergence(events: &[Line]) -> Plot {
    let title = "Convergence";
    let shown: Vec<_> = events.iter().filter(|line| line.verdict.is_some()).collect();
    let points = |line: &Line| {
        let at = |it: &Option<(Duration, String)>| it.as_ref().map(|(took, _)| *took);
        [
            ("good", "first notice", at(&line.notice)),
            ("limited", "verdict", at(&line.verdict)),
            ("bad", "traffic moved", line.moved),
        ]
    };
    let millis = |took: Duration| took.as_secs_f64() * 1_000.0;
    let all = shown.iter().flat_map(|line| points(line)).filter_map(|(_, _, took)| took);
    let most = round_top(all.map(millis).fold(1.0, f64::max), 8);
    let scale = Scale::new((0.0, most), (LEFT, RIGHT));
    let bottom = shown.len() as f64 * ROW + 8.0;
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(title)
            viewBox=(format!("0 0 {WIDTH} {}", bottom + 24.0)) {
            @for tick in scale.ticks(10) {
                @let x = px(scale.place(tick));
                line class="grid" x1=(x) x2=(x) y1="0" y2=(px(bottom)) {}
                text class="tick" x=(x) y=(px(bottom + 16.0)) text-anchor="middle" {
                    (number(tick)) " ms"
                }
            }
            @for (index, line) in shown.iter().enumerate() {
                @let y = (index as f64 + 0.7) * ROW;
                text class="name" x=(px(LEFT - 12.0)) y=(px(y)) text-anchor="end"
                    dominant-baseline="central" { (line.name) }
                @for (class, what, took) in points(line) {
                    @if let Some(took) = took {
                        circle class=(class) cx=(px(scale.place(millis(took)))) cy=(px(y)) r="5" {
                            title { (line.name) ": " (what) " after " (ms(took)) }
                        }
                    }
                }
            }
        }
    };
    let legend = [("good", "first notice"), ("limited", "verdict"), ("bad", "traffic moved")];
    Plot {
        title,
        says: "How long after each event the hub first said something else, said what it had \
               to say, and the gateway's last request went there, or the first.",
        metrics: vec![],
        drawing: Some(Drawing {
            svg,
            legend: legend.map(|(class, name)| patch(class, name)).into(),
        }),
    }
}

fn verdicts(told: &Told) -> Plot {
    let title = "Verdicts";
    let mut strips: BTreeMap<String, Series> = BTreeMap::new();
    for (index, name) in told.names.iter().enumerate() {
        let series = strips.entry(format!("instance {}", index + 1)).or_default();
        for heard in told.heard.iter().filter(|heard| heard.instance == *name) {
            let at = heard.at.saturating_duration_since(told.start);
            let state = VERDICTS.iter().find(|state| state.word == heard.verdict);
            if let Some(state) = state.filter(|_| at < told.recording.length()) {
                series.points.push((at.as_secs_f64(), state.value));
            }
        }
    }
    Plot {
        title,
        says: "What the hub made of what the sources said, as it told those who follow it.",
        metrics: vec![],
        drawing: Some(Drawing {
            svg: strip::draw(&told.recording, title, strips.iter(), &VERDICTS),
            legend: VERDICTS.iter().map(|state| patch(state.class, state.word)).collect(),
        }),
    }
}

/// The trust of those sources in whom it changed.
fn trust(told: &Told) -> Plot {
    let title = "Trust";
    let mut series = gauges(&told.recording, TRUST, |labels| label(labels, "source"));
    series.retain(|_, series| {
        let least = series.points.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
        least < series.max()
    });
    let lines: Vec<_> = series
        .into_iter()
        .zip(LINES.into_iter().cycle())
        .map(|((name, series), class)| lines::Line { name, class, series, course: Course::Steps })
        .collect();
    let keys = lines.iter().map(|line| Key { patch: false, ..patch(line.class, &line.name) });
    Plot {
        title,
        says: "How far the hub trusts its sources, out of 1000, where that changed: a source \
               whose word the others contradict loses some with each such word, and wins it \
               back slowly.",
        metrics: vec![TRUST.into()],
        drawing: (!lines.is_empty()).then(|| Drawing {
            svg: lines::draw(&told.recording, title, Some(1000.0), &lines),
            legend: keys.collect(),
        }),
    }
}
