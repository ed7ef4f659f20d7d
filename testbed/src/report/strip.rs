//! States over time, one strip each.

use maud::{Markup, html};

use super::frame::{Frame, LEFT, TOP, fitting, number, px, width};
use super::recording::Recording;
use super::series::Series;

const ROW: f64 = 28.0;
const STRIP: f64 = 20.0;

/// What a value stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// The value of the gauge.
    pub value: f64,
    /// In a word.
    pub word: &'static str,
    /// Its look; a class of the style sheet.
    pub class: &'static str,
}

/// One strip for each series.
pub fn draw<'a>(
    recording: &Recording,
    title: &str,
    strips: impl ExactSizeIterator<Item = (&'a String, &'a Series)>,
    states: &[State],
) -> Markup {
    let count = u32::try_from(strips.len()).unwrap_or(u32::MAX);
    let frame = Frame::new(recording, f64::from(count) * ROW);
    let end = recording.length().as_secs_f64();
    let tops = (0..).map(|index| TOP + f64::from(index) * ROW + (ROW - STRIP) / 2.0);
    frame.draw(
        title,
        &html! {
            @for ((name, series), top) in strips.zip(tops) {
                @let middle = px(top + STRIP / 2.0);
                text class="name" x=(px(LEFT - 8.0)) y=(middle) text-anchor="end"
                    dominant-baseline="central" {
                    title { (name) }
                    (fitting(name, LEFT - 10.0))
                }
                @for Stay { value, from, to } in stays(series, end) {
                    @let (left, right) = (frame.x(from), frame.x(to));
                    @let (word, class) = look(value, states);
                    rect class=(class) x=(px(left)) width=(px(right - left)) y=(px(top))
                        height=(px(STRIP)) {
                        title {
                            (name) " " (word) ", " (number(from)) " s to " (number(to)) " s"
                        }
                    }
                    @if width(&word) + 8.0 <= right - left {
                        text class="on" x=(px(f64::midpoint(left, right))) y=(middle)
                            text-anchor="middle" dominant-baseline="central" { (word) }
                    }
                }
            }
        },
    )
}

fn look(value: f64, states: &[State]) -> (String, &'static str) {
    let known = states.iter().find(|state| state.value == value);
    known.map_or_else(|| (number(value), "other"), |state| (state.word.into(), state.class))
}

/// A value that lasted.
#[derive(Debug, PartialEq)]
struct Stay {
    value: f64,
    from: f64,
    to: f64,
}

/// A value lasts until another is seen; the last one until the end.
fn stays(series: &Series, end: f64) -> Vec<Stay> {
    let runs: Vec<_> = series.points.chunk_by(|(_, one), (_, next)| one == next).collect();
    let starts = runs.iter().skip(1).filter_map(|run| run.first()).map(|(at, _)| *at);
    let ends: Vec<_> = starts.chain([end]).collect();
    let begun = runs.iter().filter_map(|run| run.first());
    begun.zip(ends).map(|((from, value), to)| Stay { value: *value, from: *from, to }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_until_the_next_is_seen() {
        let points = vec![(0.5, 1.0), (1.0, 1.0), (1.5, 0.0), (2.0, 1.0), (2.5, 1.0)];
        let stay = |value, from, to| Stay { value, from, to };
        assert_eq!(
            stays(&Series { points }, 3.0),
            [stay(1.0, 0.5, 1.5), stay(0.0, 1.5, 2.0), stay(1.0, 2.0, 3.0)]
        );
        assert!(stays(&Series::default(), 3.0).is_empty());
    }

    #[test]
    fn an_unknown_state_is_told_by_its_value() {
        let states = [State { value: 1.0, word: "up", class: "good" }];
        assert_eq!(look(1.0, &states), ("up".into(), "good"));
        assert_eq!(look(7.0, &states), ("7".into(), "other"));
    }
}
