//! `score`, and the conditions that rest on it.

use super::*;
use crate::evidence::condition::{Basis, Severity};
use crate::probe::Action;
use crate::score::{ProtocolRule, Weight};
use std::time::Duration;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_empty_score_has_the_default_weights() {
    let rule = parse(r#"{"score":{}}"#).unwrap().score.unwrap();
    assert_eq!(rule.weights.map(Weight::value), [0.4, 0.35, 0.25]);
    assert_eq!((rule.window, rule.min_volume), (Duration::from_secs(60), 20));
    assert_eq!(rule.protocol, ProtocolRule::default());
    assert_eq!(parse("{}").unwrap().score, None, "nobody keeps one unasked");
}

#[test]
fn mistakes_in_score_are_named_with_their_mend() {
    assert_eq!(
        mistakes(
            r#"{"score":{"weights":{"topology":0.4,"stability":-1,"latency":2},"window":"1d",
                "min_volume":0,"clusters":[""],
                "protocol":{"tls":"1.4","mtls":"yes","alpn":["http2"],"handshakes":"none"}}}"#
        ),
        [
            "score.weights.latency: unknown key; known here: topology, stability, protocol",
            "score.weights.stability: -1 is out of range; write a number from 0 to 1000",
            r#"score.weights: has no "protocol"; add "protocol": 0.25, or 0 to leave it out of the score"#,
            r#"score.window: "1d" is not a duration; write it like "250ms", "3s" or "1m""#,
            "score.min_volume: 0 is out of range; write a whole number from 1 to 1000000000",
            r#"score.clusters[0]: "" is not the name of a cluster; write it like "db""#,
            r#"score.protocol.tls: "1.4" isn't known; write "1.0" or "1.1" or "1.2" or "1.3""#,
            "score.protocol.mtls: is a string; write true or false",
            r#"score.protocol.alpn[0]: "http2" isn't known; write "http/1.1", "h2" or "h3""#,
            r#"score.protocol.handshakes: "none" isn't known; write "both" or "upstream""#,
        ]
    );
    assert_eq!(
        mistakes(r#"{"score":{"weights":{"topology":0,"stability":0.0,"protocol":0}}}"#),
        ["score.weights: leaves nothing to score; give one axis a weight above 0"]
    );
    assert_eq!(
        mistakes(r#"{"score":{"weights":{"topology":-1,"stability":0,"protocol":0}}}"#),
        ["score.weights.topology: -1 is out of range; write a number from 0 to 1000"]
    );
}

fn with_condition(condition: &str, score: &str) -> String {
    format!(
        r#"{{{score}"probes":[{{"name":"p","match":{{"path":"/p"}},"action":"respond",
                               "when":[{condition}]}}]}}"#
    )
}

#[test]
fn a_condition_on_the_score_may_say_its_severity_inside_or_outside() {
    for condition in
        [r#"{"score":{"min":600,"severity":"warn"}}"#, r#"{"score":{"min":600},"severity":"warn"}"#]
    {
        let json = with_condition(condition, r#""score":{},"#);
        let config = parse(&json).unwrap();
        let Action::Respond(rule) = &config.probes[0].action else { panic!() };
        assert_eq!(rule.when[0].basis, Basis::Score(600));
        assert_eq!(rule.when[0].severity, Severity::Warn);
    }
}

#[test]
fn mistakes_in_a_condition_on_the_score_are_named_with_their_mend() {
    for (condition, score, mistake) in [
        (
            r#"{"score":{"min":600}}"#,
            "",
            r#"probes[0].when[0]: needs the score; add "score": {} to the configuration"#,
        ),
        (
            r#"{"score":{"min":1001}}"#,
            r#""score":{},"#,
            "probes[0].when[0].score.min: 1001 is out of range; write a whole number from 0 to 1000",
        ),
        (
            r#"{"score":{}}"#,
            r#""score":{},"#,
            r#"probes[0].when[0].score: has no "min"; add "min": 600"#,
        ),
        (
            r#"{"score":{"min":6,"severity":"warn","most":9}}"#,
            r#""score":{},"#,
            "probes[0].when[0].score.most: unknown key; known here: min, severity",
        ),
        (
            r#"{"score":{"min":6,"severity":"warn"},"severity":"fail"}"#,
            r#""score":{},"#,
            r#"probes[0].when[0].score.severity: stands outside of "score" too; keep one"#,
        ),
    ] {
        assert_eq!(mistakes(&with_condition(condition, score)), [mistake]);
    }
}
