use super::*;
use heartbeat_common::base::time::Nanos;
use heartbeat_common::state::fake::FakeStore;
use heartbeat_common::state::{Change, Context, update};

const SECOND: Nanos = 1_000_000_000;
const NOW: Instant = Instant(1_000 * SECOND);

fn owns(candidate: &mut Candidate, keys: &Keys, store: &FakeStore, now: Instant) -> bool {
    candidate.look(keys, Context::at(store, now))
}

#[test]
fn one_of_several_owns_the_table_and_another_within_a_second_when_it_is_gone() {
    let (keys, store) = (Keys::of("hub"), FakeStore::default());
    let [mut first, mut second] = [1, 2].map(|token| Candidate::new(token, 7, NOW));
    assert!(owns(&mut first, &keys, &store, NOW));
    let mut now = NOW;
    while now < NOW + 10 * SECOND {
        now = now + SECOND / 10;
        assert!(owns(&mut first, &keys, &store, now));
        assert!(!owns(&mut second, &keys, &store, now));
    }
    let gone = now;
    while !owns(&mut second, &keys, &store, now) {
        now = now + SECOND / 10;
    }
    assert!(now.since(gone) <= SECOND + SECOND / 5, "{}", now.since(gone));
    assert!(!owns(&mut first, &keys, &store, now + SECOND / 5), "it is another's by now");
}

#[test]
fn whoever_resigns_leaves_it_to_others_at_once() {
    let (keys, store) = (Keys::of("hub"), FakeStore::default());
    let [mut first, mut second] = [1, 2].map(|token| Candidate::new(token, 7, NOW));
    assert!(owns(&mut first, &keys, &store, NOW));
    first.resign(&keys, Context::at(&store, NOW));
    assert!(owns(&mut second, &keys, &store, NOW));
}

#[test]
fn a_newer_configuration_takes_over_at_once_and_an_older_one_never() {
    let (keys, store) = (Keys::of("hub"), FakeStore::default());
    let mut old = Candidate::new(1, 7, NOW);
    assert!(owns(&mut old, &keys, &store, NOW));
    let mut new = Candidate::new(2, 8, NOW + 1);
    assert!(owns(&mut new, &keys, &store, NOW + 1));
    assert!(!owns(&mut old, &keys, &store, NOW + SECOND / 2));
    let mut other = Candidate::new(3, 7, NOW + 2);
    assert!(owns(&mut other, &keys, &store, NOW + 2), "back to what it was before");
}

#[test]
fn a_worker_that_is_gone_is_not_woken_any_more() {
    let store = FakeStore::default();
    let (keys, cx) = (Keys::of("hub"), Context::at(&store, NOW));
    let held = Held { assignments: 3, subscriptions: 4, reads: false };
    for token in [1, 2] {
        let see = |workers: &mut Workers| {
            workers.see(token, 10 + token as u32, held, NOW + token * 4 * SECOND);
            Change::Write(())
        };
        update(cx, &keys.workers, see).unwrap();
    }
    let workers: Workers = keys.workers.read(&store);
    let queues = |now| workers.queues(now).collect::<Vec<_>>();
    assert_eq!(queues(NOW + 8 * SECOND), [11, 12]);
    assert_eq!(queues(NOW + 10 * SECOND), [12]);
    assert_eq!(workers.held_by_others(1, NOW + 8 * SECOND), held);
    let mut left = workers.clone();
    left.leave(2);
    assert_eq!(left.queues(NOW + 8 * SECOND).collect::<Vec<_>>(), [11]);
}

#[test]
fn a_worker_without_news_is_heard_of_once_a_second() {
    let mut workers = Workers::default();
    let held = Held { assignments: 3, subscriptions: 4, reads: false };
    let mut news = |held, now| workers.see(1, 10, held, now);
    assert!(news(held, NOW));
    assert!(!news(held, NOW + SECOND / 2));
    assert!(news(Held::default(), NOW + SECOND / 2), "it holds nothing more");
    assert!(!news(Held::default(), NOW + SECOND));
    assert!(news(Held::default(), NOW + 3 * SECOND / 2));
}

#[test]
fn a_wake_says_what_for() {
    for wake in [Wake::Assignment("payments"), Wake::Assignment(""), Wake::Changes] {
        assert_eq!(Wake::read(&wake.write()), Some(wake));
    }
    assert_eq!([&b""[..], b"x", b"a\xff", b"cc"].map(Wake::read), [None; 4]);
}
