//! What is a probe, and what isn't.

use super::*;
use crate::base::environment::Environment;
use crate::base::outcome::Outcome;
use crate::facts::check::CheckResult;
use crate::grpc;
use crate::guards::cache::CacheResult;
use crate::http::request::FakeRequest;
use std::borrow::Cow;
use std::cell::RefCell;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod series;

fn policy(json: &str) -> Policy {
    Policy::from_bytes(json.as_bytes(), &Environment::default()).unwrap()
}

/// The name of the rule that recognises a request.
fn matched(policy: &Policy, request: &impl RequestHead) -> Option<String> {
    policy.match_request(request).map(|found| found.probe.name().to_owned())
}

fn by_default(method: &str, path: &str) -> Option<String> {
    matched(&policy(""), &FakeRequest::new(method, path))
}

#[test]
fn the_default_health_paths_are_probes() {
    for (path, name) in
        [("/health", "health"), ("/healthz", "healthz"), ("/livez", "livez"), ("/readyz", "readyz")]
    {
        assert_eq!(by_default("GET", path).as_deref(), Some(name));
        assert_eq!(by_default("HEAD", path).as_deref(), Some(name));
        assert_eq!(by_default("POST", path), None, "{path}");
    }
    assert_eq!(by_default("POST", "/v1/health").as_deref(), Some("v1_health"));
}

#[test]
fn a_path_is_compared_whole_and_with_case() {
    for path in
        ["/healthy", "/health/", "/HEALTH", "/", "", "/x/health", "//health", "/health%20", "*"]
    {
        assert_eq!(by_default("GET", path), None, "{path}");
    }
}

#[test]
fn the_query_string_does_not_matter() {
    for path in ["/health?x=1", "/health?", "/health?a?b"] {
        assert_eq!(by_default("GET", path).as_deref(), Some("health"), "{path}");
    }
    assert_eq!(by_default("GET", "/?/health"), None);
}

#[test]
fn a_method_is_compared_with_case() {
    assert_eq!(by_default("get", "/health"), None);
}

#[test]
fn without_methods_a_rule_takes_any() {
    let policy = policy(r#"{"probes":[{"name":"p","match":{"path":"/h"}}]}"#);
    assert_eq!(matched(&policy, &FakeRequest::new("BREW", "/h")).as_deref(), Some("p"));
}

#[test]
fn the_first_rule_that_matches_wins() {
    let policy = policy(
        r#"{"probes":[{"name":"post","match":{"path":"/h","methods":["POST"]}},
                      {"name":"any","match":{"path":"/h"}}]}"#,
    );
    assert_eq!(matched(&policy, &FakeRequest::new("POST", "/h")).as_deref(), Some("post"));
    assert_eq!(matched(&policy, &FakeRequest::new("GET", "/h")).as_deref(), Some("any"));
}

#[test]
fn a_grpc_health_call_needs_the_grpc_content_type() {
    let policy = policy("");
    assert_eq!(matched(&policy, &FakeRequest::grpc("Check")).as_deref(), Some("grpc"));
    assert_eq!(matched(&policy, &FakeRequest::grpc("List")).as_deref(), Some("grpc"));
    assert_eq!(matched(&policy, &FakeRequest::grpc("Watch")).as_deref(), Some("grpc_watch"));
    let plain = FakeRequest::new("POST", "/grpc.health.v1.Health/Check");
    assert_eq!(matched(&policy, &plain), None);
    let web = plain.with("content-type", "application/grpc-web");
    assert_eq!(matched(&policy, &web), None);
}

#[test]
fn no_probes_means_that_nothing_is_recognised() {
    let policy = policy(r#"{"probes":[]}"#);
    assert_eq!(matched(&policy, &FakeRequest::new("GET", "/health")), None);
    assert_eq!(matched(&policy, &FakeRequest::grpc("Check")), None);
}

#[test]
fn a_request_without_a_path_is_ordinary() {
    assert_eq!(matched(&policy(""), &FakeRequest(Vec::new())), None);
}

#[test]
fn a_path_of_any_bytes_is_ordinary() {
    let request =
        FakeRequest(vec![(":method", b"GET".to_vec()), (":path", b"/\xff\x00\xfe".to_vec())]);
    assert_eq!(matched(&policy(""), &request), None);
}

/// Notes which headers are asked for.
struct Spy<'a>(&'a FakeRequest, RefCell<Vec<String>>);

impl RequestHead for Spy<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.1.borrow_mut().push(name.to_owned());
        self.0.header(name)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.1.borrow_mut().push(format!("all of {name}"));
        self.0.header_values(name)
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.header("source.address").map(Cow::into_owned)
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        self.header("peer.uri_san").map(Cow::into_owned)
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.header("cluster").map(Cow::into_owned)
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        self.header("protocol").map(Cow::into_owned)
    }

    fn marks(&self) -> Option<Vec<u8>> {
        self.header("marks").map(Cow::into_owned)
    }
}

