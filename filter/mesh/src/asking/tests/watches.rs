//! Watches, and the Checks beside them.

use super::*;
use heartbeat_common::grpc::code;

const REFUSED: &[u8] = b"upstream connect error or disconnect/reset before headers. reset reason: \
    remote connection failure, transport failure reason: delayed connect error: Connection refused";

/// An instance that answers Checks and has said on its Watch that it serves.
fn serving() -> World {
    let mut world = World::answering(over_grpc(true), FakeAnswer::health(1), 3 * MS);
    world.run(10 * MS);
    world.says(SERVING);
    world.run(2 * SECOND);
    world.words();
    world
}

impl World {
    fn run_until_opened(&mut self) {
        let streams = self.streams();
        while self.streams() == streams {
            assert!(self.now < START + 3_600 * SECOND);
            self.run(MS);
        }
    }
}

#[test]
fn what_a_watch_says_counts_at_once() {
    let mut world = serving();
    world.answers = None;
    for (message, word) in [
        (NOT_SERVING, "dead"),
        (SERVING, "alive"),
        (&[8, 3], "dead"),
        (SERVING, "alive"),
        (&[8, 0xff], "dead"),
        (SERVING, "alive"),
        (&[0; 2_000], "dead"),
    ] {
        world.says(message);
        assert_eq!(world.words(), [word]);
    }
}

#[test]
fn a_watch_that_is_quiet_says_nothing_and_stays_open() {
    let mut world = serving();
    world.run(600 * SECOND);
    assert!(world.words().is_empty());
    assert_eq!(world.streams(), 1);
}

#[test]
fn a_watch_cut_by_the_servers_max_connection_age_is_no_death() {
    let mut world = serving();
    for _ in 0..20 {
        world.run(30 * SECOND);
        let streams = world.streams();
        world.ends(UNAVAILABLE, b"max connection age");
        world.run(2 * MS);
        assert_eq!(world.streams(), streams + 1, "opened again at once");
        world.run(20 * MS);
        world.says(SERVING);
    }
    assert!(world.words().iter().all(|word| word == "alive"));
}

#[test]
fn a_server_that_closes_its_stream_after_every_message_is_no_death_and_not_asked_without_end() {
    let mut world = serving();
    for _ in 0..100 {
        world.ends(code::OK, b"");
        world.run_until_opened();
        world.says(SERVING);
    }
    assert!(world.words().iter().all(|word| word == "alive"));
    assert!(world.now > START + 40 * SECOND, "an interval apart before long");
}

#[test]
fn a_reopening_that_is_refused_or_reset_is_a_death_at_once_and_said_once() {
    for (status, message) in [(UNAVAILABLE, REFUSED), (UNAVAILABLE, b""), (code::OK, b"")] {
        let mut world = serving();
        world.answers = Some((FakeAnswer::refused(), MS));
        world.ends(UNAVAILABLE, b"");
        world.run(2 * MS);
        assert!(world.words().is_empty());
        world.ends(status, message);
        assert_eq!(world.words(), ["dead"]);
        for _ in 0..10 {
            world.run_until_opened();
            world.ends(status, message);
        }
        assert!(world.words().is_empty());
        world.run(SECOND);
        world.says(SERVING);
        assert_eq!(world.words(), ["alive"]);
    }
}

#[test]
fn a_reopening_that_brings_no_message_in_time_is_a_death() {
    let mut world = serving();
    world.answers = None;
    world.ends(UNAVAILABLE, b"");
    world.run(199 * MS);
    assert!(world.words().is_empty());
    world.run(5 * MS);
    assert_eq!(world.words(), ["dead"]);
}

#[test]
fn a_process_that_hangs_behind_a_quiet_watch_is_found_by_its_checks() {
    let mut world = serving();
    let stream = world.caller.last_stream().unwrap();
    world.answers = None;
    world.run(1_100 * MS);
    assert!(world.words().is_empty(), "one Check is not enough");
    // The call that got no answer ends, as all calls do.
    world.answer(&FakeAnswer::timed_out());
    world.run(1_300 * MS);
    assert_eq!(world.words(), ["dead"]);
    world.run(10 * MS);
    assert!(world.caller.cancelled.borrow().contains(&stream), "its stream is as dead");
    world.says(SERVING);
    assert_eq!(world.words(), ["alive"]);
}

