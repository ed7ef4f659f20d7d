//! The rules of `cache`, `limit`, `breaker` and `allow`.

use super::{mistakes, parse, probe_mistakes};
use crate::guards::allow::Otherwise;
use crate::guards::cache::CacheRule;
use crate::guards::limit::OnLimit;
use crate::matching::rule::{Match, PathMatch};
use crate::probe::Action;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_example_of_a_guarded_probe_is_understood() {
    let config = parse(
        r#"{"probes":[{
            "name": "lb",
            "match": { "path_prefix": "/status/", "headers": [{ "name": "User-Agent", "prefix": "GoogleHC/" }] },
            "action": "cache",
            "cache": { "ttl": "1s", "stale_for": "30s", "max_body": "64KiB" },
            "limit": { "rate": "50/s", "burst": 10, "on_limit": "last_verdict" },
            "breaker": { "failures": 3, "open_for": "5s" },
            "allow": { "cidrs": ["10.0.0.0/8"], "principals": ["spiffe://example.org/*"], "otherwise": "not_a_probe" }
        }]}"#,
    );
    let probe = config.unwrap().probes.remove(0);
    assert_eq!(probe.action, Action::Cache(CacheRule::default()), "which is what it says");
    let Match::Http(matcher) = &probe.matcher else { panic!("{probe:?}") };
    assert_eq!(matcher.path, PathMatch::Prefix("/status".into()));
    assert_eq!(matcher.headers[0].name, "user-agent");
    assert_eq!(probe.limit.unwrap().burst, 10);
    assert_eq!(probe.breaker.unwrap().failures, 3);
    assert_eq!(probe.allow.unwrap().otherwise, Otherwise::NotAProbe);
}

#[test]
fn guards_have_defaults() {
    let config = parse(
        r#"{"probes":[{"name":"p","match":{"path":"/h"},"limit":{"rate":"50/s"},"breaker":{}}]}"#,
    );
    let probe = config.unwrap().probes.remove(0);
    let limit = probe.limit.unwrap();
    assert_eq!((limit.burst, limit.on_limit), (50, OnLimit::LastVerdict));
    let breaker = probe.breaker.unwrap();
    assert_eq!((breaker.failures, breaker.open_for.as_secs()), (3, 5));
}

#[test]
fn only_headers_that_forbid_to_keep_an_answer_can_be_ignored() {
    let mistake = |names: &str| {
        probe_mistakes(&format!(r#""action":"cache","cache":{{"ignore_headers":{names}}}"#))
    };
    assert_eq!(
        mistake(r#"["vary","age"]"#),
        [
            r#"probes[0].cache.ignore_headers[1]: "age" isn't known; write "cache-control" or "vary""#
        ]
    );
    assert_eq!(mistake("[]").len(), 1);
}

#[test]
fn the_source_of_addresses_is_a_known_one_and_has_addresses_to_match() {
    let mistake = |more: &str| probe_mistakes(&format!(r#""allow":{{{more}}}"#));
    let mend = r#"names no source; write "trusted" or { "filter_state": "heartbeat.address" }"#;
    for address in [r#""peer""#, r#"{"filter_state":""}"#, r#"{"filter_state":"a","b":1}"#, "1"] {
        let found = mistake(&format!(r#""cidrs":["10.0.0.0/8"],"address":{address}"#));
        assert_eq!(found, [format!("probes[0].allow.address: {mend}")]);
    }
    let found = mistake(r#""principals":["spiffe://a/b"],"address":"trusted""#);
    assert_eq!(found, [r#"probes[0].allow.address: has no effect without "cidrs"; leave it out"#]);
}

#[test]
fn a_guard_that_guards_nothing_is_refused() {
    assert!(probe_mistakes(r#""limit":{}"#)[0].contains("add \"rate\": \"50/s\""));
    assert!(probe_mistakes(r#""limit":{"rate":"1/s","burst":0}"#)[0].contains("from 1 to"));
    assert!(probe_mistakes(r#""breaker":{"failures":0}"#)[0].contains("from 1 to"));
    assert!(probe_mistakes(r#""breaker":{"open_for":"0s"}"#)[0].contains("no time at all"));
    assert!(probe_mistakes(r#""allow":{}"#)[0].contains("names nobody"));
    assert!(probe_mistakes(r#""allow":{"cidrs":[]}"#)[0].contains("is empty"));
    assert!(probe_mistakes(r#""cache":{}"#)[0].contains("has no effect"));
    assert!(probe_mistakes(r#""action":"cache","cache":{"max_body":"2MiB"}"#)[0].contains("1MiB"));
    let key = |key: &str| {
        probe_mistakes(&format!(r#""action":"cache","cache":{{"key":{key}}}"#)).swap_remove(0)
    };
    assert!(key(r#"["host"]"#).contains(r#"leaves out the path; write ["host", "path"]"#));
    assert!(key(r#"["path","port"]"#).starts_with(r#"probes[0].cache.key[1]: "port" isn't known"#));
    assert!(key("[]").contains("is empty"));
    assert!(probe_mistakes(r#""action":"respond","breaker":{}"#)[0].contains("has no effect"));
}

#[test]
fn a_limit_on_calls_can_only_reject() {
    assert_eq!(
        mistakes(
            r#"{"probes":[{"name":"p","match":{"grpc":{}},"limit":{"rate":"1/s","on_limit":"last_verdict"}}]}"#
        ),
        [
            r#"probes[0].limit.on_limit: can't repeat a message of gRPC; write "reject", or leave it out"#
        ]
    );
}