#[test]
fn an_ordinary_request_costs_one_value_and_two_headers_that_are_not_there() {
    let request = FakeRequest::new("GET", "/orders/1");
    let spy = Spy(&request, RefCell::default());
    assert!(policy("").match_request(&spy).is_none());
    assert_eq!(forged_markers(&spy).count(), 0);
    assert_eq!(spy.1.into_inner(), [":path", UPSTREAM_HEALTH_CHECK, PROBE]);
}

#[test]
fn a_marker_that_one_of_ours_has_set_stays() {
    let request = FakeRequest::new("GET", "/").with(PROBE, "up").with("marks", *b"12345678");
    assert_eq!(forged_markers(&request).count(), 0);
    let request = request.with(UPSTREAM_HEALTH_CHECK, "true");
    let spy = Spy(&request, RefCell::default());
    assert_eq!(forged_markers(&spy).count(), 0);
    assert_eq!(spy.1.into_inner(), [UPSTREAM_HEALTH_CHECK, "marks", PROBE], "asked once");
}

#[test]
fn markers_on_an_ordinary_request_are_forged() {
    let request = FakeRequest::new("GET", "/").with(PROBE, "liveness");
    assert_eq!(forged_markers(&request).collect::<Vec<_>>(), [PROBE]);
    let request = request.with(UPSTREAM_HEALTH_CHECK, "");
    assert_eq!(forged_markers(&request).collect::<Vec<_>>(), [UPSTREAM_HEALTH_CHECK, PROBE]);
}

#[test]
fn every_metric_is_found_by_its_number() {
    let policy = policy(
        r#"{"probes":[{"name":"a","match":{"path":"/a"},"breaker":{}},
                      {"name":"b","match":{"path":"/b"},"action":"cache","breaker":{}},
                      {"name":"w","match":{"grpc":{"methods":["Watch"]}}},
                      {"name":"e","match":{"path":"/e"},"action":"respond",
                       "when":[{"check":"x"},{"cluster":"a;=b"}]}],
            "admin":{"cluster":"admin"},
            "checks":[{"name":"x","http":{"cluster":"x","path":"/"}},
                      {"name":"y","http":{"cluster":"y","path":"/"}}],
            "counters":[{"name":"c","when":{},
                         "labels":{"l":{"request_header":"x-l","values":["1","2"]}}}]}"#,
    );
    let metrics = policy.metrics();
    let probe = |path| policy.match_request(&FakeRequest::new("GET", path)).unwrap().probe;
    let (a, b) = (probe("/a"), probe("/b"));
    for outcome in Outcome::ALL {
        assert_eq!(metrics[b.metric(outcome)], metrics::probe_total("b", outcome));
    }
    assert_eq!(metrics[b.duration_metric()], metrics::probe_duration_ms("b"));
    for result in CacheResult::ALL {
        assert_eq!(metrics[b.cache_metric(result)], metrics::cache_total("b", result));
    }
    for (probe, name) in [(a, "a"), (b, "b")] {
        let found = [probe.breaker_metric(), probe.breaker_opened_metric()];
        assert_eq!(found.map(|metric| metrics[metric].clone()), metrics::of_breaker(name));
    }
    for check in &policy.evidence().checks {
        let results = CheckResult::ALL.map(|result| check.result_metric(result));
        let found = [check.metric].into_iter().chain(results).map(|it| metrics[it].clone());
        assert_eq!(found.collect::<Vec<_>>(), metrics::of_check(&check.rule.name));
    }
    let evidence = policy.evidence();
    assert_eq!(metrics[evidence.admin.as_ref().unwrap().metric], metrics::admin_up());
    let found = &metrics[evidence.rules[0].metrics..][..2];
    assert_eq!(found, [metrics::evidence_up("e", "x"), metrics::evidence_up("e", "cluster:a__b")]);
    let mut names: Vec<_> = metrics.iter().map(|metric| &metric.name).collect();
    names.sort();
    names.dedup();
    let (per_probe, said) = (Outcome::ALL.len() + 1, grpc::ServingStatus::ALL.len());
    assert_eq!(
        names.len(),
        1 + 3
            + 1
            + 4
            + 2
            + 2 * (1 + CheckResult::ALL.len())
            + (1 + 2)
            + 4 * per_probe
            + 2 * 2
            + CacheResult::ALL.len()
            + said
    );
    assert_eq!(names.len(), metrics.len(), "and no two are one");
}

