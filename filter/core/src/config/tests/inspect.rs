//! The rules of `"action": "inspect"`.

use super::{parse, probe_mistakes};
use crate::probe::Action;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// With one page, which has a name and `more`.
fn page(more: &str) -> String {
    format!(r#"{{"probes":[{{"name":"p","action":"inspect",{more}}}]}}"#)
}

const ALLOW: &str = r#""allow":{"cidrs":["127.0.0.1"]}"#;

fn mistakes(more: &str) -> Vec<String> {
    super::mistakes(&page(more))
}

#[test]
fn a_page_is_for_those_who_are_named() {
    assert_eq!(
        probe_mistakes(r#""action":"inspect""#),
        [
            r#"probes[0]: shows everyone what the proxy knows; add "allow": { "cidrs": ["127.0.0.1"] }, or name principals"#
        ]
    );
    assert!(probe_mistakes(r#""action":"inspect","allow":{}"#)[0].contains("names nobody"));
    let config = parse(&page(&format!(r#""match":{{"path":"/i"}},{ALLOW}"#))).unwrap();
    assert_eq!(config.probes[0].action, Action::Inspect);
}

#[test]
fn a_page_is_for_methods_that_only_read() {
    let with = |methods: &str| format!(r#""match":{{"path":"/i","methods":[{methods}]}},{ALLOW}"#);
    for fine in [r#""GET""#, r#""HEAD""#, r#""POST","GET""#] {
        assert!(parse(&page(&with(fine))).is_ok(), "{fine}");
    }
    assert_eq!(
        mistakes(&with(r#""POST","PUT""#)),
        [r#"probes[0].match.methods: gets no page: it is for "GET" and "HEAD"; add one of them"#]
    );
}

#[test]
fn a_call_of_grpc_gets_no_page() {
    assert_eq!(
        mistakes(&format!(r#""match":{{"grpc":{{}}}},{ALLOW}"#)),
        [r#"probes[0].match: takes calls of gRPC, which get no page; match a "path""#]
    );
}

#[test]
fn what_is_about_answers_and_applications_has_no_effect_on_a_page() {
    for more in [
        r#""timeout":"1s""#,
        r#""connection":"close""#,
        r#""retries":1"#,
        r#""when":[]"#,
        r#""format":"text""#,
        r#""details":"always""#,
        r#""cache":{}"#,
        r#""breaker":{}"#,
        r#""via_http":"/h""#,
    ] {
        let found = mistakes(&format!(r#""match":{{"path":"/i"}},{ALLOW},{more}"#));
        assert!(
            found[0].ends_with("has no effect on a page of what the proxy knows; leave it out"),
            "{found:?}"
        );
    }
    let limited = page(&format!(r#""match":{{"path":"/i"}},{ALLOW},"limit":{{"rate":"1/s"}}"#));
    assert!(parse(&limited).is_ok());
}
