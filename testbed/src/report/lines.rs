//! Values over time, one line each.

use maud::{Markup, html};

use super::frame::{Frame, px};
use super::recording::Recording;
use super::scale::round_top;
use super::series::Series;

const HEIGHT: f64 = 180.0;

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is of.
    pub name: String,
    /// Its look; a class of the style sheet.
    pub class: &'static str,
    /// Where it runs.
    pub series: Series,
    /// How it gets from one sample to the next.
    pub course: Course,
}

/// What a line does between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It runs straight, as a counter that rises all the time.
    Straight,
    /// It stays until another value is seen, as a gauge does.
    Steps,
}

/// The lines, on a scale from 0 to `top` or else to just above all values.
pub fn draw(recording: &Recording, title: &str, top: Option<f64>, lines: &[Line]) -> Markup {
    let frame = Frame::new(recording, HEIGHT);
    let highest = lines.iter().map(|line| line.series.max()).fold(0.0, f64::max);
    let scale = frame.upwards(top.unwrap_or_else(|| round_top(highest, 4)));
    frame.draw(
        title,
        &html! {
            (frame.grid(scale, 5))
            @for line in lines {
                @let places = corners(line).into_iter().map(|(second, value)| {
                    format!("{},{}", px(frame.x(second)), px(scale.place(value)))
                });
                polyline class=(format!("line {}", line.class))
                    points=(places.collect::<Vec<_>>().join(" ")) { title { (line.name) } }
            }
        },
    )
}

/// Where the line turns.
fn corners(line: &Line) -> Vec<(f64, f64)> {
    let points = &line.series.points;
    let mut corners = Vec::new();
    for (index, (second, value)) in points.iter().enumerate() {
        if let Some((_, before)) = points.get(index.wrapping_sub(1))
            && line.course == Course::Steps
            && before != value
        {
            corners.push((*second, *before));
        }
        corners.push((*second, *value));
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_stays_until_another_value_is_seen() {
        let points = vec![(1.0, 9.0), (2.0, 9.0), (3.0, 4.0)];
        let line = |course| Line {
            name: String::new(),
            class: "l1",
            series: Series { points: points.clone() },
            course,
        };
        assert_eq!(corners(&line(Course::Straight)), points);
        assert_eq!(corners(&line(Course::Steps)), [(1.0, 9.0), (2.0, 9.0), (3.0, 9.0), (3.0, 4.0)]);
    }
}
