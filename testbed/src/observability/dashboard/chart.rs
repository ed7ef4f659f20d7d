//! Lines, areas that stand on each other, and strips of states, over time.

use maud::{Markup, html};

use super::answer::Series;
use super::panel::Panel;
use super::units::written;
use crate::observability::origin::clock;
use crate::prometheus::Range;
use crate::report::frame::{fitting, px, width};
use crate::report::scale::Scale;

/// Room above the plot, and for the times below it.
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;
/// The most room for names of strips.
const NAMES: f64 = 200.0;
/// Seconds that may lie between two ticks.
const STEPS: [f64; 16] = [
    1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0,
    43200.0, 86400.0, 604_800.0,
];

/// Colours of series that have none of their own.
const COLORS: [&str; 8] = ["blue", "orange", "green", "purple", "cyan", "yellow", "gray", "red"];

/// The colour of a series by its place, unless the panel gives it one.
pub fn color<'a>(panel: &'a Panel, series: &Series, at: usize) -> &'a str {
    panel.colors.get(&series.name).map_or(COLORS[at % COLORS.len()], String::as_str)
}

/// The class of a colour: Grafana's shades are one here.
pub fn class(color: &str) -> String {
    let plain = ["semi-dark-", "super-light-", "light-", "dark-"];
    let shade = plain.iter().find_map(|shade| color.strip_prefix(shade)).unwrap_or(color);
    format!("c-{}", if color == "dark-red" { color } else { shade })
}

fn frame(title: &str, size: (f64, f64), inside: &Markup) -> Markup {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(title)
            viewBox=(format!("0 0 {} {}", px(size.0), px(size.1))) { (inside) }
    }
}

/// The times below a plot.
fn times(range: Range, scale: Scale, (left, right): (f64, f64), bottom: f64) -> Markup {
    let length = range.to - range.from;
    let room = (right - left) / 70.0;
    let step = STEPS.into_iter().find(|step| length / step <= room).unwrap_or(2_592_000.0);
    let format = match step {
        step if step < 60.0 => "%H:%M:%S",
        step if step < 86_400.0 => "%H:%M",
        _ => "%m-%d",
    };
    let mut ticks = Vec::new();
    let mut tick = (range.from / step).ceil() * step;
    while tick <= range.to {
        ticks.push(tick);
        tick += step;
    }
    html! {
        line class="axis" x1=(px(left)) x2=(px(right)) y1=(px(bottom)) y2=(px(bottom)) {}
        @for tick in ticks {
            @let x = scale.place(tick);
            @let text = clock(tick, format);
            line class="axis" x1=(px(x)) x2=(px(x)) y1=(px(bottom)) y2=(px(bottom + 3.0)) {}
            @if x - width(&text) / 2.0 >= 0.0 && x + width(&text) / 2.0 <= right + 8.0 {
                text class="tick" x=(px(x)) y=(px(bottom + 15.0)) text-anchor="middle" { (text) }
            }
        }
    }
}

