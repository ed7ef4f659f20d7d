//! `publish`.

use super::*;
use crate::base::environment::Variables;
use crate::publish::rule::Subject;
use std::time::Duration;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A check, two rules of which one rests on it, and `publish`.
fn with(publish: &str) -> String {
    format!(
        r#"{{"checks":[{{"name":"app","http":{{"cluster":"app","path":"/"}}}}],
            "probes":[{{"name":"live","match":{{"path":"/livez"}}}},
                      {{"name":"up","match":{{"path":"/up"}},"action":"respond"}},
                      {{"name":"ready","match":{{"path":"/readyz"}},"action":"respond",
                        "when":[{{"check":"app"}}]}}],
            "publish":{publish}}}"#
    )
}

#[test]
fn the_least_means_the_only_probe_with_evidence_once_a_second() {
    let config = parse(&with(r#"{"cluster":"hub","instance":"10.1.0.5:8080"}"#)).unwrap();
    let [rule] = config.publish.as_slice() else { panic!("{:?}", config.publish) };
    assert_eq!((&*rule.host, &*rule.path), ("hub", "/mesh/v1/health/events"));
    assert_eq!((rule.every, rule.timeout), (Duration::from_secs(1), Duration::from_secs(1)));
    assert_eq!(rule.subject, Subject::Probe("ready".to_owned()));
    assert_eq!((&rule.service, &rule.source, &rule.address), (&None, &None, &None));
}

#[test]
fn one_hub_or_a_list_of_them() {
    let list = r#"[{"cluster":"hub","instance":"a","probe":"up"},
                   {"cluster":"west","instance":"b","when":[{"check":"app"}]}]"#;
    let config = parse(&with(list)).unwrap();
    assert_eq!(config.publish[0].subject, Subject::Probe("up".to_owned()));
    assert!(
        matches!(&config.publish[1].subject, Subject::When { conditions, .. } if conditions.len() == 1)
    );
    assert_eq!(
        mistakes(&with("[]")),
        ["publish: is empty; name at least one, or leave the key out"]
    );
    assert_eq!(mistakes(&with("7")), ["publish: is a number; write an object"]);
}

#[test]
fn every_mistake_has_its_place_and_mend() {
    let publish = r#"[{"instance":"a b","probe":"live","authority":"x","every":"10ms"},
                      {"cluster":"hub","instance":"a","probe":"up","when":[{"check":"no"}]}]"#;
    assert_eq!(
        mistakes(&with(publish)),
        [
            r#"publish[0].authority: unknown key; here it is called "host""#,
            r#"publish[0]: has no "cluster"; add "cluster": "hub", the name of an Envoy cluster"#,
            r#"publish[0].instance: "a b" is not what a hub calls anything; write 1 to 128 letters, digits or "._:/@-[]", such as "${INSTANCE_IP}:8080""#,
            r#"publish[0]: names no probe with "action": "respond": of others nothing is known until somebody probes; name one, or write "when" in its place"#,
            r#"publish[0].every: "10ms" is too short; write "100ms" or more"#,
            r#"publish[1].probe: can't stand beside "when"; keep one of them"#,
            r#"publish[1].when[0]: no check is called "no"; there are: app"#,
        ]
    );
    for (publish, problem) in [
        (r#"{"cluster":"hub","instance":"a","probe":"live"}"#, "names no probe with"),
        (r#"{"cluster":"hub","instance":"a","probe":"none"}"#, "names no probe with"),
    ] {
        assert!(mistakes(&with(publish))[0].contains(problem), "{publish}");
    }
    let nothing = mistakes(r#"{"publish":{"cluster":"hub","instance":"a"}}"#);
    assert!(nothing[0].starts_with("publish: has nothing to say; add"), "{nothing:?}");
}

const SET: Variables = Variables(|name| match name {
    "INSTANCE_IP" => Some("10.1.0.5".to_owned()),
    "ODD" => Some("10.1\n\u{fffd}\"".to_owned()),
    _ => None,
});

#[test]
fn a_variable_of_the_environment_stands_for_its_value() {
    let text = with(r#"{"cluster":"hub","instance":"${INSTANCE_IP}:8080"}"#);
    let config = Config::parse_with(text.as_bytes(), SET).unwrap();
    assert_eq!(config.publish[0].instance, "10.1.0.5:8080");
}

#[test]
fn a_variable_that_isnt_set_or_that_is_odd_is_named_at_load() {
    for (instance, problem) in [
        (
            "${POD_IP}:8080",
            r#"publish.instance: "${POD_IP}:8080" needs POD_IP, which isn't set for the VM; add it to vmConfig.env (Istio) or environment_variables (Envoy)"#,
        ),
        ("${ODD}", r#"publish.instance: "${ODD}" is not what a hub calls anything"#),
        ("$POD_IP", r#"publish.instance: "$POD_IP" has a "$" that names no variable"#),
    ] {
        let text = with(&format!(r#"{{"cluster":"hub","instance":"{instance}"}}"#));
        let errors = Config::parse_with(text.as_bytes(), SET).unwrap_err();
        let told = errors.0[0].to_string();
        assert!(errors.0.len() == 1 && told.starts_with(problem), "{told}");
    }
}
