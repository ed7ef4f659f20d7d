//! Polls, over HTTP and over gRPC.

use super::*;

/// What one answer says.
fn said(source: AskedSource, answer: FakeAnswer) -> Vec<String> {
    let mut world = World::answering(source, answer, 3 * MS);
    world.run(100 * MS);
    world.words()
}

#[test]
fn a_status_says_alive_or_warn_or_dead() {
    for (status, word) in [
        ("200", "alive"),
        ("204", "alive"),
        ("302", "alive"),
        ("399", "alive"),
        ("400", "dead"),
        ("404", "dead"),
        ("429", "warn"),
        ("500", "dead"),
        ("503", "dead"),
    ] {
        assert_eq!(said(over_http(), FakeAnswer::of_upstream(status)), [word], "{status}");
    }
}

#[test]
fn who_answers_that_it_is_degraded_asks_for_less() {
    let degraded = |status| FakeAnswer::of_upstream(status).with_header("x-envoy-degraded", "");
    assert_eq!(said(over_http(), degraded("200")), ["warn"]);
    assert_eq!(said(over_http(), degraded("500")), ["dead"]);
}

#[test]
fn a_check_says_how_the_service_is() {
    for (status, word) in [(0, "dead"), (1, "alive"), (2, "dead"), (3, "dead")] {
        assert_eq!(said(over_grpc(false), FakeAnswer::health(status)), [word], "{status}");
    }
}

#[test]
fn every_failure_is_a_death() {
    let reset = FakeAnswer::default();
    let too_large = FakeAnswer { body_size: Some(2 << 20), ..FakeAnswer::of_upstream("200") };
    let unclear = FakeAnswer::of_upstream("200");
    for answer in [FakeAnswer::refused(), FakeAnswer::timed_out(), reset, too_large] {
        assert_eq!(said(over_http(), answer.clone()), ["dead"], "{answer:?}");
        assert_eq!(said(over_grpc(false), answer.clone()), ["dead"], "{answer:?}");
    }
    assert_eq!(said(over_grpc(false), unclear), ["dead"]);
}

#[test]
fn it_is_asked_every_interval() {
    let mut world = World::answering(over_http(), FakeAnswer::of_upstream("200"), 3 * MS);
    world.run(20 * SECOND);
    assert!((20..=23).contains(&world.begun.len()), "{}", world.begun.len());
    assert_eq!(
        world.last_call(),
        HttpCall::get("app", "app", "/ready", Duration::from_millis(400))
    );
}

#[test]
fn a_poll_that_takes_longer_than_its_timeout_is_a_death_and_its_answer_says_nothing() {
    let mut world = World::answering(over_http(), FakeAnswer::of_upstream("200"), 300 * MS);
    world.run(200 * MS);
    assert!(world.words().is_empty());
    world.run(2 * MS);
    assert_eq!(world.words(), ["dead"]);
    world.run(500 * MS);
    assert!(world.asking().take_words().is_empty(), "no round trip, either");
}

#[test]
fn an_answer_that_nobody_missed_in_time_is_late_all_the_same() {
    let mut world = World::new(vec![over_http()]);
    world.run(MS);
    world.now = START + 300 * MS;
    world.answer(&FakeAnswer::of_upstream("200"));
    assert_eq!(world.words(), ["dead"]);
}

#[test]
fn only_whole_answers_tell_how_far_a_source_is() {
    let round_trips = |answer: FakeAnswer| {
        let mut world = World::answering(over_http(), answer, 7 * MS);
        world.run(100 * MS);
        let words = world.asking().take_words();
        let trips = words.into_iter().filter(|word| matches!(word, Word::RoundTrip(..)));
        trips.collect::<Vec<_>>()
    };
    let took = [Word::RoundTrip(SourceId(0), 7 * MS)];
    assert_eq!(round_trips(FakeAnswer::of_upstream("200")), took);
    assert_eq!(round_trips(FakeAnswer::of_upstream("503")), took);
    assert!(round_trips(FakeAnswer::refused()).is_empty());
    assert!(round_trips(FakeAnswer::timed_out()).is_empty());
}

#[test]
fn how_long_an_answer_took_is_the_latency_that_it_tells() {
    let mut world = World::answering(over_http(), FakeAnswer::of_upstream("200"), 7 * MS);
    world.run(100 * MS);
    let words = world.asking().take_words();
    let latency = words.iter().find_map(|word| match word {
        Word::Said { report, .. } => report.latency_ms,
        _ => None,
    });
    assert_eq!(latency, Some(7.0));
}

#[test]
fn a_cluster_that_envoy_does_not_know_is_no_death_and_said_once() {
    let mut world = World::answering(over_http(), FakeAnswer::of_upstream("200"), 3 * MS);
    world.caller.refuses.set(Some(CallRefusal::UnknownCluster));
    world.run(10 * SECOND);
    assert!(world.words().is_empty());
    let log = world.asking().take_log();
    assert_eq!(log, ["source \"east\": Envoy has no cluster \"app\"; nothing is asked"]);
    world.caller.refuses.set(None);
    world.run(300 * MS);
    assert_eq!(world.words(), ["alive"], "it is looked for often");
    world.caller.refuses.set(Some(CallRefusal::UnknownCluster));
    world.run(3 * SECOND);
    assert!(world.words().is_empty());
    assert_eq!(world.asking().take_log().len(), 1, "it is news again");
}

#[test]
fn that_there_is_no_host_to_ask_is_a_death_but_for_the_beginning() {
    let mut world = World::answering(over_http(), FakeAnswer::of_upstream("200"), 3 * MS);
    world.caller.refuses.set(Some(CallRefusal::NotSent));
    world.run(1_900 * MS);
    assert!(world.words().is_empty(), "Envoy may not have resolved the cluster yet");
    world.run(SECOND);
    assert_eq!(world.words(), ["dead"]);

    let mut world = World::answering(over_http(), FakeAnswer::of_upstream("200"), 3 * MS);
    world.run(100 * MS);
    assert_eq!(world.words(), ["alive"]);
    world.caller.refuses.set(Some(CallRefusal::NotSent));
    world.run(SECOND);
    assert_eq!(world.words(), ["dead"], "it was there before");
}
