//! What clients, applications and operators may make large: each of it at two sizes, the
//! last part of a name. `scripts/growth.sh` holds that the work grows no faster.

use divan::black_box;
use heartbeat_core::facts::admin;
use heartbeat_core::grpc::GrpcAnswer;
use heartbeat_core::grpc::GrpcMethod;
use heartbeat_core::http::header_map::{HeaderMap, serialize};
use heartbeat_core::state::Context;
use heartbeat_core::{Completed, Decision};

use super::fakes::{CompletedStream, Request, Store};
use super::{NOW, Task, arrival, configure, policy, rules};

pub const GROWTH: &[Task] = &[
    ("grows/slashes/1000", || routed("/".repeat(1_000))),
    ("grows/slashes/8000", || routed("/".repeat(8_000))),
    ("grows/path/1000", || routed(format!("/health/9{}", "/x".repeat(500)))),
    ("grows/path/8000", || routed(format!("/health/9{}", "/x".repeat(4_000)))),
    ("grows/path-prefixes/1000", || routed_by(&long_prefixes(), "/x".repeat(500))),
    ("grows/path-prefixes/8000", || routed_by(&long_prefixes(), "/x".repeat(4_000))),
    ("grows/query/1000", || routed(format!("/orders?{}", "a=b&".repeat(250)))),
    ("grows/query/8000", || routed(format!("/orders?{}", "a=b&".repeat(2_000)))),
    ("grows/page-query/1000", || page("exclude=%41b&", 1_000)),
    ("grows/page-query/8000", || page("exclude=%41b&", 8_000)),
    ("grows/page-exclusion/1000", || page("exclude=", 1_000)),
    ("grows/page-exclusion/8000", || page("exclude=", 8_000)),
    ("grows/page-path/1000", || page("", 1_000)),
    ("grows/page-path/8000", || page("", 8_000)),
    ("grows/headers/100", || headers(100)),
    ("grows/headers/800", || headers(800)),
    ("grows/header-value/1000", || matched(Request::get("/p").with("x-a", &"a".repeat(1_000)))),
    ("grows/header-value/8000", || matched(Request::get("/p").with("x-a", &"a".repeat(8_000)))),
    ("grows/header-repeated/100", || matched(repeated(100))),
    ("grows/header-repeated/800", || matched(repeated(800))),
    ("grows/host/1000", || cached(&"a.".repeat(500))),
    ("grows/host/8000", || cached(&"a.".repeat(4_000))),
    ("grows/counted-path/1000", || counted(Request::get(&"/".repeat(1_000)))),
    ("grows/counted-path/8000", || counted(Request::get(&"/".repeat(8_000)))),
    ("grows/label/1000", || counted(Request::get("/pay").with("x-a", &"a".repeat(1_000)))),
    ("grows/label/8000", || counted(Request::get("/pay").with("x-a", &"a".repeat(8_000)))),
    ("grows/messages/100", || messages(100, usize::MAX)),
    ("grows/messages/800", || messages(800, usize::MAX)),
    ("grows/messages-by-byte/100", || messages(100, 1)),
    ("grows/messages-by-byte/800", || messages(800, 1)),
    ("grows/clusters/20", || clusters(20)),
    ("grows/clusters/160", || clusters(160)),
    ("grows/rules/100", || configure(paths(100))),
    ("grows/rules/800", || configure(paths(800))),
    ("grows/calls/100", || configure(calls(100))),
    ("grows/calls/800", || configure(calls(800))),
    ("grows/counters/50", || configure(counters(50))),
    ("grows/counters/400", || configure(counters(400))),
];

/// A request to this path, and ten rules.
fn routed(path: String) -> Box<dyn FnMut()> {
    routed_by(&rules(10), path)
}

fn routed_by(config: &str, path: String) -> Box<dyn FnMut()> {
    let (policy, request) = (policy(config), Request::get(&path));
    Box::new(move || drop(black_box(policy.match_request(black_box(&request)))))
}

/// Rules for prefixes of many lengths.
fn long_prefixes() -> String {
    let rule = |n: usize| {
        let path = "/x".repeat(n);
        format!(r#"{{"name":"p{n}","match":{{"path_prefix":"{path}/y"}}}}"#)
    };
    let rules: Vec<_> = (0..100).map(rule).collect();
    format!(r#"{{"probes":[{}]}}"#, rules.join(","))
}

/// An answer of `respond` in lines, to a request with that much in its query, or else in
/// its path.
fn page(pair: &'static str, size: usize) -> Box<dyn FnMut()> {
    let target = match pair {
        "" => format!("/p?verbose&/{}", "a/".repeat(size / 2)),
        "exclude=" => format!("/p?verbose&exclude={}", "a".repeat(size)),
        pair => format!("/p?verbose&{}", pair.repeat(size / pair.len())),
    };
    let config = r#"{"probes":[{"name":"p","match":{"path_prefix":"/p"},"action":"respond",
        "format":"kubernetes","details":"always"}]}"#;
    let (policy, request, store) = (policy(config), Request::get(&target), Store::default());
    Box::new(move || {
        let mut exchange = arrival(&policy, &request);
        let decision = exchange.on_request_headers(&request, Context::at(&store, NOW), true);
        assert!(matches!(black_box(decision), Decision::Reply(_)));
    })
}

