//! Another hub that is followed.

use super::*;
use crate::api::documents::news;
use crate::fusion::Verdict;
use crate::snapshot::{Entry, Location, View};
use proptest::prelude::*;

const ALL: &str = r#"{"index":1790000000000000,"reset":true,"changes":[
    {"service":"payments","instance":"10.1.0.5:8080","own":"alive","latency_ms":3.5,"error_rate":0.25,
     "address":"10.1.0.5:8080","locality":{"region":"eu","zone":"a"},"priority":1,"weight":7},
    {"service":"payments","instance":"b","own":"dead"},
    {"service":"unheard of","instance":"c","own":"dead"},
    {"service":"payments","instance":"no name","own":"dead"}]}"#;

fn answer(body: &str) -> FakeAnswer {
    FakeAnswer::of_upstream("200").with_body(body)
}

/// A hub that was followed, and has told all.
fn followed() -> World {
    let mut world = World::new(vec![hub()]);
    world.run(2 * MS);
    world.answer(&answer(ALL));
    assert_eq!(world.words(), ["starts over", "alive", "dead"]);
    world.run(20 * MS);
    world
}

#[test]
fn the_first_question_asks_for_all_and_the_next_for_what_is_new() {
    let mut world = World::new(vec![hub()]);
    world.run(2 * MS);
    assert_eq!(world.last_call().path, "/mesh/v1/health/subscribe?wait=5000ms");
    world.answer(&answer(ALL));
    world.run(20 * MS);
    let path = "/mesh/v1/health/subscribe?wait=5000ms&index=1790000000000000";
    assert_eq!(world.last_call().path, path);
    assert_eq!(world.last_call().timeout, Duration::from_secs(6));
}

#[test]
fn one_service_alone_may_be_followed() {
    let mut world = World::new(vec![AskedSource { service: Some(ServiceId(1)), ..hub() }]);
    world.run(2 * MS);
    let path = "/mesh/v1/health/subscribe?wait=5000ms&service=a%20b%2F%C3%B6";
    assert_eq!(world.last_call().path, path);
}

#[test]
fn what_it_says_of_an_instance_says_also_where_that_is() {
    let mut world = World::new(vec![hub()]);
    world.run(2 * MS);
    world.answer(&answer(ALL));
    let words = world.asking().take_words();
    let Some(Word::Said { service, instance, report, place, .. }) = words.get(1) else {
        panic!("{words:?}")
    };
    assert_eq!((*service, instance.as_str()), (ServiceId(0), "10.1.0.5:8080"));
    assert_eq!((report.latency_ms, report.error_rate), (Some(3.5), Some(0.25)));
    let place = place.as_ref().unwrap();
    assert_eq!(place.address, "10.1.0.5:8080".parse().ok());
    assert_eq!(place.locality, ["eu", "a", ""]);
    assert_eq!((place.priority, place.weight), (Some(1), Some(7)));
}

