//! The rules of `match`.

use super::{mistakes, parse};
use crate::matching::rule::{Match, ServicePattern};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn grpc_and_path_are_two_probes() {
    let json = r#"{"probes":[{"name":"p","match":{"grpc":{},"path":"/h"}}]}"#;
    assert!(mistakes(json)[0].starts_with("probes[0].match.path: can't stand beside \"grpc\""));
}

#[test]
fn a_header_matcher_has_one_condition() {
    let counter = |header: &str| {
        mistakes(&format!(
            r#"{{"counters":[{{"name":"c","when":{{"request":{{"headers":[{header}]}}}}}}]}}"#
        ))
    };
    assert!(counter(r#"{"name":"x-a"}"#)[0].contains("has no condition"));
    assert!(
        counter(r#"{"name":"x-a","exact":"1","prefix":"2"}"#)[0].contains("has exact and prefix")
    );
    assert!(counter(r#"{"name":"x a","present":true}"#)[0].contains("is not a header name"));
    assert!(counter(r#"{"name":"x-a","contains":""}"#)[0].contains("would match anything"));
    assert!(counter(r#"{"name":"x-a","present":"yes"}"#)[0].contains("write true or false"));
}

#[test]
fn a_rule_that_is_never_reached_is_refused() {
    let shadowed = |first: &str, second: &str| {
        let json = format!(
            r#"{{"probes":[{{"name":"a","match":{first}}},{{"name":"b","match":{second}}}]}}"#
        );
        parse(&json).is_err()
    };
    let ua = r#""headers":[{"name":"user-agent","present":true}]"#;
    for (first, second) in [
        (r#"{"path":"/a"}"#, r#"{"path":"/a"}"#),
        (r#"{"path":"/a"}"#, r#"{"path":"/a","methods":["GET"]}"#),
        (r#"{"path_prefix":"/a"}"#, r#"{"path":"/a/b"}"#),
        (r#"{"path_prefix":"/"}"#, r#"{"path_prefix":"/a"}"#),
        (r#"{"grpc":{}}"#, r#"{"grpc":{"methods":["Watch"]}}"#),
        (&format!("{{{ua}}}"), &format!(r#"{{"path":"/a",{ua}}}"#)),
    ] {
        assert!(shadowed(first, second), "{first} before {second}");
    }
    for (first, second) in [
        (r#"{"path":"/a","methods":["GET"]}"#, r#"{"path":"/a"}"#),
        (r#"{"path":"/a/b"}"#, r#"{"path_prefix":"/a"}"#),
        (r#"{"path_prefix":"/a"}"#, r#"{"path":"/ab"}"#),
        (r#"{"grpc":{"methods":["Watch"]}}"#, r#"{"grpc":{}}"#),
        (&format!(r#"{{"path":"/a",{ua}}}"#), r#"{"path":"/a"}"#),
    ] {
        assert!(!shadowed(first, second), "{first} before {second}");
    }
}

#[test]
fn services_are_names_prefixes_or_all() {
    let probe = |grpc: &str| format!(r#"{{"probes":[{{"name":"p","match":{{"grpc":{grpc}}}}}]}}"#);
    let services = |grpc: &str| {
        let config = parse(&probe(grpc)).unwrap();
        match &config.probes[0].matcher {
            Match::Grpc(matcher) => matcher.services.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(services("{}"), [ServicePattern::Any]);
    assert_eq!(
        services(r#"{"services":["","orders","shop.*"]}"#),
        [
            ServicePattern::Exact(String::new()),
            ServicePattern::Exact("orders".into()),
            ServicePattern::Prefix("shop.".into())
        ]
    );
    assert_eq!(
        mistakes(&probe(r#"{"services":["a*b","*.a"]}"#)),
        [
            r#"probes[0].match.grpc.services[0]: "a*b" is not a service; write a name, "orders.*" or "*""#,
            r#"probes[0].match.grpc.services[1]: "*.a" is not a service; write a name, "orders.*" or "*""#,
        ]
    );
}

#[test]
fn a_grpc_rule_is_shadowed_by_methods_and_services() {
    let two = |earlier: &str, later: &str| {
        parse(&format!(
            r#"{{"probes":[{{"name":"a","match":{{"grpc":{{"services":{earlier}}}}}}},
                          {{"name":"b","match":{{"grpc":{{"services":{later}}}}}}}]}}"#
        ))
        .is_ok()
    };
    assert!(two(r#"["a"]"#, r#"["*"]"#));
    assert!(two(r#"["a.b"]"#, r#"["a.*"]"#));
    assert!(two(r#"["a.*"]"#, r#"["a"]"#));
    assert!(!two(r#"["*"]"#, r#"["a"]"#));
    assert!(!two(r#"["a.*","b"]"#, r#"["a.b.*","b"]"#));
}
