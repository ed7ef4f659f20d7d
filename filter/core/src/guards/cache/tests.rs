//! The rules of single flight.

use super::*;
use crate::base::time::Instant;
use crate::guards::cache::CacheRule;
use crate::state::fake::FakeStore;
use crate::state::{Cells, Change, Context, update};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SECOND: Nanos = 1_000_000_000;
const NOW: Instant = Instant(1_000 * SECOND);
const LEASE: Nanos = 3 * SECOND;

fn rule() -> CacheRule {
    CacheRule { max_body: 64, ..CacheRule::default() }
}

fn answer(at: Instant) -> CachedResponse {
    CachedResponse {
        status: 200,
        grpc_status: 0,
        marked: Verdict::Pass,
        content_type: Some(b"text/plain".to_vec()),
        body: b"ok".to_vec(),
        at,
    }
}

fn look(entry: &mut CacheEntry, now: Instant, token: u64) -> Lookup {
    entry.look(&rule(), now, token, LEASE)
}

#[test]
fn the_first_probe_fetches_and_the_others_wait() {
    let mut entry = CacheEntry::default();
    assert_eq!(look(&mut entry, NOW, 1), Lookup::Refresh);
    for token in 2..200 {
        assert_eq!(look(&mut entry, NOW, token), Lookup::Wait);
    }
}

#[test]
fn an_answer_is_fresh_for_its_ttl_and_then_one_probe_refreshes_it() {
    let mut entry = CacheEntry::default();
    look(&mut entry, NOW, 1);
    entry.keep(&rule(), 1, NOW, answer(NOW));
    assert_eq!(look(&mut entry, NOW, 2), Lookup::Fresh);
    assert_eq!(look(&mut entry, NOW + SECOND - 1, 3), Lookup::Fresh);
    assert_eq!(look(&mut entry, NOW + SECOND, 4), Lookup::Refresh);
    assert_eq!(look(&mut entry, NOW + SECOND, 5), Lookup::Stale);
}

#[test]
fn a_stale_answer_is_served_no_longer_than_it_may_be() {
    let mut entry = CacheEntry { answer: Some(answer(NOW)), ..CacheEntry::default() };
    assert_eq!(look(&mut entry, NOW + 30 * SECOND, 1), Lookup::Refresh);
    assert_eq!(look(&mut entry, NOW + 30 * SECOND, 2), Lookup::Stale);
    assert_eq!(look(&mut entry, NOW + 31 * SECOND, 3), Lookup::Wait);
    assert_eq!(entry.servable(&rule(), NOW + 31 * SECOND), None);
}

#[test]
fn a_refresh_that_is_released_goes_to_another() {
    let mut entry = CacheEntry::default();
    look(&mut entry, NOW, 1);
    entry.release(2);
    assert_eq!(look(&mut entry, NOW, 3), Lookup::Wait, "only its owner can release it");
    entry.release(1);
    assert_eq!(look(&mut entry, NOW, 4), Lookup::Refresh);
}

#[test]
fn a_refresh_whose_worker_is_gone_is_given_up() {
    let mut entry = CacheEntry::default();
    look(&mut entry, NOW, 1);
    assert_eq!(look(&mut entry, NOW + LEASE - 1, 2), Lookup::Wait);
    assert_eq!(look(&mut entry, NOW + LEASE, 3), Lookup::Refresh);
    entry.keep(&rule(), 1, NOW, answer(NOW + LEASE));
    assert_eq!(look(&mut entry, NOW + LEASE, 4), Lookup::Fresh, "a late answer is an answer");
}

#[test]
fn a_late_answer_does_not_push_out_a_newer_one() {
    let mut entry = CacheEntry::default();
    look(&mut entry, NOW, 1);
    let later = NOW + LEASE;
    look(&mut entry, later, 2);
    entry.keep(&rule(), 2, later, answer(later + 1));
    entry.keep(&rule(), 1, NOW, CachedResponse { status: 503, ..answer(later + 2) });
    entry.keep_nothing(&rule(), 1, NOW, later + 3);
    assert_eq!(entry.answer.unwrap().status, 200);
}

