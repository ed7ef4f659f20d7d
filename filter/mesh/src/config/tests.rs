//! The rules of the configuration of the hub.

use super::*;
use crate::asking::{GrpcAsk, HttpAsk, HubAsk};
use crate::source::{Manner, Silence};
use crate::webhook::{Format, Secret};
use heartbeat_common::base::environment::Variables;
use heartbeat_common::base::time::Nanos;
use heartbeat_common::http::fake::FakeRequest;
use serde_json::Map;

mod defaults;
mod refused;
#[cfg(not(target_family = "wasm"))]
mod schema;

const SECOND: Nanos = 1_000_000_000;

/// What configurations here may refer to.
const VARIABLES: Variables = Variables(|name| (name == "HOOK_KEY").then(|| "a-key".to_owned()));

/// Reads a configuration; the schema must say what the reader says.
fn parse(json: &str) -> Result<HubConfig, ConfigErrors> {
    let config = HubConfig::from_bytes(json.as_bytes(), VARIABLES);
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

const SERVICES: &str = r#"[{"name":"s","members":[{"id":"10.1.0.5:80"}]}]"#;
const SOURCES: &str = r#"[{"name":"a","allow":{"cidrs":["10.0.0.0/8"]},"stale":"5s"}]"#;

/// A configuration with these services.
fn with_services(services: &str) -> String {
    format!(r#"{{"services":{services},"sources":{SOURCES}}}"#)
}

/// A configuration with one service, which has a name, a member and what `more` gives it.
fn with_service(more: &str) -> String {
    with_services(&format!(r#"[{{"name":"s","members":[{{"id":"10.1.0.5:80"}}]{more}}}]"#))
}

/// A configuration with one member, which has what `member` says.
fn with_member(member: &str) -> String {
    with_services(&format!(r#"[{{"name":"s","members":[{member}]}}]"#))
}

/// A configuration with these sources.
fn with_sources(sources: &str) -> String {
    format!(r#"{{"services":{SERVICES},"sources":{sources}}}"#)
}

/// A configuration with one source that is called `a` and is as `more` says.
fn with_source(more: &str) -> String {
    with_sources(&format!(r#"[{{"name":"a",{more}}}]"#))
}

/// A configuration with more keys at the root.
fn with(more: &str) -> String {
    format!(r#"{{"services":{SERVICES},"sources":{SOURCES},{more}}}"#)
}

#[test]
fn the_example_of_the_whole_is_understood() {
    let config = parse(
        r#"{ "services": [ { "name": "payments",
              "members": [ { "id": "10.1.0.5:8080", "locality": { "region": "eu", "zone": "a" }, "priority": 1, "weight": 2,
                             "metadata": { "envoy.transport_socket_match": { "mesh": "east", "n": [1, null, { "a": true }] } } },
                           { "id": "pod-7", "address": "[fd00::7]:81" } ],
              "learn": [ { "addresses": ["10.0.0.0/8"], "forget": "5m", "max": 2000, "metadata": {} } ], "forget": "20m",
              "quorum": "66.6%", "witness": 0.4, "on_witness": "ignore", "weigh_by_trust": true } ],
          "sources": [ { "name": "istio", "allow": { "principals": ["spiffe://east/*"] }, "trust": 0.9, "stale": "5s" },
              { "name": "edge", "allow": { "cidrs": ["10.9.0.0/16"] }, "trust": 0.6, "beat": "1s", "silence": "down", "service": "payments" },
              { "name": "poll", "http": { "cluster": "payments_health", "path": "/healthz/ready" }, "service": "payments", "instance": "10.1.0.5:8080", "interval": "2s", "timeout": "500ms", "fall": 3 },
              { "name": "linkerd", "grpc": { "cluster": "linkerd", "watch": true }, "service": "payments", "instance": "10.2.0.7:8080" },
              { "name": "west", "hub": { "cluster": "hub-west" } } ],
          "recover": { "after": "2s", "at_most": "30s" },
          "readers": { "principals": ["spiffe://east/*"] }, "hold": "20s", "publish_every": "10ms",
          "limits": { "instances": 100, "batch": 50, "body": "64KiB", "rate": "10/s", "waiters": 7 } }"#,
    )
    .unwrap();
    let service = &config.services[0];
    assert_eq!((service.name.as_str(), service.forget), ("payments", 1_200 * SECOND));
    let first = &service.members[0].endpoint;
    assert_eq!(first.address, "10.1.0.5:8080".parse().unwrap());
    assert_eq!(first.locality, ["eu", "a", ""]);
    assert_eq!((first.priority, first.weight), (1, 2));
    let metadata = serde_json::json!({
        "envoy.transport_socket_match": { "mesh": "east", "n": [1, null, { "a": true }] },
    });
    assert_eq!(serde_json::Value::Object(Map::clone(&first.metadata)), metadata);
    assert_eq!(service.members[1].id, "pod-7");
    assert_eq!(service.members[1].endpoint.address, "[fd00::7]:81".parse().unwrap());
    assert_eq!((service.learn[0].forget, service.learn[0].most), (300 * SECOND, 2_000));
    assert_eq!(
        (service.fusion.quorum, service.fusion.witness, service.fusion.suspects),
        (666, 400, false)
    );
    assert!(service.weigh_by_trust);
    let manners: Vec<Manner> = config.sources.iter().map(|source| source.rule.manner).collect();
    assert_eq!(
        manners,
        [
            Manner::Posts { stale: 5 * SECOND, beat: None },
            Manner::Posts { stale: 3 * SECOND, beat: Some(SECOND) },
            Manner::IsAsked { interval: 2 * SECOND, stale: 6 * SECOND, fall: 3 },
            Manner::Streams,
            Manner::Follows,
        ]
    );
    assert_eq!(config.sources[1].rule.silence, Silence::Down);
    assert_eq!(config.sources[1].service, Some(ServiceId(0)));
    assert_eq!(config.sources[2].instance.as_deref(), Some("10.1.0.5:8080"));
    let (second, half) = (Duration::from_secs(1), Duration::from_millis(500));
    let http = HttpAsk {
        cluster: "payments_health".into(),
        path: "/healthz/ready".into(),
        host: "localhost".into(),
        interval: 2 * second,
        timeout: half,
    };
    assert_eq!(config.sources[2].asks, Some(Asks::Http(http)));
    let grpc = GrpcAsk {
        cluster: "linkerd".into(),
        service: String::new(),
        authority: "linkerd".into(),
        watch: true,
        interval: second,
        timeout: second,
        fall: 2,
    };
    assert_eq!(config.sources[3].asks, Some(Asks::Grpc(grpc)));
    let (cluster, host) = ("hub-west".into(), "hub-west".into());
    let hub = HubAsk { cluster, host, wait: 25 * second, timeout: 2 * second };
    assert_eq!(config.sources[4].asks, Some(Asks::Hub(hub)));
    assert_eq!(config.recover, RecoveryRule { after: 2 * SECOND, at_most: 30 * SECOND });
    assert_eq!(config.readers.principals.len(), 1);
    assert_eq!((config.hold, config.publish_every), (20 * second, second / 100));
    let rate = Rate { count: 10, per: second };
    let limits = Limits { instances: 100, batch: 50, body: 65_536, rate, waiters: 7 };
    assert_eq!(config.limits, limits);
}

#[test]
fn a_webhook_takes_its_secrets_from_the_environment() {
    let config = parse(&with(
        r#""webhooks":[{"name":"pager","cluster":"my_pager","path":"/hook/${HOOK_KEY}",
            "services":["s"],"verdicts":["dead","alive"],"format":"pulsar",
            "headers":{"Authorization":"Bearer ${HOOK_KEY}"},"sign_with":"HOOK_KEY",
            "timeout":"3s","retries":3,"backoff":"1s","queue":50}]"#,
    ));
    let secret = |text: &str| Secret(text.into());
    let expected = WebhookRule {
        name: "pager".into(),
        cluster: "my_pager".into(),
        host: "localhost".into(),
        path: secret("/hook/a-key"),
        services: vec!["s".into()],
        verdicts: vec!["alive", "dead"],
        format: Format::Pulsar,
        headers: vec![("authorization".into(), secret("Bearer a-key"))],
        key: Some(secret("a-key")),
        timeout: Duration::from_secs(3),
        retries: 3,
        backoff: Duration::from_secs(1),
        queue: 50,
    };
    let mut found = config.unwrap().webhooks;
    found[0].verdicts.sort_unstable();
    assert_eq!(found, [expected]);
}

#[test]
fn a_configuration_names_services_and_sources_at_least() {
    for json in ["", "{}", " "] {
        let errors = HubConfig::from_bytes(json.as_bytes(), VARIABLES).unwrap_err();
        let said: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        assert!(said[0].contains("has no \"services\"; add"), "{said:?}");
        assert!(said[1].contains("has no \"sources\"; add"), "{said:?}");
        assert_eq!(said.len(), 2);
    }
}

#[test]
fn without_readers_only_this_machine_reads() {
    let config = parse(&with_service("")).unwrap();
    let request =
        |address: &str| FakeRequest::new("GET", "/mesh/v1/health").with("source.address", address);
    let reads = |request: &FakeRequest| config.readers.include(request);
    assert!(reads(&request("127.0.0.1:5000")));
    assert!(reads(&request("[::1]:5000")));
    assert!(!reads(&request("10.0.0.1:5000")));
    let relayed = request("127.0.0.1:5000").with("x-forwarded-for", "127.0.0.1");
    assert!(!reads(&relayed), "a proxy is between");
}

#[test]
fn a_configuration_that_is_written_with_other_blanks_is_the_same() {
    let fingerprint = |json: &str| parse(json).unwrap().fingerprint();
    let one = fingerprint(&with_service(""));
    assert_eq!(fingerprint(&with_service("").replace(',', " ,\n ")), one);
    assert_ne!(fingerprint(&with_service(r#","forget":"11m""#)), one);
}