/// So many headers, of which one is read that isn't there, one that is the last, and all
/// of a name.
fn headers(count: usize) -> Box<dyn FnMut()> {
    let mut headers = vec![("x-repeated", b"value".to_vec()); count];
    headers.push(("x-last", b"value".to_vec()));
    let mut bytes = serialize(&headers);
    Box::new(move || {
        let map = HeaderMap::new(black_box(std::mem::take(&mut bytes)));
        black_box((map.value("x-missing-"), map.value("x-last"), map.values("x-repeated").count()));
        bytes = map.into_bytes();
    })
}

fn repeated(count: usize) -> Request {
    (0..count).fold(Request::get("/p"), |request, _| request.with("x-a", "aaaaaaaa"))
}

/// A request that a rule looks for a text in the headers of, which isn't there.
fn matched(request: Request) -> Box<dyn FnMut()> {
    let policy = policy(
        r#"{"probes":[{"name":"p","match":{"path":"/p",
            "headers":[{"name":"x-a","contains":"aaaaaaaaaaaab"}]}}]}"#,
    );
    Box::new(move || assert!(black_box(policy.match_request(black_box(&request))).is_none()))
}

/// A probe of a host with a name like this, whose answers are kept.
fn cached(host: &str) -> Box<dyn FnMut()> {
    let policy = policy(r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"cache"}]}"#);
    let (request, store) = (Request::get("/p").at_host(host), Store::default());
    Box::new(move || {
        let mut exchange = arrival(&policy, &request);
        drop(black_box(exchange.on_request_headers(&request, Context::at(&store, NOW), true)));
    })
}

/// A request that is over, for counters by path and by label.
fn counted(request: Request) -> Box<dyn FnMut()> {
    let counter = |n: usize| {
        format!(
            r#"{{"name":"c{n}","when":{{"request":{{"path_prefix":"/pay"}}}},
                 "labels":{{"a":{{"request_header":"x-a","values":["a","b"]}}}}}}"#
        )
    };
    let counters: Vec<_> = (0..10).map(counter).collect();
    let policy = policy(&format!(r#"{{"counters":[{}]}}"#, counters.join(",")));
    let over = CompletedStream(request);
    Box::new(move || {
        let completed = Completed::new(&over, policy.path_to_keep(&over.0));
        black_box(policy.counted(&completed).count());
    })
}

/// So many messages of a Watch, in pieces of this size.
fn messages(count: usize, piece: usize) -> Box<dyn FnMut()> {
    let bytes = [0, 0, 0, 0, 2, 8, 1].repeat(count);
    Box::new(move || {
        let mut answer = GrpcAnswer::new(GrpcMethod::Watch);
        for piece in bytes.chunks(piece.min(bytes.len())) {
            answer.on_body(black_box(piece), |said| {
                black_box(said);
            });
        }
        black_box(answer.said());
    })
}

/// What the admin interface shows of so many clusters.
fn clusters(count: usize) -> Box<dyn FnMut()> {
    let names: Vec<String> = (1_000..1_000 + count).map(|n| format!("cluster{n}")).collect();
    let stat = |name: &str| format!(r#"{{"name":"{name}","value":1}}"#);
    let mut stats = vec![stat("server.live")];
    for name in &names {
        for what in ["total", "healthy", "degraded"] {
            stats.push(stat(&format!("cluster.{name}.membership_{what}")));
        }
    }
    let body = format!(r#"{{"stats":[{}]}}"#, stats.join(","));
    Box::new(move || {
        let stats = admin::Stats::read(black_box(body.as_bytes()));
        drop(black_box(stats.and_then(|stats| stats.view(&names))));
    })
}

/// Rules for prefixes. What is written is as long for each.
fn paths(count: usize) -> String {
    let rule = |n: usize| {
        format!(r#"{{"name":"p{n}","match":{{"path_prefix":"/health/{n}","methods":["GET"]}}}}"#)
    };
    let rules: Vec<String> = (1_000..1_000 + count).map(rule).collect();
    format!(r#"{{"probes":[{}]}}"#, rules.join(","))
}

/// Rules for calls, each for a service of its own.
fn calls(count: usize) -> String {
    let rule = |n: usize| {
        format!(r#"{{"name":"p{n}","match":{{"grpc":{{"services":["shop.Service{n}"]}}}}}}"#)
    };
    let rules: Vec<String> = (1_000..1_000 + count).map(rule).collect();
    format!(r#"{{"probes":[{}]}}"#, rules.join(","))
}

fn counters(count: usize) -> String {
    let counter = |n: usize| format!(r#"{{"name":"c{n}_total","when":{{}}}}"#);
    let counters: Vec<String> = (1_000..1_000 + count).map(counter).collect();
    format!(r#"{{"counters":[{}]}}"#, counters.join(","))
}
