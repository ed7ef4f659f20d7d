//! Rounds of a call, and answers that come when they come.

use super::*;
use crate::callout::fake::{FakeAnswer, FakeCaller};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MS: Nanos = 1_000_000;
const START: Instant = Instant(1_000_000 * MS);

/// A call every second, with a timeout of 200 ms, and who makes it.
struct Rounds {
    call: PeriodicCall,
    caller: FakeCaller,
    jitter: Jitter,
}

impl Rounds {
    fn new() -> Self {
        let timeout = Duration::from_millis(200);
        let call = HttpCall::get("db", "db", "/ping", timeout);
        let call = PeriodicCall::new(call, Duration::from_secs(1), timeout);
        Self { call, caller: FakeCaller::default(), jitter: Jitter::new(1) }
    }

    fn begins(&mut self, now: Instant) -> bool {
        let claimed = self.call.claim(&mut self.jitter, now);
        claimed && self.call.begin(&self.caller, now).is_ok()
    }

    fn answer(&mut self, now: Instant) -> Option<Answered> {
        let (token, _) = self.caller.last_call()?;
        self.call.on_answer(token, &FakeAnswer::of_upstream("200"), None, now)
    }
}

#[test]
fn one_call_is_under_way_at_a_time() {
    let mut rounds = Rounds::new();
    assert!(rounds.begins(START));
    assert!(!rounds.begins(START + 5_000 * MS));
    assert!(rounds.answer(START + 5_000 * MS).is_some());
    assert!(rounds.begins(START + 5_000 * MS));
}

#[test]
fn the_next_round_is_due_after_an_interval_or_up_to_a_tenth_sooner() {
    let mut rounds = Rounds::new();
    assert!(rounds.begins(START));
    rounds.answer(START + MS);
    assert!(!rounds.begins(START + 890 * MS));
    assert!(rounds.begins(START + 1_000 * MS));
}

#[test]
fn an_answer_says_whether_it_came_in_time() {
    let lateness = |given_up: Option<Nanos>, at: Nanos| {
        let mut rounds = Rounds::new();
        assert!(rounds.begins(START));
        given_up.into_iter().for_each(|at| assert!(rounds.call.give_up(START + at).is_some()));
        let answered = rounds.answer(START + at).unwrap();
        assert_eq!((answered.response, answered.took), (CheckResponse::Answer(200), at));
        answered.lateness
    };
    assert_eq!(lateness(None, 200 * MS), Lateness::InTime);
    assert_eq!(lateness(None, 201 * MS), Lateness::Unnoticed);
    assert_eq!(lateness(Some(200 * MS), 201 * MS), Lateness::GivenUp);
}

#[test]
fn a_call_is_given_up_once_and_not_before_its_timeout() {
    let mut rounds = Rounds::new();
    assert!(rounds.begins(START));
    assert_eq!(rounds.call.next(false), Some(START + 200 * MS));
    assert_eq!(rounds.call.give_up(START + 199 * MS), None);
    assert_eq!(rounds.call.give_up(START + 205 * MS), Some(205 * MS));
    assert_eq!(rounds.call.give_up(START + 300 * MS), None);
    assert_eq!(rounds.call.next(true), None, "until its answer is there");
}

#[test]
fn the_answer_to_another_call_is_not_its_own() {
    let mut rounds = Rounds::new();
    assert!(rounds.begins(START));
    let answer = FakeAnswer::of_upstream("200");
    assert_eq!(rounds.call.on_answer(CallToken(99), &answer, None, START), None);
    assert!(rounds.call.is_under_way());
    rounds.call.abandon();
    assert_eq!(rounds.answer(START + MS), None);
}

#[test]
fn a_round_that_was_refused_is_repeated_soon() {
    let mut rounds = Rounds::new();
    rounds.caller.refuses.set(Some(CallRefusal::NotSent));
    assert!(!rounds.begins(START));
    rounds.call.hurry(START);
    assert_eq!(rounds.call.next(true), Some(START + 250 * MS));
}

#[test]
fn a_call_that_envoy_has_forgotten_is_made_again() {
    let mut rounds = Rounds::new();
    assert!(rounds.begins(START));
    assert!(rounds.call.give_up(START + FORGOTTEN - 1).is_some());
    assert!(!rounds.begins(START + FORGOTTEN - 1));
    rounds.call.give_up(START + FORGOTTEN);
    assert!(rounds.begins(START + FORGOTTEN));
}

#[test]
fn an_answer_is_waited_for_beyond_its_timeout_where_the_next_round_leaves_room() {
    let millis = Duration::from_millis;
    for (timeout, interval, limit) in [(200, 1_000, 400), (500, 1_000, 850), (900, 1_000, 900)] {
        assert_eq!(wait_limit(millis(timeout), millis(interval)), millis(limit));
    }
}
