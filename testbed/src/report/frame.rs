//! What every picture has: the time below it, the acts, and the faults behind it.

use std::time::Duration;

use maud::{Markup, html};

use super::recording::{Recording, Span};
use super::scale::Scale;

/// Sizes in user units; the page scales them to its width.
pub const WIDTH: f64 = 960.0;
pub const LEFT: f64 = 92.0;
pub const RIGHT: f64 = WIDTH - 14.0;
/// Room for what the faults are called.
pub const TOP: f64 = 20.0;
/// Room for the ticks and the acts.
const BOTTOM: f64 = 44.0;

/// What it is called when a fault is over.
const BACK: &str = "back";

/// The width of an average letter; the small ones that charts are lettered in.
const LETTER: f64 = 6.3;

/// The picture's frame; what it holds stands between [`LEFT`] and [`RIGHT`],
/// from [`TOP`] down to [`Frame::bottom`].
#[derive(Debug)]
pub struct Frame<'a> {
    recording: &'a Recording,
    time: Scale,
    /// Where the axis of time is.
    pub bottom: f64,
}

impl<'a> Frame<'a> {
    /// A frame around a picture that is `height` high.
    pub fn new(recording: &'a Recording, height: f64) -> Self {
        let seconds = (0.0, recording.length().as_secs_f64());
        Self { recording, time: Scale::new(seconds, (LEFT, RIGHT)), bottom: TOP + height }
    }

    /// The place of a second.
    pub fn x(&self, second: f64) -> f64 {
        self.time.place(second)
    }

    /// A scale for values from 0 to `top`, upwards.
    pub fn upwards(&self, top: f64) -> Scale {
        Scale::new((0.0, top), (self.bottom, TOP))
    }

    /// The whole picture; `title` is for those who can't see it.
    pub fn draw(&self, title: &str, picture: &Markup) -> Markup {
        html! {
            svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(title)
                viewBox=(format!("0 0 {WIDTH} {}", self.bottom + BOTTOM)) {
                @for fault in &self.recording.faults { (self.fault(fault)) }
                (picture)
                // Above the picture, or bars would hide it.
                @for fault in &self.recording.faults { (self.fault_edges(fault)) }
                (self.seconds())
                @for (index, act) in self.recording.acts.iter().enumerate() {
                    (self.act(index + 1, act))
                }
            }
        }
    }

    /// Lines at round values, with the values on the left.
    pub fn grid(&self, scale: Scale, about: u32) -> Markup {
        html! {
            @for tick in scale.ticks(about) {
                @let y = px(scale.place(tick));
                line class="grid" x1=(px(LEFT)) x2=(px(RIGHT)) y1=(y) y2=(y) {}
                text class="tick" x=(px(LEFT - 8.0)) y=(y) text-anchor="end"
                    dominant-baseline="central" { (number(tick)) }
            }
        }
    }

    fn seconds(&self) -> Markup {
        html! {
            line class="axis" x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(self.bottom)) y2=(px(self.bottom)) {}
            @for tick in self.time.ticks(16) {
                @let x = px(self.x(tick));
                line class="axis" x1=(x) x2=(x) y1=(px(self.bottom)) y2=(px(self.bottom + 4.0)) {}
                text class="tick" x=(x) y=(px(self.bottom + 15.0)) text-anchor="middle" {
                    (number(tick)) " s"
                }
            }
        }
    }

    fn ends(&self, span: &Span) -> (f64, f64) {
        (self.x(span.from.as_secs_f64()), self.x(span.to.as_secs_f64()))
    }

    fn act(&self, number: usize, act: &Span) -> Markup {
        let (from, to) = self.ends(act);
        let name = format!("{number}. {}", act.name);
        let label = [name.clone(), number.to_string()]
            .into_iter()
            .find(|text| width(text) <= to - from)
            .unwrap_or_default();
        let (top, class) = (self.bottom + 23.0, if number % 2 == 1 { "act" } else { "act even" });
        html! {
            g {
                title { (name) ", " (spell(act)) }
                rect class=(class) x=(px(from)) width=(px(to - from)) y=(px(top)) height="17" {}
                text class="act" x=(px(f64::midpoint(from, to))) y=(px(top + 9.0))
                    text-anchor="middle" dominant-baseline="central" { (label) }
            }
        }
    }

    fn fault(&self, fault: &Span) -> Markup {
        let (from, to) = self.ends(fault);
        html! {
            rect class="fault" x=(px(from)) width=(px(to - from)) y=(px(TOP))
                height=(px(self.bottom - TOP)) { title { (fault.name) ", " (spell(fault)) } }
        }
    }

    fn fault_edges(&self, fault: &Span) -> Markup {
        let (from, to) = self.ends(fault);
        let mended = fault.to < self.recording.length();
        // Where there is no room for both ends, one label is for both.
        let apart = width(&fault.name) <= to - from;
        let first = match mended && !apart {
            true => format!("{}, {BACK}", fault.name),
            false => fault.name.clone(),
        };
        html! {
            (self.fault_edge(from, &first))
            @if mended { (self.fault_edge(to, if apart { BACK } else { "" })) }
        }
    }

    fn fault_edge(&self, x: f64, label: &str) -> Markup {
        let anchor = if x + width(label) > WIDTH { "end" } else { "start" };
        html! {
            line class="fault" x1=(px(x)) x2=(px(x)) y1=(px(TOP - 5.0)) y2=(px(self.bottom)) {}
            text class="fault" x=(px(x)) y=(px(TOP - 9.0)) text-anchor=(anchor) { (label) }
        }
    }
}

/// About how wide a text is.
pub fn width(text: &str) -> f64 {
    text.chars().map(letter).sum()
}

/// About how wide a letter is: those of the East, and pictures, are twice as wide as others.
fn letter(letter: char) -> f64 {
    match letter {
        'M' | 'W' | 'm' | 'w' | '@' | '%' => 1.5 * LETTER,
        '\u{2e80}'.. => 2.0 * LETTER,
        _ => LETTER,
    }
}

/// A text that fits into `room`, cut short if need be.
pub fn fitting(text: &str, room: f64) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut cut = text.to_owned();
    while !cut.is_empty() && width(&cut) + LETTER > room {
        cut.pop();
    }
    cut + "…"
}

/// When something was, in words.
fn spell(span: &Span) -> String {
    let second = |at: Duration| number((at.as_secs_f64() * 10.0).round() / 10.0);
    format!("{} s to {} s", second(span.from), second(span.to))
}

/// A place or a length, to a tenth of a unit.
pub fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// A value, with as many decimals as it takes, and two at most.
pub fn number(value: f64) -> String {
    // Adding 0 makes 0 of -0.
    ((value * 100.0).round() / 100.0 + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, -0.0, 2.0, 0.5, 1.0 / 3.0, 1234.5, 0.1 + 0.2].map(number);
        assert_eq!(numbers, ["0", "0", "2", "0.5", "0.33", "1234.5", "0.3"]);
    }

    #[test]
    fn a_long_text_is_cut_to_its_room() {
        assert!(fitting("日本語の名前", 40.0).chars().count() <= 4);
        assert_eq!(fitting("livez", 80.0), "livez");
        let cut = fitting("a_component_with_a_long_name", 80.0);
        assert!(cut.starts_with("a_comp") && cut.ends_with('…') && width(&cut) <= 80.0, "{cut}");
    }
}
