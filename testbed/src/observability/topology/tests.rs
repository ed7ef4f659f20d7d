//! What answers become.

use std::collections::BTreeMap;

use super::graph::{self, Answers, Graph, Service, Status};
use super::layout::{self, BOX, Layout, Rect, Way};
use super::{ask, page};
use crate::observability::origin::Origin;
use crate::prometheus::{Sample, rules, shipped};

fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Sample { labels: labels.collect(), value }
}

fn pair(from: &str, to: &str, value: f64) -> Sample {
    sample(&[("source", from), ("destination", to)], value)
}

/// Each with traffic of 7 a second, of which a fifth fails.
fn calls(pairs: &[(&str, &str)]) -> Answers {
    let each = |value: f64| pairs.iter().map(|(from, to)| pair(from, to, value)).collect();
    Answers {
        day: each(1234.0),
        requests: each(7.0),
        errors: each(0.2),
        p95: each(45.0),
        strength: each(0.8),
        ..Answers::default()
    }
}

/// Thirty services and eighty edges, some of them in circles, as a seed has it.
fn many(seed: u64) -> Graph {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |count: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % count
    };
    let mut names = Vec::new();
    while names.len() < 80 {
        let (one, other) = (below(30), below(30));
        // Mostly one way, or all would be a single circle.
        let (from, to) =
            if below(25) == 0 { (one, other) } else { (one.min(other), one.max(other)) };
        names.push((format!("service-{from}"), format!("service-{to}")));
    }
    let pairs: Vec<_> = names.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    Graph::new(&calls(&pairs))
}

fn origin() -> Origin {
    Origin { url: "http://prometheus.example/".into(), time: "2026-01-02 03:04:05 UTC".into() }
}

fn parse(page: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(page, options).unwrap()
}

/// The texts of a page, whole.
fn texts(page: &str) -> Vec<String> {
    let document = parse(page);
    let texts = document.descendants().filter(roxmltree::Node::is_text);
    texts.filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
}

fn overlap(one: Rect, other: Rect) -> bool {
    let apart = |from: f64, length: f64, other_from: f64, other_length: f64| {
        from + length <= other_from + 0.01 || other_from + other_length <= from + 0.01
    };
    !apart(one.x, one.width, other.x, other.width)
        && !apart(one.y, one.height, other.y, other.height)
}

/// Where a way is level, as rectangles without height.
fn levels(way: &Way) -> Vec<Rect> {
    let level = |from: f64, to: f64, y: f64| Rect { x: from, y, width: to - from, height: 0.0 };
    match way {
        Way::Through(points) => {
            let pairs = points.windows(2).filter(|pair| pair[0].1 == pair[1].1);
            pairs.map(|pair| level(pair[0].0, pair[1].0, pair[0].1)).collect()
        }
        Way::Around { side, lane, from, to } => {
            vec![level(*side, *lane, *from), level(*side, *lane, *to)]
        }
    }
}

/// What lies over what.
fn faults(layout: &Layout) -> Vec<String> {
    let boxes = layout.boxes.iter().flatten().map(|rect| ("box", *rect));
    let labels = layout.routes.iter().map(|route| ("label", route.label));
    let all: Vec<_> = boxes.chain(labels).collect();
    let mut faults = Vec::new();
    for (at, (what, one)) in all.iter().enumerate() {
        for (other_what, other) in &all[at + 1..] {
            if overlap(*one, *other) {
                faults.push(format!("{what} {one:?} and {other_what} {other:?}"));
            }
        }
    }
    for route in &layout.routes {
        for level in levels(&route.way) {
            let through = |rect: &&(&str, Rect)| overlap(level, rect.1) && rect.1 != route.label;
            faults.extend(all.iter().filter(through).map(|it| format!("{level:?} through {it:?}")));
        }
    }
    let (width, height) = layout.size;
    let outside = |rect: &Rect| {
        rect.x < 0.0
            || rect.y < -layout::ROW
            || rect.x + rect.width > width
            || rect.y + rect.height > height
    };
    faults.extend(all.iter().filter(|it| outside(&it.1)).map(|it| format!("{it:?} is outside")));
    faults
}

#[test]
fn no_label_box_or_line_lies_over_another() {
    for seed in 0..40 {
        let graph = many(seed);
        let found = faults(&layout::place(&graph));
        assert!(found.is_empty(), "{seed}: {found:#?}");
    }
}

