//! What is said of configurations' metrics.

use std::collections::BTreeSet;

use super::*;

fn catalogue(kind: Kind, config: &str) -> Catalogue {
    let file = File::parse("a.json", config.as_bytes()).unwrap();
    let found = crate::source::find(&file, Some(kind)).unwrap();
    let mut catalogue = Catalogue::default();
    catalogue.add(&metrics(&file, &found[0]).unwrap());
    catalogue
}

/// As much of the two modules as their examples use.
fn all() -> [Catalogue; 2] {
    let hub = r#"{"services": [{"name": "payments", "members": [{"id": "10.1.0.5:8080"}]}],
                  "sources": [{"name": "istio", "allow": {"cidrs": ["10.9.0.0/16"]}, "stale": "5s"}],
                  "webhooks": [{"name": "pager", "cluster": "pager", "path": "/hook"}]}"#;
    let filter = r#"{"probes": [{"name": "a", "match": {"path": "/a"}, "action": "cache", "breaker": {}},
                                {"name": "w", "match": {"grpc": {"methods": ["Watch"]}}},
                                {"name": "r", "match": {"path": "/r"}, "action": "respond",
                                 "when": [{"check": "x"}, {"score": {"min": 500}}]}],
                     "admin": {"cluster": "admin"}, "score": {},
                     "checks": [{"name": "x", "http": {"cluster": "x", "path": "/"}}],
                     "publish": {"cluster": "hub", "instance": "a:1", "source": "mesh", "probe": "r"},
                     "counters": [{"name": "orders", "when": {},
                                   "labels": {"kind": {"request_header": "x-kind", "values": ["b"]}}}]}"#;
    [catalogue(Kind::Filter, filter), catalogue(Kind::Hub, hub)]
}

#[test]
fn the_page_about_metrics_explains_each_but_those_of_the_configuration() {
    for catalogue in all() {
        let unknown = catalogue.entries().filter(|(name, _)| help::help(name).is_none());
        let unknown: Vec<_> = unknown.map(|(name, _)| name).collect();
        assert!(unknown.iter().all(|name| *name == "orders"), "{unknown:?}");
    }
}

#[test]
fn a_label_has_all_values_that_it_may_come_to_have() {
    let [catalogue, _] = all();
    let (_, orders) = catalogue.entries().find(|(name, _)| *name == "orders").unwrap();
    assert_eq!(orders.values()["kind"], BTreeSet::from(["b", "other"]));
}

#[test]
fn lists_of_labels_are_as_envoy_and_istio_take_them() {
    let labels = BTreeSet::from(["a", "b"]);
    let regex = r#""^wasmcustom\\.(?:.*;\\.;)?(a=\\.=(.*?);\\.;)""#;
    assert!(tags::stats_config(&labels).contains(&format!("{{ tag_name: a, regex: {regex} }}")));
    assert!(tags::annotation(&labels).ends_with("extraStatTags: a,b\n"));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let file = File::parse("a.yaml", b"probes:\n  - name: a\n    match: { pth: /a }\n").unwrap();
    let found = crate::source::find(&file, None).unwrap();
    let refusal = metrics(&file, &found[0]).unwrap_err();
    assert_eq!(refusal.outcome, Outcome::Mistakes);
    assert!(refusal.reasons[0].starts_with("a.yaml:3:"), "{refusal:?}");
}