#[test]
fn checks_that_say_otherwise_several_times_are_believed() {
    let mut world = serving();
    world.answers = Some((FakeAnswer::health(2), 3 * MS));
    world.run(900 * MS);
    assert!(world.words().is_empty());
    world.run(1_200 * MS);
    assert_eq!(world.words(), ["dead"]);
    assert_eq!(world.streams(), 1);
}

#[test]
fn checks_tell_how_far_a_source_with_a_watch_is() {
    let mut world = World::answering(over_grpc(true), FakeAnswer::health(1), 3 * MS);
    world.run(100 * MS);
    assert!(world.asking().take_words().contains(&Word::RoundTrip(SourceId(0), 3 * MS)));
}

#[test]
fn where_there_is_no_watch_checks_say_how_it_is_and_suspect_before_they_convict() {
    let mut world = World::answering(over_grpc(true), FakeAnswer::health(1), 3 * MS);
    world.run(MS);
    world.run(MS);
    world.ends(code::UNIMPLEMENTED, b"");
    world.run(1_100 * MS);
    assert_eq!(world.words(), ["alive", "alive"]);
    let log = world.asking().take_log();
    assert_eq!(log, ["source \"east\": there is no Watch; a Check every interval must do"]);
    world.answers = Some((FakeAnswer::refused(), 3 * MS));
    world.run(3 * SECOND);
    assert_eq!(world.words()[..3], ["suspect", "dead", "dead"]);
    world.answers = Some((FakeAnswer::health(1), 3 * MS));
    world.run(SECOND);
    assert_eq!(world.words(), ["alive"]);
    world.run(70 * SECOND);
    world.ends(code::UNIMPLEMENTED, b"");
    assert!(world.asking().take_log().is_empty(), "said once");
}

#[test]
fn one_that_answers_and_opens_no_stream_is_alive_and_does_not_flap() {
    let mut world = serving();
    for _ in 0..200 {
        world.ends(7, b"permission denied");
        world.run(500 * MS);
    }
    let words = world.words();
    let changes = words.windows(2).filter(|two| two[0] != two[1]).count();
    assert!(changes <= 2, "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some("alive"));
}

#[test]
fn a_cluster_that_is_gone_is_no_death_and_counts_no_more_until_it_is_back() {
    let mut world = serving();
    world.caller.refuses.set(Some(CallRefusal::UnknownCluster));
    world.ends(UNAVAILABLE, b"");
    world.run(10 * SECOND);
    assert_eq!(world.words(), ["lost"]);
    world.caller.refuses.set(None);
    world.run_until_opened();
    world.says(SERVING);
    world.run(SECOND);
    assert_eq!(world.words(), ["heard", "alive", "alive"]);
}

#[test]
fn a_cluster_that_has_no_host_any_more_is_a_death_at_once() {
    let mut world = serving();
    world.caller.refuses.set(Some(CallRefusal::NotSent));
    world.ends(UNAVAILABLE, b"");
    world.run(5 * MS);
    assert_eq!(world.words(), ["dead"]);
}

#[test]
fn a_cluster_that_is_not_resolved_yet_is_no_death() {
    let mut world = World::answering(over_grpc(true), FakeAnswer::health(1), 3 * MS);
    world.caller.refuses.set(Some(CallRefusal::NotSent));
    world.run(1_900 * MS);
    assert!(world.words().is_empty());
    world.run(2 * SECOND);
    assert_eq!(world.words(), ["dead"]);
}

#[test]
fn a_stream_that_is_refused_before_anything_is_resolved_says_nothing() {
    let mut world = World::new(vec![over_grpc(true)]);
    world.run(5 * MS);
    world.ends(UNAVAILABLE, b"no healthy upstream");
    assert!(world.words().is_empty());
    world.run_until_opened();
    world.now = world.now + 3 * SECOND;
    world.ends(UNAVAILABLE, b"no healthy upstream");
    assert_eq!(world.words(), ["dead"], "two intervals are enough");
}

#[test]
fn a_stream_that_ends_because_its_cluster_is_gone_is_no_death() {
    let mut world = serving();
    world.ends(UNAVAILABLE, b"");
    world.run_until_opened();
    world.answers = Some((FakeAnswer::health(1), MS));
    world.run(100 * MS);
    world.caller.refuses.set(Some(CallRefusal::UnknownCluster));
    // Its next Check finds out before its stream has ended.
    world.now = world.now + SECOND;
    let now = world.now;
    let mut asking = world.asking.take().unwrap();
    asking.on_tick(&world.caller, now);
    world.asking = Some(asking);
    world.words();
    world.ends(UNAVAILABLE, b"");
    assert!(world.words().is_empty());
}
