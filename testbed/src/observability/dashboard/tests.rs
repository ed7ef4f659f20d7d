//! What panels become.

use maud::html;

use super::answer::Series;
use super::page::{self, Figure, Shown};
use super::panel::{Panel, Place};
use super::{chart, seconds, value};
use crate::observability::origin::Origin;
use crate::prometheus::Range;
use crate::prometheus::dashboard::Dashboard;

const RANGE: Range = Range { from: 1_000.0, to: 1_100.0, step: 10.0 };

fn series(name: &str, values: &[f64]) -> Series {
    let points = (0..).map(|at| 1_000.0 + 10.0 * f64::from(at)).zip(values.iter().copied());
    Series { name: name.into(), points: points.collect() }
}

fn count(svg: &str, what: &str) -> usize {
    svg.matches(what).count()
}

#[test]
fn each_kind_of_panel_that_is_shipped_can_be_drawn() {
    // What isn't one of these is shown as plain values: a stat, and nothing else.
    let drawn = ["timeseries", "state-timeline", "stat", "nodeGraph"];
    for panel in Dashboard::read().unwrap().panels() {
        let panel = Panel::read(panel);
        assert!(drawn.contains(&panel.kind.as_str()), "{}: {}", panel.title, panel.kind);
        let unit = super::units::written(1.0, &panel.unit, None);
        assert!(
            panel.unit.is_empty()
                || !unit.ends_with(&format!(" {}", panel.unit))
                || ["s", "ms", "d"].contains(&panel.unit.as_str()),
            "{}: {unit}",
            panel.title
        );
    }
}

#[test]
fn lines_have_gaps_where_there_is_nothing_and_limits_where_the_panel_says() {
    let panel = Panel {
        thresholds: vec![(f64::NEG_INFINITY, "red".into()), (300.0, "yellow".into())],
        lines_at_thresholds: true,
        max: Some(1000.0),
        ..Panel::default()
    };
    let all = [series("a", &[900.0, 800.0, f64::NAN, 700.0, 600.0])];
    let svg = chart::lines(&panel, &all, RANGE, (400.0, 200.0)).into_string();
    assert_eq!(count(&svg, "class=\"course"), 2, "{svg}");
    assert_eq!(count(&svg, "class=\"limit c-yellow\""), 1, "{svg}");
}

#[test]
fn what_adds_nothing_to_a_stack_is_not_drawn() {
    let panel = Panel { stacked: true, ..Panel::default() };
    let all = [series("pass", &[1.0, 2.0]), series("fail", &[0.0, 0.0])];
    let svg = chart::lines(&panel, &all, RANGE, (400.0, 200.0)).into_string();
    assert_eq!(count(&svg, "class=\"course"), 1, "{svg}");
}

#[test]
fn a_strip_changes_where_the_state_does() {
    let mappings = [("0", ("down", "red")), ("1", ("up", "green"))];
    let mappings =
        mappings.map(|(value, (word, color))| (value.into(), (word.into(), color.into())));
    let panel = Panel { mappings: mappings.into(), ..Panel::default() };
    let all = [series("db", &[1.0, 1.0, 0.0, 1.0])];
    let svg = chart::strips(&panel, &all, RANGE, (400.0, 200.0)).into_string();
    assert_eq!((count(&svg, "state c-green"), count(&svg, "state c-red")), (2, 1), "{svg}");
}

#[test]
fn a_stat_has_its_unit_and_the_colour_of_its_threshold() {
    let panel = Panel {
        unit: "percentunit".into(),
        decimals: Some(1),
        thresholds: vec![(f64::NEG_INFINITY, "green".into()), (0.05, "yellow".into())],
        ..Panel::default()
    };
    let shown = value(&panel, &series("{}", &[0.0625])).unwrap();
    assert_eq!(shown, ("c-yellow".into(), "6.3 %".into(), String::new()));
}

#[test]
fn panels_stand_where_the_dashboard_has_them_and_names_can_not_break_the_page() {
    let figure = |y, title: &str, shown| Figure {
        place: Place { x: 8, y, width: 4, height: 3 },
        title: title.into(),
        description: "\"<".into(),
        shown,
    };
    let figures = [
        figure(0, "Row", Shown::Row),
        figure(1, "<b>", Shown::Nothing("no & data".into())),
        figure(4, "c", Shown::Picture(html! { svg {} }, vec![("c-red".into(), "</li>".into())])),
    ];
    let origin = Origin { url: "http://p/".into(), time: "now".into() };
    let page = page::render("Title", "1 h", &origin, &figures);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let places = document.descendants().filter_map(|node| node.attribute("style"));
    let places: Vec<_> = places.collect();
    assert_eq!(
        places,
        ["grid-area: 1 / 9 / span 3 / span 4", "grid-area: 4 / 9 / span 3 / span 4"]
    );
}

#[test]
fn times_are_numbers_with_a_unit() {
    assert_eq!(
        ["90s", "15m", "1h", "2d"].map(|text| seconds(text).unwrap()),
        [90.0, 900.0, 3600.0, 172_800.0]
    );
    for text in ["", "h", "0s", "-1h", "1.5h", "1w", "é"] {
        assert!(seconds(text).is_err(), "{text}");
    }
}
