//! A histogram over time: the stronger the colour, the more.

use maud::{Markup, html};

use super::frame::{Frame, LEFT, RIGHT, number, px};
use super::histogram::{NOTICEABLE, Row};
use super::recording::Recording;

const ROW: f64 = 17.0;

/// The faintest that is still seen, out of 1.
const FAINTEST: f64 = 0.12;

/// One row for each bucket, the lowest at the bottom; one column between each
/// two `edges` (in seconds).
pub fn draw(recording: &Recording, title: &str, edges: &[f64], rows: &[Row]) -> Markup {
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let frame = Frame::new(recording, f64::from(count) * ROW);
    let most = most(rows);
    let tops = (1..).map(|index| frame.bottom - f64::from(index) * ROW);
    frame.draw(
        title,
        &html! {
            @if let Some(lowest) = rows.first() { (bound(lowest.above, frame.bottom)) }
            @for (row, top) in rows.iter().zip(tops) {
                line class="grid" x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(top)) y2=(px(top)) {}
                @if row.up_to.is_finite() { (bound(row.up_to, top)) }
                @for (count, edge) in row.counts.iter().zip(edges.windows(2)) {
                    @if *count >= NOTICEABLE {
                        @let (from, to) = (frame.x(edge[0]), frame.x(edge[1]));
                        rect class="heat" fill-opacity=(opacity(*count, most))
                            x=(px(from + 0.5)) width=(px(to - from - 1.0))
                            y=(px(top + 0.5)) height=(px(ROW - 1.0)) {
                            title {
                                "about " (count.round().max(1.0)) ", " (between(row)) ", "
                                (number(edge[0])) " s to " (number(edge[1])) " s"
                            }
                        }
                    }
                }
            }
        },
    )
}

/// A bound, at the line between two rows.
fn bound(value: f64, y: f64) -> Markup {
    html! {
        text class="tick" x=(px(LEFT - 8.0)) y=(px(y)) text-anchor="end"
            dominant-baseline="central" { (milliseconds(value)) }
    }
}

/// The most in one place.
pub fn most(rows: &[Row]) -> f64 {
    rows.iter().flat_map(|row| &row.counts).copied().fold(1.0, f64::max)
}

/// How strong a count's colour is: its root, so that one slow answer among many quick ones
/// is seen.
pub fn opacity(count: f64, most: f64) -> String {
    let share = (count / most).clamp(0.0, 1.0).sqrt();
    format!("{:.2}", FAINTEST + (1.0 - FAINTEST) * share)
}

fn between(row: &Row) -> String {
    match row.up_to.is_finite() {
        true => format!("{} to {}", milliseconds(row.above), milliseconds(row.up_to)),
        false => format!("more than {}", milliseconds(row.above)),
    }
}

fn milliseconds(value: f64) -> String {
    if value >= 1000.0 {
        format!("{} s", number(value / 1000.0))
    } else {
        format!("{} ms", number(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_one_among_many_is_seen() {
        assert_eq!(opacity(100.0, 100.0), "1.00");
        assert!(opacity(1.0, 400.0).parse::<f64>().unwrap() > 0.15);
    }

    #[test]
    fn a_bucket_is_told_by_its_bounds() {
        let row = |above, up_to| Row { above, up_to, counts: vec![] };
        assert_eq!(between(&row(0.5, 1.0)), "0.5 ms to 1 ms");
        assert_eq!(between(&row(500.0, 1000.0)), "500 ms to 1 s");
        assert_eq!(between(&row(2500.0, f64::INFINITY)), "more than 2.5 s");
    }
}
