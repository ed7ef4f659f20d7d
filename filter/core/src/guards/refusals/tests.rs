//! Whom `allow` has refused is remembered, within bounds.

use super::*;
use crate::base::time::Nanos;
use crate::state::fake::FakeStore;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SECOND: Nanos = 1_000_000_000;
const NOW: Instant = Instant(1_000 * SECOND);

/// A process with two workers.
struct Process {
    store: FakeStore,
    workers: [Refusals; 2],
    now: Instant,
}

impl Process {
    fn new() -> Self {
        let worker = || Refusals::new("heartbeat/p/refusals".into());
        Self { store: FakeStore::default(), workers: [worker(), worker()], now: NOW }
    }

    fn refuse(&self, worker: usize, who: &str) {
        let cx = Context::at(&self.store, self.now);
        self.workers[worker].note(cx, || who.as_bytes().to_vec());
    }

    /// Who, how often, and how long ago in seconds; how many were passed over.
    fn seen(&self, worker: usize) -> (Vec<(String, u64, Nanos)>, u64) {
        let mut seen = Vec::new();
        let passed_over = self.workers[worker].look(&self.store, &mut |it| {
            let who = String::from_utf8(it.who.to_vec()).unwrap();
            seen.push((who, it.times, self.now.since(it.at) / SECOND));
        });
        (seen, passed_over)
    }
}

fn one(who: &str, times: u64, ago: Nanos) -> (String, u64, Nanos) {
    (who.to_owned(), times, ago)
}

#[test]
fn all_workers_see_the_last_first() {
    let mut process = Process::new();
    assert_eq!(process.seen(0), (vec![], 0));
    process.refuse(0, "a");
    process.now = process.now + SECOND;
    process.refuse(1, "b");
    for worker in [0, 1] {
        assert_eq!(process.seen(worker), (vec![one("b", 1, 0), one("a", 1, 1)], 0));
    }
}

#[test]
fn who_comes_again_takes_no_room_from_others() {
    let mut process = Process::new();
    process.refuse(0, "a");
    for round in 1..=40 {
        process.now = process.now + SECOND;
        process.refuse(round % 2, "again");
    }
    assert_eq!(process.seen(0), (vec![one("again", 40, 0), one("a", 1, 40)], 0));
}

#[test]
fn sixteen_are_remembered() {
    let mut process = Process::new();
    for number in 0..100 {
        process.now = process.now + SECOND;
        process.refuse(0, &number.to_string());
    }
    let (seen, _) = process.seen(1);
    let expected: Vec<_> = (0..16).map(|ago| one(&(99 - ago).to_string(), 1, ago)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_storm_costs_a_worker_few_writes_and_is_counted() {
    let mut process = Process::new();
    let mut asked = 0;
    for moment in 0..10_000_u64 {
        process.now = NOW + moment * (SECOND / 1_000);
        let cx = Context::at(&process.store, process.now);
        process.workers[0].note(cx, || {
            asked += 1;
            moment.to_string().into_bytes()
        });
    }
    assert_eq!(asked, 16 + 4 * 10 - 1, "in ten seconds");
    process.now = process.now + SECOND;
    process.refuse(0, "after");
    let (seen, passed_over) = process.seen(1);
    assert_eq!((seen.len(), passed_over), (16, 10_000 - asked));
    assert_eq!(process.store.keys(), ["heartbeat/p/refusals"]);
}

#[test]
fn what_others_have_written_first_is_not_lost_and_what_never_succeeds_is_passed_over() {
    let process = Process::new();
    process.store.contended.set(ATTEMPTS - 1);
    process.refuse(0, "a");
    assert_eq!(process.seen(0), (vec![one("a", 1, 0)], 0));
    process.store.contended.set(ATTEMPTS);
    process.refuse(0, "b");
    process.refuse(0, "c");
    assert_eq!(process.seen(0), (vec![one("c", 1, 0), one("a", 1, 0)], 1));
}

#[test]
fn what_another_module_has_left_there_is_nothing() {
    for left in [&b""[..], b"x", &[0; 8], &[0xff; 64], &[2, 0, 0, 0, 0, 0, 0, 0, 9]] {
        let process = Process::new();
        process.store.write("heartbeat/p/refusals", left, Version::ABSENT);
        assert_eq!(process.seen(0), (vec![], 0), "{left:?}");
        process.refuse(0, "a");
        assert_eq!(process.seen(0), (vec![one("a", 1, 0)], 0), "{left:?}");
    }
}
