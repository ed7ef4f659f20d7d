//! What the core does, task by task: measured in time and in instructions.

mod fakes;
mod growth;

use divan::black_box;
use fakes::{Request, Response, Store};
use heartbeat_core::base::time::Instant;
use heartbeat_core::grpc::GrpcMethod;
use heartbeat_core::grpc::{FrameReader, GrpcAnswer, read_service};
use heartbeat_core::http::header_map;
use heartbeat_core::state::Context;
use heartbeat_core::{Decision, Environment, Exchange, Policy};

/// Something that the core does: its name, and what makes it ready to be done again
/// and again.
pub type Task = (&'static str, fn() -> Box<dyn FnMut()>);

/// All tasks.
pub fn tasks() -> impl Iterator<Item = &'static Task> {
    OTHERS.iter().chain(growth::GROWTH)
}

/// The first of them. A name says what is done, to what, and how large that is.
const OTHERS: &[Task] = &[
    ("classify/ordinary/10", || classify(10, "/orders/17/items?page=2")),
    ("classify/ordinary/100", || classify(100, "/orders/17/items?page=2")),
    ("classify/ordinary/1000", || classify(1_000, "/orders/17/items?page=2")),
    ("classify/exact/10", || classify(10, "/health/8")),
    ("classify/exact/100", || classify(100, "/health/8")),
    ("classify/exact/1000", || classify(1_000, "/health/8")),
    ("classify/prefix/10", || classify(10, "/health/9/db/primary")),
    ("classify/prefix/100", || classify(100, "/health/9/db/primary")),
    ("classify/prefix/1000", || classify(1_000, "/health/9/db/primary")),
    ("decide/respond", || decide(r#""action":"respond""#, "")),
    ("decide/forward", || decide(r#""action":"forward""#, "")),
    ("decide/cache-hit", || decide(r#""action":"cache""#, "")),
    ("decide/limit", || decide(r#""limit":{"rate":"100000/s","burst":100000}"#, "")),
    ("decide/breaker", || decide(r#""breaker":{"failures":3,"open_for":"5s"}"#, "")),
    ("whole/forward", || Box::new(forwarded())),
    ("verdict/bare/1", || verdict(1, r#""details":"never""#)),
    ("verdict/bare/10", || verdict(10, r#""details":"never""#)),
    ("verdict/bare/50", || verdict(50, r#""details":"never""#)),
    ("verdict/json/1", || verdict(1, r#""details":"always""#)),
    ("verdict/json/10", || verdict(10, r#""details":"always""#)),
    ("verdict/health+json/10", || verdict(10, r#""details":"always","format":"health+json""#)),
    ("frames/whole", || frames(usize::MAX)),
    ("frames/byte-by-byte", || frames(1)),
    ("frames/request", || Box::new(|| drop(black_box(read_service(black_box(CHECK), true))))),
    ("headers/serialize", headers),
    ("configure/defaults", || configure("{}".into())),
    ("configure/10", || configure(rules(10))),
    ("configure/100", || configure(rules(100))),
    ("configure/1000", || configure(rules(1_000))),
];

/// Any moment.
const NOW: Instant = Instant(1_000_000_000_000);

/// A HealthCheckRequest for the service "orders", in its frame.
const CHECK: &[u8] = b"\0\0\0\0\x08\x0a\x06orders";

/// So many rules, exact paths and prefixes by turns.
fn rules(count: usize) -> String {
    let rule = |n: usize| {
        let key = if n.is_multiple_of(2) { "path" } else { "path_prefix" };
        format!(r#"{{"name":"p{n}","match":{{"{key}":"/health/{n}","methods":["GET"]}}}}"#)
    };
    let rules: Vec<String> = (0..count).map(rule).collect();
    format!(r#"{{"probes":[{}]}}"#, rules.join(","))
}

fn policy(config: &str) -> Policy {
    match Policy::from_bytes(config.as_bytes(), &Environment::default()) {
        Ok(policy) => policy,
        Err(errors) => panic!("{config}: {errors}"),
    }
}

fn configure(config: String) -> Box<dyn FnMut()> {
    let environment = Environment::default();
    Box::new(move || {
        drop(black_box(Policy::from_bytes(black_box(config.as_bytes()), &environment)));
    })
}

fn classify(count: usize, path: &str) -> Box<dyn FnMut()> {
    let (policy, request) = (policy(&rules(count)), Request::get(path));
    Box::new(move || drop(black_box(policy.match_request(black_box(&request)))))
}

/// A probe that has just come, of the only rule there is.
fn arrival(policy: &Policy, request: &Request) -> Exchange {
    match policy.match_request(request) {
        Some(matched) => policy.exchange(matched, 7, NOW),
        None => panic!("the request is no probe"),
    }
}

fn decide(rule: &str, more: &str) -> Box<dyn FnMut()> {
    let config = format!(r#"{{"probes":[{{"name":"p","match":{{"path":"/p"}},{rule}}}]{more}}}"#);
    let (policy, request, store) = (policy(&config), Request::get("/p"), Store::default());
    fetch(&policy, &request, &store);
    Box::new(move || {
        let mut exchange = arrival(&policy, &request);
        drop(black_box(exchange.on_request_headers(&request, Context::at(&store, NOW), true)));
    })
}

/// Lets a probe through to its end: what a cache keeps is there afterwards.
fn fetch(policy: &Policy, request: &Request, store: &Store) {
    let mut exchange = arrival(policy, request);
    let decision = exchange.on_request_headers(request, Context::at(store, NOW), true);
    let forwarded = matches!(decision, Decision::Forward(_));
    drop(exchange.on_response_headers(&Response, Context::at(store, NOW), false));
    drop(exchange.on_response_body(|| b"fine".to_vec(), Context::at(store, NOW), true));
    let counts = exchange.on_end(&Response, Context::at(store, NOW), || None);
    drop(black_box((counts, exchange.take_signals(), forwarded)));
}

fn forwarded() -> impl FnMut() {
    let policy = policy(r#"{"probes":[{"name":"p","match":{"path":"/p"}}]}"#);
    let (request, store) = (Request::get("/p"), Store::default());
    move || fetch(&policy, &request, &store)
}

/// An answer that rests on so many checks.
fn verdict(checks: usize, page: &str) -> Box<dyn FnMut()> {
    let items: Vec<_> = (0..checks).map(|n| format!(r#"{{"check":"c{n}"}}"#)).collect();
    let rule = format!(r#""action":"respond",{page},"when":[{}]"#, items.join(","));
    let check = |n| format!(r#"{{"name":"c{n}","http":{{"cluster":"app","path":"/ping"}}}}"#);
    let checks: Vec<_> = (0..checks).map(check).collect();
    decide(&rule, &format!(r#","checks":[{}]"#, checks.join(",")))
}

/// An answer to a Check, that comes in pieces of this size.
fn frames(piece: usize) -> Box<dyn FnMut()> {
    const ANSWER: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
    Box::new(move || {
        let mut reader = FrameReader::default();
        let mut answer = GrpcAnswer::new(GrpcMethod::Check);
        for piece in ANSWER.chunks(piece.min(ANSWER.len())) {
            reader.feed(black_box(piece), |frame| drop(black_box(frame)));
            answer.on_body(piece, |_| {});
        }
        black_box(answer.said());
    })
}

fn headers() -> Box<dyn FnMut()> {
    let headers = [
        ("content-type", b"application/json".to_vec()),
        ("cache-control", b"no-store".to_vec()),
        ("x-envoy-upstream-healthchecked-cluster", b"payments".to_vec()),
        ("x-heartbeat-status", b"ready".to_vec()),
    ];
    Box::new(move || drop(black_box(header_map::serialize(black_box(&headers)))))
}
