//! When a cluster is asked to close connections.

use super::*;
use crate::base::signals::Signals;
use crate::base::time::Instant;
use crate::guards::upstream::Protocols;
use crate::state::Context;
use crate::state::fake::FakeStore;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: Instant = Instant(1_000_000_000_000);
const LEASE: Nanos = 3_000_000_000;

fn speaks_http1() -> Upstream {
    let mut upstream = Upstream::default();
    assert!(upstream.learn_http1());
    upstream
}

fn announces() -> Upstream {
    let mut upstream = speaks_http1();
    assert_eq!(upstream.ask(NOW, 1, LEASE), CloseRequest::Trial);
    assert!(upstream.record(CloseResult::Announced));
    upstream
}

fn asks(upstream: &mut Upstream) -> CloseRequest {
    upstream.ask(NOW, 7, LEASE)
}

#[test]
fn nobody_asks_a_cluster_whose_protocol_nothing_has_shown() {
    assert_eq!(asks(&mut Upstream::default()), CloseRequest::No);
}

#[test]
fn one_probe_tries_and_the_others_go_without() {
    let mut upstream = speaks_http1();
    assert_eq!(upstream.ask(NOW, 1, LEASE), CloseRequest::Trial);
    assert_eq!(upstream.ask(NOW, 2, LEASE), CloseRequest::No);
    assert_eq!(upstream.ask(NOW + LEASE, 3, LEASE), CloseRequest::Trial, "given up");
}

#[test]
fn a_trial_that_showed_nothing_is_made_again() {
    let mut upstream = speaks_http1();
    upstream.ask(NOW, 1, LEASE);
    assert!(!upstream.release(2));
    assert!(upstream.release(1));
    assert_eq!(asks(&mut upstream), CloseRequest::Trial);
}

#[test]
fn all_ask_while_the_close_is_announced_and_none_once_it_was_not() {
    let mut upstream = announces();
    assert_eq!(asks(&mut upstream), CloseRequest::Yes);
    assert!(!upstream.record(CloseResult::Announced), "no news");
    assert!(upstream.record(CloseResult::Unannounced));
    assert!(!upstream.record(CloseResult::Unannounced), "no news");
    assert_eq!(asks(&mut upstream), CloseRequest::No);
    // Of a probe that asked before.
    assert!(!upstream.record(CloseResult::Announced));
    assert!(!upstream.learn_http1());
    assert_eq!(asks(&mut upstream), CloseRequest::No);
}

#[test]
fn a_trial_ends_it_when_it_is_a_protocol_error_or_not_announced() {
    for result in [CloseResult::ProtocolError, CloseResult::Unannounced] {
        let mut upstream = speaks_http1();
        upstream.ask(NOW, 1, LEASE);
        assert!(upstream.record(result));
        assert_eq!(asks(&mut upstream), CloseRequest::No);
    }
}

#[test]
fn two_connections_that_end_in_a_row_end_it() {
    for mut upstream in [speaks_http1(), announces()] {
        let first = asks(&mut upstream);
        assert!(!upstream.record(CloseResult::Terminated));
        assert_eq!(asks(&mut upstream), first, "once is an accident");
        assert!(upstream.record(CloseResult::Terminated));
        assert_eq!(asks(&mut upstream), CloseRequest::No);
    }
    let mut upstream = announces();
    for _ in 0..3 {
        assert!(!upstream.record(CloseResult::Terminated));
        assert!(upstream.is_suspect());
        assert!(!upstream.record(CloseResult::Announced));
    }
    assert_eq!(asks(&mut upstream), CloseRequest::Yes);
}

#[test]
fn the_admin_interface_tells_of_clients_that_were_answered_before_it_was_asked() {
    for (protocols, then) in [
        (Protocols::Http1, CloseRequest::Trial),
        (Protocols::Multiplexed, CloseRequest::No),
        (Protocols::Mixed, CloseRequest::No),
    ] {
        let mut upstream = Upstream::default();
        assert!(!upstream.learn(protocols, NOW), "nobody was answered");
        assert!(upstream.list(NOW));
        assert!(!upstream.learn(protocols, NOW - 1), "nobody was answered by then");
        assert_eq!(asks(&mut upstream), CloseRequest::No);
        assert!(upstream.learn(protocols, NOW));
        assert_eq!(asks(&mut upstream), then);
        assert!(!upstream.list(NOW + LIST_AGAIN), "it has been told");
    }
}

#[test]
fn where_both_protocols_are_seen_only_an_answer_tells() {
    let mut upstream = Upstream::default();
    upstream.list(NOW);
    upstream.learn(Protocols::Mixed, NOW);
    assert!(upstream.learn_http1());
    assert_eq!(asks(&mut upstream), CloseRequest::Trial);
}

#[test]
fn the_admin_interface_is_asked_again_only_after_a_while() {
    let mut upstream = Upstream::default();
    assert!(upstream.list(NOW));
    assert!(!upstream.list(NOW + LIST_AGAIN - 1));
    assert!(upstream.list(NOW + LIST_AGAIN));
}

#[test]
fn it_survives_shared_data() {
    let mut suspect = announces();
    suspect.record(CloseResult::Terminated);
    let mut spared = announces();
    spared.record(CloseResult::Unannounced);
    let mut mixed = Upstream::default();
    mixed.list(NOW);
    mixed.learn(Protocols::Mixed, NOW);
    for state in [Upstream::default(), speaks_http1(), announces(), suspect, spared, mixed] {
        let mut encoder = Encoder::default();
        state.encode(&mut encoder);
        assert_eq!(Upstream::decode(&mut Decoder::new(&encoder.finish())), Some(state));
    }
}

#[test]
fn a_bounded_number_of_clusters_waits_to_be_known() {
    let upstreams = Upstreams::new("hb", &mut Registry::new(&mut Vec::new()));
    let store = FakeStore::default();
    for cluster in 0..100 {
        let listed = upstreams.list(format!("c{cluster}").as_bytes(), Context::at(&store, NOW));
        assert_eq!(listed, cluster < Waiting::MOST);
        assert!(upstreams.list(b"c0", Context::at(&store, NOW)), "it is there");
    }
    assert!(!upstreams.list("x".repeat(1_000).as_bytes(), Context::at(&store, NOW)));
    let waiting = upstreams.waiting(&store);
    assert_eq!(waiting.len(), Waiting::MOST);
    assert_eq!(waiting.first().map(String::as_str), Some("c0"));
    // Those that were asked about make room, whatever was told of them.
    let asked: Vec<_> = waiting.into_iter().map(|cluster| (cluster, None)).collect();
    upstreams.learn(&asked, NOW, Context::at(&store, NOW), &mut Signals::default());
    assert!(upstreams.waiting(&store).is_empty());
}

#[test]
fn a_cluster_that_speaks_http2_is_told_of_once() {
    let upstreams = Upstreams::new("hb", &mut Registry::new(&mut Vec::new()));
    let store = FakeStore::default();
    for client in *b"12" {
        let cell = upstreams.cell(b"app", client);
        update::<Upstream, _>(Context::at(&store, NOW), &cell, |it| {
            Change::write_if(it.list(NOW), ())
        })
        .unwrap();
    }
    let mut signals = Signals::default();
    let shown = [("app".to_owned(), Some(Protocols::Multiplexed))];
    for _ in 0..2 {
        upstreams.learn(&shown, NOW, Context::at(&store, NOW), &mut signals);
    }
    assert_eq!(signals.raise, [upstreams.metrics.http2]);
    assert_eq!(signals.log.len(), 1);
}
