//! What is a probe, and what isn't.

use super::*;
use crate::base::environment::Environment;
use crate::base::outcome::Outcome;
use crate::facts::check::CheckResult;
use crate::grpc::ServingStatus;
use crate::guards::cache::CacheResult;
use crate::http::fake::FakeRequest;
use std::borrow::Cow;
use std::cell::RefCell;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod series;

impl Policy {
    /// The series of a measurement, and what that takes.
    pub(crate) fn series_of(&self, measurement: Measurement) -> (String, u64) {
        let (Measurement::Add(_, value)
        | Measurement::Set(_, value)
        | Measurement::Observe(_, value)) = measurement;
        (self.metrics[measurement.metric()].name.clone(), value)
    }
}

fn policy(json: &str) -> Policy {
    Policy::from_bytes(json.as_bytes(), &Environment::default()).unwrap()
}

/// The name of the rule that a request matches.
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
fn no_probes_means_that_nothing_matches() {
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
fn every_handle_is_of_the_series_with_its_name() {
    let policy = policy(
        r#"{"probes":[{"name":"a","match":{"path":"/a"}},
                      {"name":"b","match":{"path":"/b"},"action":"cache","breaker":{}},
                      {"name":"w","match":{"grpc":{"methods":["Watch"]}}},
                      {"name":"e","match":{"path":"/e"},"action":"respond",
                       "when":[{"check":"x"},{"cluster":"a;=b"}]}],
            "admin":{"cluster":"admin"},
            "checks":[{"name":"x","http":{"cluster":"x","path":"/"}},
                      {"name":"y","http":{"cluster":"y","path":"/"}}]}"#,
    );
    let raises = |counter, name: &str| {
        assert_eq!(policy.series_of(Measurement::Add(counter, 3)), (name.to_owned(), 3));
    };
    let sets = |gauge, name: &str| {
        assert_eq!(policy.series_of(Measurement::Set(gauge, 3)), (name.to_owned(), 3));
    };
    let matched = |request: &FakeRequest| policy.match_request(request).unwrap();
    let b = &matched(&FakeRequest::new("GET", "/b")).probe.metrics;
    for outcome in Outcome::ALL {
        let name = format!("probe=.=b;.;outcome=.={};.;heartbeat_probe_total", outcome.word());
        raises(b.outcomes.of(outcome), &name);
    }
    let took = policy.series_of(Measurement::Observe(b.duration, 3));
    assert_eq!(took, ("probe=.=b;.;heartbeat_probe_duration_ms".to_owned(), 3));
    for result in CacheResult::ALL {
        let name = format!("probe=.=b;.;result=.={};.;heartbeat_cache_total", result.word());
        raises(b.cache.unwrap().of(result), &name);
    }
    sets(b.breaker.unwrap().state, "probe=.=b;.;heartbeat_breaker_state");
    raises(b.breaker.unwrap().opened, "probe=.=b;.;heartbeat_breaker_opened_total");
    let a = matched(&FakeRequest::new("GET", "/a")).probe;
    assert!(a.metrics.cache.is_none() && a.metrics.breaker.is_none() && a.metrics.watch.is_none());
    let watch = matched(&FakeRequest::grpc("Watch")).call.unwrap().rules[0].probe.metrics.watch;
    for said in ServingStatus::ALL {
        let label = said.label();
        let name = format!("probe=.=w;.;status=.={label};.;heartbeat_watch_message_total");
        raises(watch.unwrap().of(said), &name);
    }
    let evidence = policy.evidence();
    for check in &evidence.checks {
        let name = &check.rule.name;
        sets(check.metrics.up, &format!("component=.={name};.;app_health_status"));
        for result in CheckResult::ALL {
            let result_name = result.word();
            raises(
                check.metrics.results.of(result),
                &format!("component=.={name};.;result=.={result_name};.;heartbeat_check_total"),
            );
        }
    }
    sets(evidence.admin.as_ref().unwrap().up, "heartbeat_admin_up");
    let [x, cluster] = evidence.rules[0].up[..] else { panic!("an item, a gauge") };
    sets(x, "probe=.=e;.;evidence=.=x;.;heartbeat_evidence_up");
    sets(cluster, "probe=.=e;.;evidence=.=cluster:a__b;.;heartbeat_evidence_up");
    let loaded = policy.loaded().map(|it| policy.series_of(it).0);
    assert!(loaded[0].ends_with(";.;heartbeat_build_info"), "{loaded:?}");
    assert_eq!(loaded[1], "result=.=accepted;.;heartbeat_config_loads_total");
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
