//! What a recording becomes.

use std::time::Duration;

use super::recording::{About, Recording, Sample, Span};
use super::{page, plots, write};
use crate::metrics::Metrics;

/// A recording of these pages, a tenth of a second apart.
pub fn recording(pages: &[&str]) -> Recording {
    let sample = |(at, page): (u32, &&str)| Sample {
        at: Duration::from_millis(100) * at,
        metrics: Metrics::parse(page).unwrap(),
    };
    Recording { samples: (0..).zip(pages).map(sample).collect(), ..Recording::default() }
}

/// Everything that the filter exports, while the application dies and comes back.
fn outage() -> Recording {
    let pages: Vec<_> = (0..40).map(page_during_outage).collect();
    let pages: Vec<_> = pages.iter().map(String::as_str).collect();
    let span = |name: &str, from, to| Span {
        name: name.into(),
        from: Duration::from_millis(from),
        to: Duration::from_millis(to),
    };
    Recording {
        about: About { envoy: "1.40.0".into(), business: vec!["payment_request_success".into()] },
        acts: vec![
            span("A probe <is> matched & \"quoted\"", 0, 500),
            span("The application dies", 500, 3900),
        ],
        faults: vec![span("application killed", 1500, 2500)],
        ..recording(&pages)
    }
}

fn page_during_outage(at: u32) -> String {
    let dead = (15..25).contains(&at);
    let healthy = u32::from(!dead);
    let (passed, failed) = (at.min(15) + at.saturating_sub(25), at.saturating_sub(15).min(10));
    format!(
        r#"# TYPE heartbeat_probe_total counter
heartbeat_probe_total{{probe="livez",outcome="pass"}} {passed}
heartbeat_probe_total{{probe="livez",outcome="broken"}} {failed}
heartbeat_probe_total{{probe="livez",outcome="warn"}} 0
# TYPE heartbeat_probe_duration_ms histogram
heartbeat_probe_duration_ms_bucket{{probe="livez",le="0.5"}} 0
heartbeat_probe_duration_ms_bucket{{probe="livez",le="1"}} {passed}
heartbeat_probe_duration_ms_bucket{{probe="livez",le="2500"}} {passed}
heartbeat_probe_duration_ms_bucket{{probe="livez",le="5000"}} {at}
heartbeat_probe_duration_ms_bucket{{probe="livez",le="+Inf"}} {at}
heartbeat_probe_duration_ms_sum{{probe="livez"}} {at}
heartbeat_probe_duration_ms_count{{probe="livez"}} {at}
# TYPE app_health_status gauge
app_health_status{{component="<db>"}} {healthy}
# TYPE heartbeat_breaker_state gauge
heartbeat_breaker_state{{probe="livez"}} {breaker}
# TYPE heartbeat_health_score gauge
heartbeat_health_score {score}
# TYPE heartbeat_score_axis gauge
heartbeat_score_axis{{axis="topology"}} {score}
heartbeat_score_axis{{axis="stability"}} 900
payment_request_success{{order_type="retail"}} {passed}
"#,
        breaker = if dead { 2 } else { 0 },
        score = 1000 * healthy,
    )
}

fn page_of(recording: &Recording) -> String {
    page::render(recording).into_string()
}

fn parse(page: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(page, options).unwrap()
}

/// How many elements `name` have `class` among their classes.
fn count(document: &roxmltree::Document<'_>, name: &str, class: &str) -> usize {
    document
        .descendants()
        .filter(|node| node.tag_name().name() == name)
        .filter(|node| {
            node.attribute("class").is_some_and(|all| all.split(' ').any(|c| c == class))
        })
        .count()
}

#[test]
fn every_plot_of_a_recorded_outage_is_drawn() {
    let recording = outage();
    for plot in plots::all(&recording) {
        assert!(plot.drawing.is_some(), "{} is missing", plot.title);
    }
    let page = page_of(&recording);
    let document = parse(&page);
    let pictures = document.descendants().filter(|node| node.attribute("role") == Some("img"));
    assert_eq!(pictures.count(), 6);
    assert_eq!(count(&document, "p", "absent"), 0);
    // The fault is in every picture, and so are both acts.
    assert_eq!(count(&document, "rect", "fault"), 6);
    assert_eq!(count(&document, "rect", "act"), 12);

    // Of 40 tenths of a second, 10 were broken: two bars, and their legend.
    assert_eq!(count(&document, "rect", "broken"), 2 + 1);
    // Outcomes that never came are neither drawn nor explained.
    assert_eq!(count(&document, "rect", "warn"), 0);
    // Up, down and up; closed, open and closed; and the legends.
    assert_eq!(count(&document, "rect", "good"), 2 + 1 + 2 + 1);
    assert_eq!(count(&document, "rect", "bad"), 1 + 1 + 1 + 1);
    // The score, its two axes and the payments; and their legends.
    assert_eq!(count(&document, "polyline", "line"), 4 + 4);
    assert_eq!(count(&document, "polyline", "score"), 2);
}

#[test]
fn what_is_not_exported_is_left_out_with_a_note() {
    let recording = recording(&["app_health_status{component=\"app\"} 1\n"; 3]);
    let drawn: Vec<_> = plots::all(&recording)
        .iter()
        .filter(|plot| plot.drawing.is_some())
        .map(|plot| plot.title)
        .collect();
    assert_eq!(drawn, ["Background checks"]);
    let page = page_of(&recording);
    let document = parse(&page);
    assert_eq!(count(&document, "p", "absent"), 5);
    assert_eq!(count(&document, "div", "picture"), 1 + 1);
}

#[test]
fn a_plot_says_which_of_its_metrics_is_not_exported() {
    let notes = |recording: &Recording| page_of(recording).matches("(not exported)").count();
    assert_eq!(notes(&outage()), 0);
    // The score is there and its axes are not, nor is all that the others show.
    assert_eq!(notes(&recording(&["heartbeat_health_score 900\n"; 3])), 5);
}

#[test]
fn a_fault_that_nobody_has_mended_is_not_told_to_be_over() {
    let shows_back = |recording: &Recording| page_of(recording).contains(">back</text>");
    let mut recording = outage();
    assert!(shows_back(&recording));
    recording.faults[0].to = recording.length();
    assert!(!shows_back(&recording));
}

#[test]
fn an_empty_recording_is_a_page_too() {
    let page = page_of(&Recording::default());
    assert_eq!(count(&parse(&page), "p", "absent"), 6);
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page_of(&outage());
    for loaded in ["<script", "<link", "<img", "<iframe", " src=", " href=", "url(", "@import"] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    // The name of a language is no address.
    assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("://"));
}

#[test]
fn what_was_recorded_can_not_break_the_page() {
    let page = page_of(&outage());
    for raw in ["<is>", "<db>"] {
        assert!(!page.contains(raw), "{raw}");
    }
    let texts: Vec<_> =
        parse(&page).descendants().filter_map(|node| node.text().map(str::to_owned)).collect();
    assert!(texts.iter().any(|text| text == "<db>"), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("A probe <is> matched & \"quoted\"")));
}

#[test]
fn the_page_is_written_where_no_directory_is_yet() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("dist/report.html");
    write(&outage(), &path).unwrap();
    write(&outage(), &path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page_of(&outage()));
}