#[test]
fn every_edge_and_both_its_ends_are_drawn() {
    let graph = many(1);
    let layout = layout::place(&graph);
    assert_eq!(layout.routes.len(), graph.edges.len());
    for edge in &graph.edges {
        assert!(layout.boxes[edge.from].is_some() && layout.boxes[edge.to].is_some());
    }
}

#[test]
fn whom_somebody_calls_stands_to_the_right_of_the_caller() {
    let graph = Graph::new(&calls(&[
        ("a", "b"),
        ("b", "c"),
        ("a", "c"),
        ("z", "c"),
        ("c", "d"),
        ("y", "d"),
    ]));
    let layout = layout::place(&graph);
    let x = |at: usize| layout.boxes[at].unwrap().x;
    for edge in &graph.edges {
        assert!(x(edge.from) + BOX < x(edge.to), "{edge:?}");
    }
    // Who calls only late ones stands close to them.
    let at = |name: &str| graph.services.iter().position(|it| it.name.service == name).unwrap();
    assert_eq!(x(at("y")), x(at("c")));
}

#[test]
fn a_cycle_stands_in_one_frame_and_is_written_out() {
    let pairs = [("web", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "ledger"), ("a", "a")];
    let graph = Graph::new(&calls(&pairs));
    let layout = layout::place(&graph);
    let [frame] = &layout.frames[..] else { panic!("{:?}", layout.frames) };
    let names = frame.members.iter().map(|at| graph.services[*at].name.service.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "c"]);
    for (at, rect) in layout.boxes.iter().enumerate() {
        assert_eq!(overlap(rect.unwrap(), frame.rect), frame.members.contains(&at));
    }
    let inner = layout.routes.iter().filter(|route| matches!(route.way, Way::Around { .. }));
    assert_eq!(inner.count(), 4);
    assert_eq!(faults(&layout), [""; 0]);

    let texts = texts(&page::render(&graph, &origin()));
    for text in ["cycle: a → b → c → a", "cycle: a → a", "cycle of 3"] {
        assert!(texts.iter().any(|it| it == text), "{text}: {texts:?}");
    }
}

#[test]
fn an_edge_without_traffic_for_a_day_is_none() {
    assert!(ask::DRAWN.contains("increase1d > 0"));
    let mut answers = calls(&[("a", "b"), ("a", "c")]);
    answers.day[1].value = 0.0;
    let graph = Graph::new(&answers);
    assert_eq!(graph.edges.len(), 1);
    assert!(graph.services.iter().all(|service| service.name.service != "c"));
}

#[test]
fn an_edge_without_traffic_now_is_quiet() {
    let mut answers = calls(&[("a", "b")]);
    answers.requests.clear();
    let page = page::render(&Graph::new(&answers), &origin());
    let texts = texts(&page);
    assert_eq!(texts.iter().filter(|text| *text == "quiet").count(), 2, "{texts:?}");
}

#[test]
fn a_status_is_the_worse_of_score_and_probes() {
    let status = |score, failing| {
        let name = graph::Name { service: "a".into(), namespace: String::new() };
        Service { name, score, failing }.status()
    };
    assert_eq!(status(None, None), Status::Unknown);
    assert_eq!(status(Some(600.0), None), Status::Healthy);
    assert_eq!(status(Some(599.0), Some(0.0)), Status::Degraded);
    assert_eq!(status(Some(1000.0), Some(0.06)), Status::Degraded);
    assert_eq!(status(Some(299.0), Some(0.0)), Status::Critical);
    assert_eq!(status(None, Some(0.51)), Status::Critical);
}

#[test]
fn a_status_has_the_bounds_of_the_alerts() {
    let alerts = rules::read(&shipped().join("alert-rules.yml")).unwrap();
    let bounds = [
        ("HeartbeatScoreLow", format!("< {}", graph::SCORE_LOW)),
        ("HeartbeatScoreCritical", format!("< {}", graph::SCORE_CRITICAL)),
        ("HeartbeatProbeFlaky", format!("> {}", graph::PROBES_FLAKY)),
        ("HeartbeatProbeFailing", format!("> {}", graph::PROBES_FAILING)),
    ];
    for (name, bound) in bounds {
        let alert = alerts.iter().find(|rule| rule.alert.as_deref() == Some(name)).unwrap();
        assert!(alert.expr.trim().ends_with(&bound), "{name}: {}", alert.expr);
    }
}