#[test]
fn a_prefix_takes_whole_segments() {
    let policy = policy(r#"{"probes":[{"name":"s","match":{"path_prefix":"/status/"}}]}"#);
    for path in ["/status", "/status/", "/status/db", "/status/db/x", "/status?x"] {
        assert!(matched(&policy, &FakeRequest::new("GET", path)).is_some(), "{path}");
    }
    for path in ["/statuses", "/Status", "/", "/x/status", "/status%2fdb", ""] {
        assert_eq!(matched(&policy, &FakeRequest::new("GET", path)), None, "{path}");
    }
}

#[test]
fn a_prefix_of_everything_takes_everything() {
    let policy = policy(r#"{"probes":[{"name":"s","match":{"path_prefix":"/"}}]}"#);
    assert!(matched(&policy, &FakeRequest::new("GET", "/x/y")).is_some());
}

#[test]
fn the_order_of_rules_decides_whatever_kind_they_are() {
    let rules = |first: &str, second: &str| {
        let json = format!(
            r#"{{"probes":[{{"name":"1","match":{first}}},{{"name":"2","match":{second}}}]}}"#
        );
        matched(&policy(&json), &FakeRequest::new("GET", "/a/b").with("x-p", "1"))
    };
    let (exact, prefix) = (r#"{"path":"/a/b"}"#, r#"{"path_prefix":"/a","methods":["GET"]}"#);
    let anywhere = r#"{"headers":[{"name":"x-p","present":true}]}"#;
    for (first, second) in [(exact, prefix), (prefix, exact), (anywhere, exact), (exact, anywhere)]
    {
        assert_eq!(rules(first, second).as_deref(), Some("1"), "{first} before {second}");
    }
}

#[test]
fn a_thousand_rules_are_no_more_reading_than_ten() {
    let rules: Vec<String> = (0..1_000)
        .map(|n| format!(r#"{{"name":"p{n}","match":{{"path":"/h/{n}","methods":["GET"]}}}}"#))
        .collect();
    let policy = policy(&format!(r#"{{"probes":[{}]}}"#, rules.join(",")));
    let request = FakeRequest::new("GET", "/h/999");
    let spy = Spy(&request, RefCell::default());
    assert_eq!(policy.match_request(&spy).unwrap().probe.name(), "p999");
    assert_eq!(spy.1.into_inner(), [":path", ":method"]);
}

/// Finding rules by path gives what trying them one by one would give.
#[test]
fn the_index_finds_the_first_rule_that_matches() {
    let paths = ["/a", "/a/b", "/a/b/c", "/ab", "/"];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for _ in 0..500 {
        let rules: Vec<(&str, &str, &str)> = (0..next(6) + 1)
            .map(|_| {
                (
                    ["path", "path_prefix"][next(2)],
                    paths[next(paths.len())],
                    ["GET", "PUT"][next(2)],
                )
            })
            .collect();
        let json: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(n, (key, path, method))| {
                format!(r#"{{"name":"{n}","match":{{"{key}":"{path}","methods":["{method}"]}}}}"#)
            })
            .collect();
        let json = format!(r#"{{"probes":[{}]}}"#, json.join(","));
        let Ok(policy) = Policy::from_bytes(json.as_bytes(), &Environment::default()) else {
            continue; // a rule is never reached
        };
        for path in paths {
            let holds = |(key, rule, method): &(&str, &str, &str)| {
                let below = rule.trim_end_matches('/').to_owned() + "/";
                *method == "GET"
                    && (path == *rule || *key == "path_prefix" && path.starts_with(&below))
            };
            let expected = rules.iter().position(holds).map(|n| n.to_string());
            let found = matched(&policy, &FakeRequest::new("GET", path));
            assert_eq!(found, expected, "{path} in {json}");
        }
    }
}

#[test]
fn the_summary_counts_what_is_in_force() {
    let given = r#"{"probes":[{"name":"up","match":{"path":"/up"},"action":"respond"}],
        "checks":[{"name":"a","http":{"cluster":"a","path":"/"}},
                  {"name":"b","http":{"cluster":"b","path":"/"}}]}"#;
    for (json, summary) in [
        (given, "in force: 1 probe, 2 checks, 0 counters"),
        ("{}", "in force: 7 probes (the defaults), 0 checks, 0 counters"),
        (r#"{"probes":[]}"#, "in force: 0 probes, 0 checks, 0 counters"),
        // What YAML's indentation has lost comes as nothing at all.
        (" ", "no configuration; in force: 7 probes (the defaults), 0 checks, 0 counters"),
    ] {
        assert_eq!(policy(json).summary(), summary);
    }
}

#[test]
fn rules_for_calls_without_one_for_watches_are_noted() {
    let noted = |grpc: &str| {
        let json = format!(r#"{{"probes":[{{"name":"p","match":{{"grpc":{grpc}}}}}]}}"#);
        policy(&json).notes.iter().any(|note| note.contains("no probe takes Watch"))
    };
    assert!(noted(r#"{"methods":["Check","List"]}"#));
    assert!(!noted("{}"));
    assert!(!noted(r#"{"methods":["Watch"]}"#));
    assert!(policy("").notes.is_empty());
    assert!(policy(r#"{"probes":[{"name":"p","match":{"path":"/h"}}]}"#).notes.is_empty());
}
