//! Why rules don't take a request.
//!
//! The router is asked itself: about each rule alone, and where it doesn't take the request
//! about the same rule with fewer conditions, until it does. The condition that was dropped
//! last is why.

use heartbeat_core::base::time::Instant;
use heartbeat_core::config::Config;
use heartbeat_core::grpc::{GrpcMethod, framed, health_method, request as message};
use heartbeat_core::http::request::without_query;
use heartbeat_core::matching::header::{HeaderMatcher, HeaderTest};
use heartbeat_core::matching::rule::{GrpcMatch, HttpMatch, Match, PathMatch, ServicePattern};
use heartbeat_core::probe::{Action, Connection, ProbeRule};
use heartbeat_core::state::Context;
use heartbeat_core::{Decision, Environment, Policy, RequestHead};

use super::request::Request;
use super::store::Store;

const EVERY_METHOD: [GrpcMethod; 3] = [GrpcMethod::Check, GrpcMethod::List, GrpcMethod::Watch];

/// Why a rule doesn't take a request; `None` where it does by itself.
pub fn why_not(matcher: &Match, request: &Request, service: &str) -> Option<String> {
    let takes = |matcher: &Match| takes(matcher, request, service);
    if takes(matcher) {
        return None;
    }
    Some(match matcher {
        Match::Http(matcher) => http(matcher, request, takes),
        Match::Grpc(matcher) => grpc(matcher, request, service, takes),
    })
}

/// Whether a rule with these conditions takes a request, if there is no other.
fn takes(matcher: &Match, request: &Request, service: &str) -> bool {
    let rule = ProbeRule {
        name: "only".to_owned(),
        matcher: matcher.clone(),
        action: Action::Forward,
        timeout: None,
        watch_timeout: None,
        connection: Connection::Keep,
        retries: 0,
        limit: None,
        breaker: None,
        allow: None,
        via_http: None,
    };
    let config = Config {
        probes: vec![rule],
        default_probes: false,
        checks: Vec::new(),
        admin: None,
        grpc_replies: None,
        score: None,
        counters: Vec::new(),
        publish: Vec::new(),
    };
    let policy = Policy::compile(config, 0, &Environment::default());
    let Some(matched) = policy.match_request(request) else { return false };
    if matched.call.is_none() {
        return true;
    }
    let (store, mut exchange) = (Store::default(), policy.exchange(matched, 0, Instant::ZERO));
    let cx = Context::at(&store, Instant::ZERO);
    exchange.await_message();
    if request.is_hidden {
        return exchange.without_message(request, cx) != Decision::NotAProbe;
    }
    let decision = exchange.on_message(&framed(&message(service)), true, request, cx);
    decision != Some(Decision::NotAProbe)
}

fn http(matcher: &HttpMatch, request: &Request, takes: impl Fn(&Match) -> bool) -> String {
    let HttpMatch { path, methods, headers } = matcher;
    let only = |methods: &[String], headers: &[HeaderMatcher]| {
        let (methods, headers) = (methods.to_vec(), headers.to_vec());
        Match::Http(HttpMatch { path: path.clone(), methods, headers })
    };
    if !takes(&only(&[], &[])) {
        let target = request.path().unwrap_or_default();
        let there = String::from_utf8_lossy(without_query(&target)).into_owned();
        return match path {
            PathMatch::Exact(path) => format!("the path is {there}, not {path}"),
            PathMatch::Prefix(path) => format!("the path {there} is neither {path} nor below it"),
            PathMatch::Any => "it has no path".to_owned(),
        };
    }
    if !takes(&only(methods, &[])) {
        let there = request.method().unwrap_or_default();
        let there = String::from_utf8_lossy(&there);
        return format!("the method is {there}, not {}", methods.join(" or "));
    }
    let failing = headers.iter().filter(|header| !takes(&only(&[], std::slice::from_ref(header))));
    failing.map(|matcher| header(matcher, request)).collect::<Vec<_>>().join("; ")
}

fn header(matcher: &HeaderMatcher, request: &Request) -> String {
    let HeaderMatcher { name, test, not } = matcher;
    let values = request.header_values(name);
    let values: Vec<_> =
        values.iter().map(|value| format!("{:?}", String::from_utf8_lossy(value))).collect();
    let there = match values.as_slice() {
        [] => format!("{name} is absent"),
        [value] => format!("{name} is {value}"),
        several => format!("{name} is {}", several.join(" and ")),
    };
    let not = if *not { "not " } else { "" };
    let wanted = match test {
        HeaderTest::Present(true) => format!("{not}be there"),
        HeaderTest::Present(false) => format!("{not}be absent"),
        HeaderTest::Exact(text) => format!("{not}be {text:?}"),
        HeaderTest::Prefix(text) => format!("{not}begin with {text:?}"),
        HeaderTest::Suffix(text) => format!("{not}end with {text:?}"),
        HeaderTest::Contains(text) => format!("{not}hold {text:?}"),
    };
    format!("{there}, and must {wanted}")
}

fn grpc(
    matcher: &GrpcMatch,
    request: &Request,
    service: &str,
    takes: impl Fn(&Match) -> bool,
) -> String {
    let any = |methods: &[GrpcMethod]| {
        let methods = methods.to_vec();
        Match::Grpc(GrpcMatch { methods, services: vec![ServicePattern::Any] })
    };
    let target = request.path().unwrap_or_default();
    if !takes(&any(&EVERY_METHOD)) {
        let called = health_method(without_query(&target));
        return match (called, request.header("content-type")) {
            (None, _) => "it is for calls of grpc.health.v1.Health".to_owned(),
            (Some(_), None) => "content-type is absent, and a call has application/grpc".to_owned(),
            (Some(_), Some(kind)) => {
                let kind = String::from_utf8_lossy(&kind);
                format!("content-type is {kind:?}, and a call has application/grpc")
            }
        };
    }
    if !takes(&any(&matcher.methods)) {
        let words: Vec<_> = matcher.methods.iter().map(|method| format!("{method:?}")).collect();
        return format!("the call isn't {}", words.join(" or "));
    }
    if health_method(without_query(&target)) == Some(GrpcMethod::List) {
        return "a List asks for all services, and its services are named".to_owned();
    }
    if request.is_hidden {
        return "its services are named, and Envoy doesn't show which one the call asks for \
                (allow_on_headers_stop_iteration isn't true)"
            .to_owned();
    }
    let services: Vec<_> = matcher.services.iter().map(pattern).collect();
    format!("the service is {service:?}, not {}", services.join(" or "))
}

fn pattern(pattern: &ServicePattern) -> String {
    match pattern {
        ServicePattern::Any => "any".to_owned(),
        ServicePattern::Exact(name) => format!("{name:?}"),
        ServicePattern::Prefix(prefix) => format!("{:?}", format!("{prefix}*")),
    }
}
