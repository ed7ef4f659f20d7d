//! The picture: SVG, in the colours of the report's style sheet.

use maud::{Markup, html};

use super::graph::{Edge, Flow, Graph, Name, Service, Status};
use super::layout::{self, BOX, Frame, HEAD, Layout, Rect, Route, Way};
use super::words::{NONE, edge as label, full, plain, rate, share, time};
use crate::report::frame::{fitting, number, px};

/// The room for text in a service's box.
const TEXT: f64 = BOX - 44.0;
/// How much wider bold letters are.
const BOLD: f64 = 1.12;
/// Around the picture.
const MARGIN: f64 = 14.0;
/// Between services that nobody calls and that call nobody.
const IDLE_GAP: f64 = 16.0;
const IDLE_HEIGHT: f64 = 60.0;
/// The most such services in a row.
const IDLE_ROW: f64 = 6.0;

/// Everything that the picture shows.
pub fn draw(graph: &Graph, says: &str) -> Markup {
    let layout = layout::place(graph);
    let (idle, bottom) = idle(&layout);
    let right = idle.iter().map(|(_, rect)| rect.x + rect.width).fold(layout.size.0, f64::max);
    let (width, height) = (right + 2.0 * MARGIN, bottom + 2.0 * MARGIN);
    let placed = layout.boxes.iter().enumerate().filter_map(|(at, rect)| Some((at, (*rect)?)));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img" width=(px(width)) height=(px(height))
            viewBox=(format!("0 0 {} {}", px(width), px(height)))
            aria-labelledby="topology-title topology-desc" {
            title id="topology-title" { "Service topology" }
            desc id="topology-desc" { (says) }
            g transform=(format!("translate({MARGIN} {MARGIN})")) {
                @for frame in &layout.frames { (draw_frame(frame)) }
                @for route in &layout.routes { (draw_route(route, graph)) }
                @for (at, rect) in placed { (draw_service(&graph.services[at], rect)) }
                @if let Some((_, first)) = idle.first() {
                    text class="head" x="0" y=(px(first.y - 10.0)) { "Without traffic for a day" }
                }
                @for (at, rect) in idle { (draw_service(&graph.services[at], rect)) }
            }
        }
    }
}

/// Services without edges, below all others, and where the picture ends.
fn idle(layout: &Layout) -> (Vec<(usize, Rect)>, f64) {
    let services = layout.boxes.iter().enumerate().filter(|(_, rect)| rect.is_none());
    let mut top = layout.size.1;
    let wide = ((layout.size.0 + IDLE_GAP) / (BOX + IDLE_GAP)).floor().max(IDLE_ROW);
    let mut idle = Vec::new();
    for (count, (service, _)) in services.enumerate() {
        let column = count as f64 % wide;
        if count == 0 {
            top += 34.0;
        } else if column == 0.0 {
            top += IDLE_HEIGHT + IDLE_GAP;
        }
        let x = column * (BOX + IDLE_GAP);
        idle.push((service, Rect { x, y: top, width: BOX, height: IDLE_HEIGHT }));
    }
    let bottom = if idle.is_empty() { top } else { top + IDLE_HEIGHT };
    (idle, bottom)
}

fn class_of(status: Status) -> &'static str {
    match status {
        Status::Unknown => "other",
        Status::Healthy => "good",
        Status::Degraded => "so-so",
        Status::Critical => "bad",
    }
}

/// The look of an edge.
pub fn flow_class(flow: Flow) -> &'static str {
    match flow {
        Flow::Quiet => "edge quiet",
        Flow::Good => "edge",
        Flow::Some => "edge some",
        Flow::Failing => "edge failing",
    }
}

fn draw_service(service: &Service, rect: Rect) -> Markup {
    let Rect { x, y, width, height } = rect;
    let status = service.status();
    let middle = y + height / 2.0;
    let fares = match service.score {
        Some(score) => format!("{} · {}", status.word(), number(score.round())),
        None => status.word().into(),
    };
    let Name { service: name, namespace } = &service.name;
    let mut lines = vec![("service", shortened(name, TEXT / BOLD))];
    lines.extend((!namespace.is_empty()).then(|| ("", shortened(namespace, TEXT))));
    lines.push(("", fares));
    let first = middle + 4.0 - 8.0 * (lines.len() as f64 - 1.0);
    html! {
        g {
            title { (full(&service.name)) ": " (describe(service)) }
            rect class="service" x=(px(x)) y=(px(y)) width=(px(width)) height=(px(height)) rx="5" {}
            rect class=(class_of(status)) x=(px(x)) y=(px(y)) width="5" height=(px(height)) rx="2" {}
            g transform=(format!("translate({} {})", px(x + 20.0), px(middle))) { (shape(status)) }
            // It cuts off whatever is wider than was reckoned.
            svg x=(px(x + 36.0)) y=(px(y)) width=(px(TEXT + 4.0)) height=(px(height)) {
                @for (at, (class, line)) in lines.iter().enumerate() {
                    text class=(class) y=(px(first - y + 16.0 * at as f64)) { (line) }
                }
            }
        }
    }
}