/// Lines, or areas where the panel stacks them.
pub fn lines(panel: &Panel, all: &[Series], range: Range, size: (f64, f64)) -> Markup {
    let heaped = if panel.stacked { stacked(all) } else { all.to_vec() };
    let values = heaped.iter().flat_map(|series| &series.points).map(|(_, value)| *value);
    let values: Vec<_> = values.filter(|value| value.is_finite()).collect();
    let (low, high) = bounds(panel, &values);
    let bottom = size.1 - BOTTOM;
    let up = Scale::new((low, high), (bottom, TOP));
    let ticks = up.ticks(4);
    let unit = |value: f64| written(value, &panel.unit, None);
    let left = ticks.iter().map(|tick| width(&unit(*tick))).fold(20.0, f64::max) + 12.0;
    let right = size.0 - 10.0;
    let across = Scale::new((range.from, range.to), (left, right));
    let limits = panel.thresholds.iter().filter(|(from, _)| *from > low && *from < high);
    let inside = html! {
        @for tick in &ticks {
            @let y = px(up.place(*tick));
            line class="grid" x1=(px(left)) x2=(px(right)) y1=(y) y2=(y) {}
            text class="tick" x=(px(left - 6.0)) y=(y) text-anchor="end" dominant-baseline="central" { (unit(*tick)) }
        }
        @if panel.stacked {
            @for (at, (series, own)) in heaped.iter().zip(all).enumerate() {
                g class=(class(color(panel, series, at))) {
                    title { (series.name) }
                    @for run in runs(&series.points, range.step) { path class="area" d=(area(run, own, across, up)) {} }
                }
            }
        }
        // What is all 0 adds nothing to a stack, and would hide what it stands on.
        @for (at, series) in heaped.iter().enumerate().filter(|(at, _)| !panel.stacked || adds(&all[*at])) {
            g class=(class(color(panel, series, at))) {
                title { (series.name) }
                @for run in runs(&series.points, range.step) { path class=(format!("course dash{}", at / COLORS.len() % 3)) d=(course(run, across, up)) {} }
            }
        }
        @if panel.lines_at_thresholds {
            @for (from, color) in limits {
                @let y = px(up.place(*from));
                line class=(format!("limit {}", class(color))) x1=(px(left)) x2=(px(right)) y1=(y) y2=(y) {
                    title { "from " (unit(*from)) }
                }
            }
        }
        (times(range, across, (left, right), bottom))
    };
    frame(&panel.title, size, &inside)
}

/// Where the axis begins and ends: as the panel says, or around all values.
fn bounds(panel: &Panel, values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = panel.min.unwrap_or(if least.is_finite() { least.min(0.0) } else { 0.0 });
    let high = panel.max.unwrap_or(if most > low { most } else { low + 1.0 });
    let ticks = Scale::new((low, high), (0.0, 1.0)).ticks(4);
    let step = ticks.windows(2).next().map_or(high - low, |pair| pair[1] - pair[0]);
    let round = |value: f64, up: f64| ((value / step * up - 1e-9).ceil() * up) * step;
    (panel.min.unwrap_or_else(|| round(low, -1.0)), panel.max.unwrap_or_else(|| round(high, 1.0)))
}

/// Each series on those before it.
fn stacked(all: &[Series]) -> Vec<Series> {
    let mut heaps = std::collections::BTreeMap::<u64, f64>::new();
    let heap = |series: &Series| {
        let points =
            series.points.iter().filter(|(_, value)| value.is_finite()).map(|(at, value)| {
                let sum = heaps.entry((at * 1000.0) as u64).or_default();
                *sum += value;
                (*at, *sum)
            });
        Series { name: series.name.clone(), points: points.collect() }
    };
    all.iter().map(heap).collect()
}

/// Where a series is there without a gap: Prometheus leaves out what it doesn't have.
fn runs(points: &[(f64, f64)], step: f64) -> impl Iterator<Item = &[(f64, f64)]> {
    let together = move |one: &(f64, f64), next: &(f64, f64)| {
        next.0 - one.0 < 1.5 * step && one.1.is_finite() == next.1.is_finite()
    };
    points.chunk_by(together).filter(|run| run[0].1.is_finite())
}

fn course(run: &[(f64, f64)], across: Scale, up: Scale) -> String {
    let place =
        |(at, value): &(f64, f64)| format!("{},{}", px(across.place(*at)), px(up.place(*value)));
    let places: Vec<_> = run.iter().map(place).collect();
    match &places[..] {
        // One by itself is a dot.
        [one] => format!("M{one} h0.1"),
        all => format!("M{}", all.join(" L")),
    }
}

fn adds(series: &Series) -> bool {
    series.points.iter().any(|(_, value)| *value > 0.0)
}

