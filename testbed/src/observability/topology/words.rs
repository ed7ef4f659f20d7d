//! Numbers and names as they are shown.

use super::graph::{Edge, Flow, Name};
use crate::report::frame::number;

/// What stands for something that isn't known.
pub const NONE: &str = "–";

/// Digits that say something: one behind the point below ten.
fn short(value: f64) -> String {
    let step = if value.abs() < 10.0 { 10.0 } else { 1.0 };
    number((value * step).round() / step)
}

/// Requests a second.
pub fn rate(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M/s", short(value / 1e6)),
        value if value >= 1e3 => format!("{}k/s", short(value / 1e3)),
        value if value > 0.0 && value < 0.05 => "<0.1/s".into(),
        value => format!("{}/s", short(value)),
    }
}

/// A share, in percent.
pub fn share(value: f64) -> String {
    match value * 100.0 {
        percent if percent > 0.0 && percent < 0.05 => "<0.1 %".into(),
        percent => format!("{} %", short(percent)),
    }
}

/// A time.
pub fn time(milliseconds: f64) -> String {
    match milliseconds {
        value if value >= 1e3 => format!("{} s", short(value / 1e3)),
        value => format!("{} ms", short(value)),
    }
}

/// A name without what would break a picture or turn its letters around.
pub fn plain(name: &str) -> String {
    let odd = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
                | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let name = name.replace(odd, "\u{fffd}");
    if name.trim().is_empty() { "(no name)".into() } else { name }
}

/// A service with its namespace.
pub fn full(name: &Name) -> String {
    match name.namespace.as_str() {
        "" => plain(&name.service),
        namespace => format!("{} in {}", plain(&name.service), plain(namespace)),
    }
}

/// What stands at an edge: requests, errors, p95.
pub fn edge(edge: &Edge) -> String {
    let or_none =
        |value: Option<f64>, word: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), word);
    let numbers = || {
        let requests = or_none(edge.requests, rate);
        format!("{requests} · {} · {}", or_none(edge.errors, share), or_none(edge.p95, time))
    };
    match edge.flow() {
        Flow::Quiet => Flow::Quiet.word().into(),
        Flow::Failing => format!("! {}", numbers()),
        Flow::Good | Flow::Some => numbers(),
    }
}