#[test]
fn a_fetch_that_failed_is_known_to_those_who_wait() {
    let mut entry = CacheEntry::default();
    look(&mut entry, NOW, 1);
    entry.fail(2, Failure { status: 503, at: NOW });
    assert_eq!(entry.failure, None, "only its owner can fail");
    entry.fail(1, Failure { status: 503, at: NOW });
    assert_eq!(entry.failure, Some(Failure { status: 503, at: NOW }));
    assert_eq!(look(&mut entry, NOW, 3), Lookup::Refresh, "the next one tries again");
}

#[test]
fn an_answer_that_is_too_large_lets_everyone_pass_for_a_ttl() {
    let mut entry = CacheEntry { answer: Some(answer(NOW - 2 * SECOND)), ..CacheEntry::default() };
    look(&mut entry, NOW, 1);
    entry.keep_nothing(&rule(), 1, NOW, NOW);
    assert_eq!(look(&mut entry, NOW, 2), Lookup::Pass);
    assert_eq!(look(&mut entry, NOW + SECOND - 1, 3), Lookup::Pass);
    assert_eq!(look(&mut entry, NOW + SECOND, 4), Lookup::Refresh);
    assert_eq!(entry.answer, None, "what was kept before doesn't hold any more");
}

#[test]
fn a_worker_that_read_the_clock_a_moment_earlier_finds_the_answer_fresh() {
    let mut entry = CacheEntry { answer: Some(answer(NOW)), ..CacheEntry::default() };
    assert_eq!(look(&mut entry, NOW - 1, 1), Lookup::Fresh);
    let mut entry = CacheEntry::default();
    look(&mut entry, NOW, 1);
    assert_eq!(look(&mut entry, NOW - 1, 2), Lookup::Wait);
}

#[test]
fn the_status_tells_the_verdict() {
    let verdict = |status, marked| CachedResponse { status, marked, ..answer(NOW) }.verdict();
    assert_eq!(verdict(200, Verdict::Pass), Verdict::Pass);
    assert_eq!(verdict(302, Verdict::Warn), Verdict::Warn);
    assert_eq!(verdict(404, Verdict::Pass), Verdict::Fail);
    assert_eq!(verdict(503, Verdict::Warn), Verdict::Fail);
}

#[test]
fn it_survives_shared_data_whole_or_not_at_all() {
    let mut entry = CacheEntry { answer: Some(answer(NOW)), ..CacheEntry::default() };
    look(&mut entry, NOW + SECOND, 7);
    let mut encoder = Encoder::default();
    entry.encode(&mut encoder);
    let bytes = encoder.finish();
    assert_eq!(CacheEntry::decode(&mut Decoder::new(&bytes)), Some(entry));
    for length in 0..bytes.len() {
        assert_eq!(CacheEntry::decode(&mut Decoder::new(&bytes[..length])), None, "{length} bytes");
    }
}

/// Random probes of several workers on one entry, with every write lost now and
/// then: never two refreshes at once, and never an answer older than allowed.
#[test]
fn however_workers_race_one_refresh_is_under_way() {
    let cell = Cells::new("c".into(), 1).scope(&[b"app"]);
    for seed in 1..200_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let store = FakeStore::default();
        let (mut now, mut under_way, mut token) = (NOW, Vec::<(u64, Instant)>::new(), 0);
        for _ in 0..300 {
            now = now + next(SECOND / 5);
            token += 1;
            store.contended.set(next(3) as usize);
            match next(4) {
                0 if !under_way.is_empty() => {
                    let (owner, _) = under_way.remove(next(under_way.len() as u64) as usize);
                    let keeps = next(2) == 0;
                    let done = update::<CacheEntry, _>(Context::at(&store, now), &cell, |entry| {
                        if keeps {
                            entry.keep(&rule(), owner, now, answer(now))
                        } else {
                            entry.release(owner)
                        }
                        Change::Write(())
                    });
                    assert_eq!(done, Ok(()));
                }
                _ => {
                    let lookup =
                        update::<CacheEntry, _>(Context::at(&store, now), &cell, |entry| {
                            let before = entry.clone();
                            let lookup = look(entry, now, token);
                            Change::write_if(*entry != before, lookup)
                        });
                    if lookup == Ok(Lookup::Refresh) {
                        under_way.retain(|(_, until)| *until > now);
                        under_way.push((token, now + LEASE));
                    }
                }
            }
            assert!(under_way.iter().filter(|(_, until)| *until > now).count() <= 1, "seed {seed}");
        }
    }
}