/// What a series adds to those that it stands on.
fn area(run: &[(f64, f64)], own: &Series, across: Scale, up: Scale) -> String {
    let below = run.iter().rev().map(|(at, sum)| {
        let found = own.points.iter().find(|(time, _)| time == at);
        (*at, sum - found.map_or(0.0, |(_, value)| *value))
    });
    let floor = course(&below.collect::<Vec<_>>(), across, up);
    format!("{} L{} Z", course(run, across, up), floor.trim_start_matches('M'))
}

/// A strip of states for each series.
pub fn strips(panel: &Panel, all: &[Series], range: Range, size: (f64, f64)) -> Markup {
    let bottom = size.1 - BOTTOM;
    let names = all.iter().map(|series| width(&series.name)).fold(20.0, f64::max);
    let left = names.min(NAMES).min(size.0 * 0.45) + 10.0;
    let right = size.0 - 10.0;
    let across = Scale::new((range.from, range.to), (left, right));
    let row = (bottom - TOP) / all.len().max(1) as f64;
    let inside = html! {
        @for (at, series) in all.iter().enumerate() {
            @let y = TOP + at as f64 * row;
            text class="name" x=(px(left - 6.0)) y=(px(y + row / 2.0)) text-anchor="end" dominant-baseline="central" {
                title { (series.name) }
                (fitting(&series.name, left - 8.0))
            }
            @for stay in series.points.chunk_by(|one, next| one.1 == next.1 && next.0 - one.0 < 1.5 * range.step) {
                @let (word, color) = state(panel, stay[0].1);
                @let x = across.place(stay[0].0);
                @let end = across.place(stay[stay.len() - 1].0 + range.step);
                rect class=(format!("state {}", class(&color))) x=(px(x)) width=(px((end - x).max(1.0)))
                    y=(px(y + row * 0.1)) height=(px(row * 0.8)) { title { (series.name) ": " (word) } }
            }
        }
        (times(range, across, (left, right), bottom))
    };
    frame(&panel.title, size, &inside)
}

/// What a value means, and its colour.
pub fn state(panel: &Panel, value: f64) -> (String, String) {
    panel.mappings.get(&value.to_string()).cloned().unwrap_or_else(|| {
        let color = panel.color_of(value).unwrap_or("gray").to_owned();
        (written(value, &panel.unit, panel.decimals), color)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        Series { name: "a".into(), points: points.to_vec() }
    }

    #[test]
    fn what_is_stacked_stands_on_what_comes_before_it() {
        let all = [series(&[(1.0, 2.0), (2.0, 3.0)]), series(&[(2.0, 4.0)])];
        let heaped = stacked(&all);
        assert_eq!(heaped[0].points, [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(heaped[1].points, [(2.0, 7.0)]);
    }

    #[test]
    fn a_gap_or_what_is_no_number_ends_a_run() {
        let points = [(0.0, 1.0), (1.0, 1.0), (5.0, 2.0), (6.0, f64::NAN), (7.0, 3.0)];
        let found: Vec<_> = runs(&points, 1.0).map(<[_]>::len).collect();
        assert_eq!(found, [2, 1, 1]);
    }

    #[test]
    fn an_axis_begins_and_ends_as_the_panel_says_or_around_all_values() {
        let open = Panel::default();
        assert_eq!(bounds(&open, &[0.013, 0.047]), (0.0, 0.06));
        assert_eq!(bounds(&open, &[]), (0.0, 1.0));
        let (low, high) = bounds(&open, &[-3.0, 8.0]);
        assert!(low <= -3.0 && high >= 8.0, "{low} {high}");
        let closed = Panel { min: Some(0.0), max: Some(1.0), ..Panel::default() };
        assert_eq!(bounds(&closed, &[0.5]), (0.0, 1.0));
    }

    #[test]
    fn a_value_is_the_word_that_it_is_mapped_to() {
        let mappings = [("0".into(), ("down".into(), "red".into()))].into();
        let panel = Panel { mappings, ..Panel::default() };
        assert_eq!(state(&panel, 0.0), ("down".into(), "red".into()));
        assert_eq!(state(&panel, 2.0), ("2".into(), "gray".into()));
    }
}