#[test]
fn a_job_without_a_namespace_is_the_service_in_any() {
    let mut answers = Answers {
        day: vec![sample(
            &[
                ("source", "a"),
                ("source_namespace", "x"),
                ("destination", "b"),
                ("destination_namespace", "y"),
            ],
            1.0,
        )],
        scores: vec![
            sample(&[("job", "a")], 700.0),
            sample(&[("job", "b"), ("namespace", "other")], 1.0),
        ],
        ..Answers::default()
    };
    let scores = |answers: &Answers| -> BTreeMap<_, _> {
        let services = Graph::new(answers).services.into_iter();
        services.map(|it| ((it.name.service, it.name.namespace), it.score)).collect()
    };
    let name = |service: &str, namespace: &str| (service.to_owned(), namespace.to_owned());
    let found = scores(&answers);
    assert_eq!(found[&name("a", "x")], Some(700.0));
    assert_eq!(found[&name("b", "y")], None);
    assert_eq!(found[&name("b", "other")], Some(1.0));
    // Its own namespace's comes first.
    answers.scores.push(sample(&[("job", "a"), ("namespace", "x")], 100.0));
    assert_eq!(scores(&answers)[&name("a", "x")], Some(100.0));
}

#[test]
fn what_is_no_number_is_not_known() {
    let mut answers = calls(&[("a", "b")]);
    answers.errors[0].value = f64::NAN;
    answers.p95[0].value = f64::INFINITY;
    let graph = Graph::new(&answers);
    assert_eq!((graph.edges[0].errors, graph.edges[0].p95), (None, None));
    assert!(texts(&page::render(&graph, &origin())).iter().any(|text| text == "7/s · – · –"));
}

#[test]
fn the_numbers_in_the_picture_stand_in_the_tables_too() {
    let mut answers = calls(&[("web", "payments")]);
    answers.scores.push(sample(&[("job", "payments")], 812.4));
    let texts = texts(&page::render(&Graph::new(&answers), &origin()));
    for text in
        ["! 7/s · 20 % · 45 ms", "healthy · 812", "7/s", "20 %", "45 ms", "812", "0.8", "failing"]
    {
        assert!(texts.iter().any(|it| it == text), "{text}: {texts:?}");
    }
}

#[test]
fn names_can_not_break_the_page_or_leave_their_box() {
    let long = "n".repeat(300);
    let odd = [
        "</svg><script>",
        "\"&quot;'",
        "]]>",
        "\u{202e}evil\u{7}\u{0}",
        "",
        &long,
        "日本語の長いサービス名",
    ];
    let pairs: Vec<_> = odd.iter().map(|name| (*name, "x")).collect();
    let graph = Graph::new(&calls(&pairs));
    let page = page::render(&graph, &origin());
    let document = parse(&page);
    assert!(!page.contains("<script"));
    assert!(
        !page.chars().any(|letter| letter.is_control() && letter != '\n' || letter == '\u{202e}')
    );
    let names = document.descendants().filter(|node| node.attribute("class") == Some("service"));
    let names: Vec<_> = names.filter_map(|node| node.text()).collect();
    assert!(names.contains(&"</svg><script>") && names.contains(&"(no name)"), "{names:?}");
    assert!(names.iter().all(|name| name.chars().count() < 30), "{names:?}");
    // The whole name is there for who points at the box.
    let titles = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")));
    assert!(titles.filter_map(|node| node.text()).any(|title| title.contains(&long)));
}

#[test]
fn without_anything_the_page_says_what_is_missing() {
    let page = page::render(&Graph::default(), &origin());
    let text = texts(&page).join(" ");
    for word in ["http://prometheus.example/", "edge:requests:increase1d", "rule_files"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!page.contains("<svg"), "a picture of nothing");
}

#[test]
fn services_without_edges_are_drawn_and_the_page_says_why() {
    let scores = vec![sample(&[("job", "alone")], 900.0)];
    let page = page::render(&Graph::new(&Answers { scores, ..Answers::default() }), &origin());
    let texts = texts(&page);
    assert!(texts.iter().any(|text| text == "healthy · 900"), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("No edges: ")), "{texts:?}");
}

#[test]
fn the_page_says_when_and_from_where_and_needs_nothing_but_itself() {
    let graph = many(3);
    let page = page::render(&graph, &origin());
    let all = texts(&page).join(" ");
    assert!(
        all.contains("http://prometheus.example/ had them at 2026-01-02 03:04:05 UTC"),
        "{all}"
    );
    for loaded in ["<script", "<link", "<img", "<iframe", " src=", " href=", "url(", "@import"] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    let picture = page::svg(&graph, &origin());
    assert_eq!(parse(&picture).root_element().tag_name().name(), "svg");
    assert!(picture.contains("<style>"));
}