/// A status has a shape of its own, and a sign.
pub fn shape(status: Status) -> Markup {
    html! {
        @match status {
            Status::Unknown => circle class="shape unknown" r="8" {},
            Status::Healthy => circle class="good" r="9" {},
            Status::Degraded => path class="so-so" d="M0,-10 L10.5,8 L-10.5,8 Z" {},
            Status::Critical => path class="bad"
                d="M-4,-9.5 L4,-9.5 L9.5,-4 L9.5,4 L4,9.5 L-4,9.5 L-9.5,4 L-9.5,-4 Z" {},
        }
        @match status {
            Status::Unknown => text class="sign" y="4" text-anchor="middle" { "?" },
            Status::Healthy => path class="sign" d="M-4,0 L-1,3.5 L4.5,-3.5" {},
            Status::Degraded => path class="sign dark" d="M0,-4.5 L0,2 M0,4.6 L0,5.4" {},
            Status::Critical => path class="sign" d="M-3.5,-3.5 L3.5,3.5 M-3.5,3.5 L3.5,-3.5" {},
        }
    }
}

fn shortened(name: &str, room: f64) -> String {
    fitting(&plain(name), room)
}

/// What is known of a service, in words.
fn describe(service: &Service) -> String {
    let score = service.score.map(|score| format!(", score {} of 1000", number(score.round())));
    let failing = service.failing.map(|failing| format!(", {} of probes fail", share(failing)));
    let [score, failing] = [score, failing].map(Option::unwrap_or_default);
    format!("{}{score}{failing}", service.status().word())
}

fn draw_frame(frame: &Frame) -> Markup {
    let Rect { x, y, width, height } = frame.rect;
    html! {
        rect class="frame" x=(px(x)) y=(px(y)) width=(px(width)) height=(px(height)) rx="8" {}
        text class="frame" x=(px(x + 12.0)) y=(px(y + 14.0)) {
            "cycle of " (frame.members.len())
        }
    }
}

fn draw_route(route: &Route, graph: &Graph) -> Markup {
    let edge = &graph.edges[route.edge];
    let width = 1.2 + 4.3 * edge.strength.unwrap_or(0.0).clamp(0.0, 1.0).sqrt();
    let (line, head) = match &route.way {
        Way::Through(points) => through(points),
        Way::Around { side, lane, from, to } => around(*side, *lane, *from, *to),
    };
    let (x, anchor) = match route.way {
        Way::Through(_) => (route.label.x + route.label.width - HEAD - 4.0, "end"),
        Way::Around { .. } => (route.label.x + HEAD + 4.0, "start"),
    };
    let y = route.label.y + route.label.height - width / 2.0 - 3.0;
    html! {
        g class=(flow_class(edge.flow())) stroke-width=(px(width)) {
            title { (full(&graph.services[edge.from].name)) " → " (full(&graph.services[edge.to].name)) ": " (detail(edge)) }
            path class="line" d=(line) {}
            path class="tip" d=(head) {}
            text class="label" x=(px(x)) y=(px(y)) text-anchor=(anchor) { (label(edge)) }
        }
    }
}

/// What is known of an edge, in words.
fn detail(edge: &Edge) -> String {
    let or_none =
        |value: Option<f64>, word: fn(f64) -> String| value.map_or_else(|| NONE.into(), word);
    format!(
        "{}; {} requests, {} of them fail, p95 {}, strength {}",
        edge.flow().word(),
        or_none(edge.requests, rate),
        or_none(edge.errors, share),
        or_none(edge.p95, time),
        or_none(edge.strength, number),
    )
}

/// A line through points, and its arrow's head.
fn through(points: &[(f64, f64)]) -> (String, String) {
    let mut line = String::new();
    let last = points.len() - 1;
    for (at, (x, y)) in points.iter().enumerate() {
        let x = if at == last { x - HEAD + 1.0 } else { *x };
        match at.checked_sub(1).map(|before| points[before]) {
            None => line += &format!("M{},{}", px(x), px(*y)),
            Some((_, level)) if level == *y => line += &format!(" H{}", px(x)),
            Some((from, level)) => {
                let middle = px(f64::midpoint(from, x));
                line +=
                    &format!(" C{middle},{} {middle},{} {},{}", px(level), px(*y), px(x), px(*y));
            }
        }
    }
    let (x, y) = points[last];
    (line, tip(x, y, -1.0))
}

/// A line out of a side, through a lane and back, and its arrow's head.
fn around(side: f64, lane: f64, from: f64, to: f64) -> (String, String) {
    let radius = 6.0_f64.min((to - from).abs() / 2.0);
    let down = if to > from { radius } else { -radius };
    let [turn, x] = [px(lane - radius), px(lane)];
    let line = format!(
        "M{},{} H{turn} Q{x},{} {x},{} V{} Q{x},{} {turn},{} H{}",
        px(side),
        px(from),
        px(from),
        px(from + down),
        px(to - down),
        px(to),
        px(to),
        px(side + HEAD - 1.0),
    );
    (line, tip(side, to, 1.0))
}

/// A head that ends at a point and comes from its left (-1) or right (1).
fn tip(x: f64, y: f64, from: f64) -> String {
    let back = px(x + from * HEAD);
    format!("M{},{} L{back},{} L{back},{} Z", px(x), px(y), px(y - 5.5), px(y + 5.5))
}
