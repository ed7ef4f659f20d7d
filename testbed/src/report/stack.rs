//! Bars of several parts, one on the other.

use maud::{Markup, html};

use super::frame::{Frame, number, px};
use super::recording::Recording;
use super::scale::round_top;

const HEIGHT: f64 = 190.0;

/// A part of every bar.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is of.
    pub name: String,
    /// Its look; a class of the style sheet.
    pub class: &'static str,
    /// Its height in each bar.
    pub values: Vec<f64>,
}

/// One bar between each two `edges` (in seconds), from the first part upwards.
pub fn draw(recording: &Recording, title: &str, edges: &[f64], parts: &[Part]) -> Markup {
    let frame = Frame::new(recording, HEIGHT);
    let bars: Vec<_> = edges.windows(2).collect();
    let value = |part: &Part, bar: usize| part.values.get(bar).copied().unwrap_or_default();
    let sums = (0..bars.len()).map(|bar| parts.iter().map(|part| value(part, bar)).sum());
    let scale = frame.upwards(round_top(sums.fold(0.0, f64::max), 4));
    frame.draw(
        title,
        &html! {
            (frame.grid(scale, 4))
            @for (bar, edge) in bars.iter().enumerate() {
                @let (from, to) = (frame.x(edge[0]), frame.x(edge[1]));
                @for (index, part) in parts.iter().enumerate() {
                    @let below = parts[..index].iter().map(|part| value(part, bar)).sum::<f64>();
                    @let (value, y) = (value(part, bar), scale.place(below));
                    @let height = y - scale.place(below + value);
                    // What rounds to nothing is nothing.
                    @if height >= 0.05 {
                        // A gap tells the bars apart.
                        rect class=(part.class) x=(px(from + 0.5)) width=(px(to - from - 1.0))
                            y=(px(y - height)) height=(px(height)) {
                            title {
                                (part.name) ": " (number(value)) " a second, "
                                (number(edge[0])) " s to " (number(edge[1])) " s"
                            }
                        }
                    }
                }
            }
        },
    )
}