#[test]
fn every_verdict_is_a_claim_and_what_is_not_known_is_withdrawn() {
    for (own, words) in [
        (r#""alive""#, "alive"),
        (r#""degraded""#, "warn"),
        (r#""suspected""#, "suspect"),
        (r#""draining""#, "draining"),
        (r#""dead""#, "dead"),
        (r#""unknown""#, "withdrawn x"),
        ("null", "withdrawn x"),
    ] {
        let mut world = followed();
        let body = format!(
            r#"{{"index":1790000000000001,"changes":[{{"service":"payments","instance":"x","own":{own}}}]}}"#
        );
        world.answer(&answer(&body));
        assert_eq!(world.words(), [words]);
    }
}

#[test]
fn measures_and_places_out_of_bounds_are_left_out() {
    let mut world = followed();
    world.answer(&answer(
        r#"{"index":1790000000000001,"changes":[{"service":"payments","instance":"x","own":"dead",
            "latency_ms":1e300,"error_rate":-1,"address":"10.0.0.1:80","weight":129}]}"#,
    ));
    let words = world.asking().take_words();
    let Some(Word::Said { report, place, .. }) = words.first() else { panic!("{words:?}") };
    assert_eq!((report.latency_ms, report.error_rate, place), (None, None, &None));
}

#[test]
fn that_nothing_has_changed_is_no_news_and_the_question_is_asked_again() {
    let mut world = followed();
    for _ in 0..10 {
        world.run(5 * SECOND);
        let calls = world.count();
        world.answer(&FakeAnswer::of_upstream("304"));
        world.run(2 * MS);
        assert_eq!(world.count(), calls + 1);
    }
    assert!(world.words().is_empty());
}

#[test]
fn a_hub_that_restarts_is_not_lost_and_one_that_stays_away_is() {
    let mut world = followed();
    world.answer(&FakeAnswer::refused());
    world.run(150 * MS);
    world.answer(&FakeAnswer::of_upstream("304"));
    assert!(world.words().is_empty());
    world.run(20 * MS);

    world.answer(&FakeAnswer::refused());
    world.answers = Some((FakeAnswer::refused(), MS));
    world.run(60 * SECOND);
    assert_eq!(world.words(), ["lost"]);
    let log = world.asking().take_log();
    assert_eq!(log, ["source \"east\": the hub can't be heard: connection refused"]);
    world.answers = Some((FakeAnswer::of_upstream("304"), MS));
    world.run(5 * SECOND);
    assert_eq!(world.words(), ["heard"]);
    assert_eq!(world.asking().take_log(), ["source \"east\": the hub is heard again"]);
}

#[test]
fn a_hub_that_hangs_is_lost_with_the_first_question_that_has_no_answer_in_time() {
    let mut world = followed();
    world.run(5_900 * MS);
    assert!(world.words().is_empty());
    world.run(100 * MS);
    assert_eq!(world.words(), ["lost"]);
    assert!(world.asking().take_log()[0].ends_with("no answer in time"));
}

#[test]
fn a_hub_that_can_not_be_read_is_lost_and_its_answer_says_nothing() {
    let huge = FakeAnswer { body_size: Some(100 << 20), ..answer(ALL) };
    let no_hub = answer("<html>");
    let no_index = answer(r#"{"changes":[]}"#);
    let text = answer(r#"{"index":"7","changes":[]}"#);
    let negative = answer(r#"{"index":-1,"reset":true}"#);
    let status = FakeAnswer::of_upstream("403").with_body(ALL);
    for bad in [huge, no_hub, no_index, text, negative, status, FakeAnswer::default()] {
        let mut world = followed();
        world.answer(&bad);
        world.answers = Some((bad.clone(), MS));
        world.run(SECOND);
        assert_eq!(world.words(), ["lost"], "{bad:?}");
    }
}

#[test]
fn an_answer_of_several_mib_is_read() {
    let change = r#"{"service":"payments","instance":"x","own":"dead"},"#;
    let changes = change.repeat(60_000);
    let body =
        format!(r#"{{"index":1790000000000001,"changes":[{}]}}"#, changes.trim_end_matches(','));
    assert!(body.len() > 2 << 20);
    let mut world = followed();
    world.answer(&answer(&body));
    assert_eq!(world.words().len(), 60_000);
}

#[test]
fn an_index_that_goes_back_without_a_word_begins_anew() {
    let mut world = followed();
    world.answer(&answer(
        r#"{"index":5,"changes":[{"service":"payments","instance":"x","own":"dead"}]}"#,
    ));
    assert!(world.words().is_empty());
    world.run(150 * MS);
    assert!(!world.last_call().path.contains("index"), "{}", world.last_call().path);
    world.answer(&answer(r#"{"index":6,"reset":true,"changes":[]}"#));
    assert_eq!(world.words(), ["starts over"]);
    world.run(20 * MS);
    assert!(world.last_call().path.ends_with("&index=6"));
}

#[test]
fn a_hub_that_answers_nothing_to_the_first_question_is_not_heard() {
    let mut world = World::answering(hub(), FakeAnswer::of_upstream("304"), MS);
    world.run(SECOND);
    assert_eq!(world.words(), ["lost"]);
}

#[test]
fn a_hub_that_answers_at_once_is_not_asked_without_end() {
    let mut world = followed();
    let calls = world.count();
    world.answers = Some((FakeAnswer::of_upstream("304"), 0));
    world.answer(&FakeAnswer::of_upstream("304"));
    world.run(SECOND);
    assert!(world.count() - calls <= 100, "{}", world.count() - calls);
    assert!(world.count() - calls >= 50, "{}", world.count() - calls);
}

#[test]
fn a_hub_that_stays_away_is_asked_ever_more_rarely() {
    let mut world = World::answering(hub(), FakeAnswer::refused(), MS);
    world.run(60 * SECOND);
    assert!((15..=30).contains(&world.count()), "{}", world.count());
}

proptest! {
    #[test]
    fn whatever_another_hub_answers_is_taken_without_harm(body in proptest::collection::vec(any::<u8>(), 0..200), more in ".*") {
        let mut world = followed();
        let bytes = FakeAnswer { body, ..FakeAnswer::of_upstream("200") };
        world.answer(&bytes);
        world.run(200 * MS);
        world.answer(&answer(&more));
        world.run(200 * MS);
    }
}

#[test]
fn what_this_hub_tells_its_followers_is_what_it_reads_of_others() {
    let entry = |id, own| Entry {
        view: View {
            id,
            verdict: Verdict::Suspected,
            own,
            since: START,
            latency_ms: Some(3.5),
            error_rate: Some(0.25),
            confidence: 1_000,
        },
        location: Location {
            address: "10.1.0.5:8080".parse().unwrap(),
            locality: ["eu", "a", ""],
            priority: 1,
            weight: 7,
        },
        is_learnt: false,
        deaths: Vec::new(),
        said: Vec::new(),
    };
    let known = entry("10.1.0.5:8080", Some(Verdict::Dead));
    let told_by_others = entry("x", None);
    let changes = [
        ("payments", known.view.id, Some(known.clone())),
        ("payments", told_by_others.view.id, Some(told_by_others.clone())),
        ("payments", "gone", None),
    ];
    let mut world = followed();
    let body = news(1_790_000_000_000_003, false, changes.into_iter());
    world.answer(&FakeAnswer { body, ..FakeAnswer::of_upstream("200") });
    let words = world.asking().take_words();
    let Some(Word::Said { report, place: Some(place), .. }) = words.first() else {
        panic!("{words:?}")
    };
    assert_eq!(report.claim, Claim::Dead, "the verdict of its own sources");
    assert_eq!((report.latency_ms, report.error_rate), (Some(3.5), Some(0.25)));
    assert_eq!(place.address, "10.1.0.5:8080".parse().ok());
    assert_eq!(place.locality, ["eu", "a", ""]);
    assert_eq!((place.priority, place.weight), (Some(1), Some(7)));
    let withdrawn = words.iter().filter_map(|word| match word {
        Word::Withdrawn { instance, .. } => Some(instance.as_str()),
        _ => None,
    });
    assert_eq!(withdrawn.collect::<Vec<_>>(), ["x", "gone"]);
    assert_eq!(words.len(), 3);
    world.run(20 * MS);
    assert!(world.last_call().path.ends_with("&index=1790000000000003"));
}
