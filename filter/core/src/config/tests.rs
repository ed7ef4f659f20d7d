//! The rules of the configuration language.

use super::*;
use crate::config::Config;
use crate::matching::status::StatusPattern;
use crate::probe::Action;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod defaults;
mod evidence;
mod guards;
mod inspect;
mod matching;
mod publish;
#[cfg(not(target_family = "wasm"))]
mod reference;
#[cfg(not(target_family = "wasm"))]
mod schema;
mod score;

/// Reads a configuration; the schema must say what the reader says.
pub(super) fn parse(json: &str) -> Result<Config, ConfigErrors> {
    let config = Config::parse(json.as_bytes());
    #[cfg(not(target_family = "wasm"))]
    schema::SCHEMA.hold(json, config.as_ref().err());
    config
}

/// The mistakes of a configuration, as they are logged.
fn mistakes(json: &str) -> Vec<String> {
    match parse(json) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    }
}

/// The mistakes of a configuration with one probe, which has a name and a path
/// and what `more` gives it.
fn probe_mistakes(more: &str) -> Vec<String> {
    mistakes(&format!(r#"{{"probes":[{{"name":"p","match":{{"path":"/h"}},{more}}}]}}"#))
}

#[test]
fn no_configuration_means_the_default_probes() {
    let nothing = Config::parse(b"").unwrap();
    let names: Vec<&str> = nothing.probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(names, ["health", "healthz", "livez", "readyz", "v1_health", "grpc", "grpc_watch"]);
    assert_eq!(nothing, parse("{}").unwrap());
    assert_eq!(nothing, Config::parse(b" \n ").unwrap());
}

#[test]
fn default_probes_are_forwarded_with_three_seconds_and_watch_with_none() {
    for probe in Config::parse(b"").unwrap().probes {
        let expected = (probe.name != "grpc_watch").then_some(std::time::Duration::from_secs(3));
        assert_eq!(probe.timeout, expected, "{}", probe.name);
        assert_eq!(probe.action, Action::Forward);
        assert_eq!(probe.retries, 0);
    }
}

#[test]
fn an_empty_list_of_probes_means_none() {
    assert_eq!(parse(r#"{"probes":[]}"#).unwrap().probes, []);
}

#[test]
fn counters_alone_leave_the_default_probes() {
    let config =
        parse(r#"{"counters":[{"name":"ok","when":{"response":{"status":["2xx","304"]}}}]}"#);
    let config = config.unwrap();
    assert_eq!(config.probes.len(), 7);
    assert_eq!(config.counters[0].when.status, [StatusPattern::Class(2), StatusPattern::Code(304)]);
}

#[test]
fn every_mistake_is_reported_at_once_with_place_and_mend() {
    let json = r#"{
        "probes": [
          { "name": "a", "match": { "path": "/a" } },
          { "name": "b", "match": { "path": "b", "methods": ["get"] }, "timeout": "3 sec" },
          { "nmae": "c", "match": { "path": "/c?x=1" }, "retries": -1 }
        ],
        "counters": [ { "name": "heartbeat_x", "when": { "response": { "status": ["20"] } } } ],
        "colour": "red"
    }"#;
    assert_eq!(
        mistakes(json),
        [
            "colour: unknown key; known here: probes, checks, admin, score, grpc_replies, counters, publish",
            r#"probes[1].match.path: "b" is not a path; write "/b""#,
            r#"probes[1].match.methods[0]: "get" is not a method; write "GET""#,
            r#"probes[1].timeout: "3 sec" is not a duration; write "3s""#,
            r#"probes[2].nmae: unknown key; did you mean "name"?"#,
            r#"probes[2]: has no "name"; add "name": "liveness""#,
            r#"probes[2].match.path: "/c?x=1" would never match: paths are compared without the query; write "/c""#,
            "probes[2].retries: -1 is out of range; write a whole number from 0 to 10",
            r#"counters[0].name: "heartbeat_x" is reserved: heartbeat_* are the filter's own metrics; choose another name"#,
            r#"counters[0].when.response.status[0]: "20" is not a status; write it like "200" or "2xx""#,
        ]
    );
}

#[test]
fn every_mistake_in_a_list_is_reported() {
    assert_eq!(
        mistakes(r#"{"probes":[{"name":"p","match":{"path":"/h","methods":["get","put"]}}]}"#)
            .len(),
        2
    );
    let counter = r#"{"counters":[{"name":"c","when":{"response":{"status":["2","x"]}}}]}"#;
    assert_eq!(mistakes(counter).len(), 2);
}

#[test]
fn what_is_not_json_is_named_by_line_and_column() {
    let mistakes = mistakes("{\n  \"probes\": [,]\n}");
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].starts_with("configuration: isn't JSON: "), "{mistakes:?}");
    assert!(mistakes[0].contains("line 2 column 14"), "{mistakes:?}");
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    assert!(Config::parse(b"\xff\xfe").is_err());
    assert!(Config::parse(b"{\"probes\": \"\xff\"}").is_err());
}

#[test]
fn nesting_without_end_is_refused() {
    assert!(Config::parse("[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn a_key_that_stands_twice_is_a_mistake() {
    assert_eq!(
        probe_mistakes(r#""timeout":"1s","timeout":"2s""#),
        ["probes[0].timeout: stands here twice; keep one"]
    );
}

#[test]
fn a_wrong_type_is_named() {
    for (json, mistake) in [
        ("[]", "configuration: is a list; write an object"),
        (r#"{"probes":{}}"#, "probes: is an object; write a list"),
        (r#"{"probes":[null]}"#, "probes[0]: is null; write an object"),
    ] {
        assert_eq!(mistakes(json), [mistake]);
    }
    assert_eq!(
        probe_mistakes(r#""timeout":3"#),
        [r#"probes[0].timeout: 3 is not a duration; write "3s""#]
    );
    assert_eq!(probe_mistakes(r#""retries":1.5"#).len(), 1);
    assert_eq!(probe_mistakes(r#""retries":1e400"#).len(), 1);
}

#[test]
fn a_number_without_its_unit_is_given_one() {
    let check = |more: &str| {
        mistakes(&format!(
            r#"{{"checks":[{{"name":"c","http":{{"cluster":"c","path":"/"}},{more}}}]}}"#
        ))
    };
    assert_eq!(
        check(r#""interval":2"#),
        [r#"checks[0].interval: 2 is not a duration; write "2s""#]
    );
    assert_eq!(
        probe_mistakes(r#""limit":{"rate":50}"#),
        [r#"probes[0].limit.rate: 50 is not a rate; write "50/s""#]
    );
    assert_eq!(
        probe_mistakes(
            r#""action":"respond","when":[{"traffic":{"max_error_rate":20}}],"details":true"#
        ),
        [
            r#"probes[0].when[0].traffic.max_error_rate: 20 is not a share; write "20%""#,
            r#"probes[0].details: is a boolean; write "never" or "allowed" or "always""#,
        ]
    );
    // What a string may hold all the same stays one.
    assert_eq!(
        mistakes(r#"{"probes":[{"name":7,"match":{"path":"/h"}}]}"#),
        ["probes[0].name: is a number; write a string"]
    );
}

#[test]
fn two_probes_or_two_counters_cant_share_a_name() {
    let twice = |list: &str, item: &str| mistakes(&format!(r#"{{"{list}":[{item},{item}]}}"#));
    assert!(
        twice("probes", r#"{"name":"p","match":{"path":"/h"}}"#)[0]
            .starts_with("probes[1]: the name \"p\" is taken")
    );
    assert!(
        twice("counters", r#"{"name":"c","when":{}}"#)[0]
            .starts_with("counters[1]: the name \"c\" is taken")
    );
    let beside_others = twice("probes", r#"{"name":"p","match":{"path":"/h"},"timeout":"3"}"#);
    assert!(beside_others[2].starts_with("probes[1]: the name \"p\" is taken"));
}

#[test]
fn a_timeout_of_zero_is_refused_because_envoy_reads_it_as_none() {
    assert!(probe_mistakes(r#""timeout":"0s""#)[0].ends_with(r#"write "none" for no limit"#));
}

#[test]
fn a_key_without_effect_is_refused() {
    assert!(
        probe_mistakes(r#""action":"respond","timeout":"1s""#)[0]
            .starts_with("probes[0].timeout: has no effect")
    );
    assert!(probe_mistakes(r#""format":"json""#)[0].starts_with("probes[0].format: has no effect"));
    let grpc = |more: &str| {
        mistakes(&format!(r#"{{"probes":[{{"name":"p","match":{{"grpc":{{}}}},{more}}}]}}"#))
    };
    assert!(grpc(r#""connection":"keep""#)[0].starts_with("probes[0].connection: has no effect"));
}

#[test]
fn a_call_that_the_proxy_answers_has_no_use_for_what_forwards() {
    let call =
        |more: &str| format!(r#"{{"probes":[{{"name":"p","match":{{"grpc":{{}}}},{more}}}]}}"#);
    assert_eq!(
        mistakes(&call(r#""action":"respond","timeout":"1s","format":"json","via_http":"/h""#)),
        ["timeout", "format", "via_http"].map(|key| format!(
            "probes[0].{key}: has no effect on a call that the proxy answers; leave it out"
        ))
    );
    assert_eq!(
        mistakes(&call(r#""action":"cache","when":[]"#)),
        ["probes[0].when: has no effect on a cached call; leave it out"]
    );
    assert_eq!(
        probe_mistakes(r#""via_http":"/healthz""#),
        ["probes[0].via_http: has no effect on a forwarded probe; leave it out"]
    );
    assert_eq!(
        mistakes(r#"{"grpc_replies":{"path":"replies"}}"#),
        [r#"grpc_replies.path: "replies" is not a path; write "/replies""#]
    );
}

#[test]
fn a_name_must_be_safe_in_a_header_and_in_a_stat() {
    for name in ["", "a b", "a.b", "a;b", "ü", &"x".repeat(65)] {
        let json = format!(r#"{{"probes":[{{"name":"{name}","match":{{"path":"/h"}}}}]}}"#);
        assert!(mistakes(&json)[0].contains("is not a probe name"), "{name}");
        let json =
            format!(r#"{{"checks":[{{"name":"{name}","http":{{"cluster":"c","path":"/"}}}}]}}"#);
        assert!(mistakes(&json)[0].contains("is not a check name"), "{name}");
    }
}

#[test]
fn a_condition_that_is_given_is_not_empty() {
    let counter =
        |when: &str| mistakes(&format!(r#"{{"counters":[{{"name":"c","when":{when}}}]}}"#));
    assert!(counter(r#"{"response":{"status":[]}}"#)[0].contains("is empty"));
    assert_eq!(
        counter(r#"{"request":{},"response":{}}"#),
        [
            "counters[0].when.request: has no condition; add one of path, path_prefix, methods, headers, or leave the key out",
            "counters[0].when.response: has no condition; add one of status, headers, grpc_status, or leave the key out",
        ]
    );
}
