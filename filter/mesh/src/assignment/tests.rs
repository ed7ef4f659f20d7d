use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn endpoint(address: &str) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        locality: Default::default(),
        priority: 0,
        weight: 1,
        metadata: Default::default(),
    }
}

fn assigned((endpoint, verdict): &(Endpoint, Verdict)) -> Assigned<'_> {
    Assigned { endpoint, verdict: *verdict, shares: 1 }
}

fn document(instances: &[(Endpoint, Verdict)]) -> Value {
    let instances = instances.iter().map(assigned);
    serde_json::from_slice(&Assignment::of("payments", instances).unwrap().document).unwrap()
}

fn version(instances: &[(Endpoint, Verdict)]) -> String {
    let instances = instances.iter().map(assigned);
    Assignment::of("payments", instances).unwrap().version
}

#[test]
fn each_verdict_has_its_health_status() {
    for (verdict, expected) in [
        (Verdict::Unknown, Value::Null),
        (Verdict::Alive, Value::Null),
        (Verdict::Degraded, json!("DEGRADED")),
        (Verdict::Suspected, json!("DEGRADED")),
        (Verdict::Draining, json!("DRAINING")),
        (Verdict::Dead, json!("UNHEALTHY")),
    ] {
        let document = document(&[(endpoint("10.0.0.1:80"), verdict)]);
        let endpoint = &document["resources"][0]["endpoints"][0]["lb_endpoints"][0];
        assert_eq!(endpoint["health_status"], expected, "{verdict:?}");
    }
}

#[test]
fn an_assignment_is_what_envoy_reads() {
    let mut far = endpoint("[fd00::1]:8080");
    far.locality = ["eu".into(), "a".into(), String::new()];
    (far.priority, far.weight) = (1, 7);
    Rc::make_mut(&mut far.metadata)
        .insert("envoy.transport_socket_match".into(), json!({"mesh": "east"}));
    let document = document(&[(far, Verdict::Dead), (endpoint("10.0.0.1:80"), Verdict::Alive)]);
    assert_eq!(
        document["resources"][0],
        json!({
            "@type": TYPE_URL,
            "cluster_name": "payments",
            "endpoints": [
                { "lb_endpoints": [{
                    "endpoint": { "address": { "socket_address": {
                        "address": "10.0.0.1", "port_value": 80 } } },
                    "load_balancing_weight": 1,
                }] },
                { "locality": { "region": "eu", "zone": "a", "sub_zone": "" }, "priority": 1,
                  "lb_endpoints": [{
                    "endpoint": { "address": { "socket_address": {
                        "address": "fd00::1", "port_value": 8080 } } },
                    "health_status": "UNHEALTHY",
                    "load_balancing_weight": 7,
                    "metadata": { "filter_metadata": {
                        "envoy.transport_socket_match": { "mesh": "east" } } },
                }] },
            ],
        })
    );
}

#[test]
fn of_nobody_there_is_no_assignment() {
    assert_eq!(Assignment::of("payments", std::iter::empty()), None);
}

#[test]
fn who_knows_the_same_says_the_same_in_whatever_order_it_was_learnt() {
    let [one, other] = ["10.0.0.1:80", "10.0.0.2:80"].map(endpoint);
    let there = [(one.clone(), Verdict::Alive), (other.clone(), Verdict::Dead)];
    let back = [(other.clone(), Verdict::Dead), (one.clone(), Verdict::Alive)];
    assert_eq!(version(&there), version(&back));
    let changed = [(one, Verdict::Alive), (other, Verdict::Alive)];
    assert_ne!(version(&there), version(&changed));
}

/// As Envoy writes it, with so much of itself.
fn asked(version: Option<&str>, service: &str, type_url: &str) -> Vec<u8> {
    let version = version.map(|it| format!(r#""version_info":{},"#, json!(it))).unwrap_or_default();
    let extensions = r#"{"name":"envoy.filters.http.\"id\"","category":"x"},"#.repeat(1_000);
    format!(
        r#"{{{version}"node":{{"id":"gateway-1","cluster":"edge","extensions":[{extensions}{{}}]}},"resource_names":[{}],"type_url":"{type_url}"}}"#,
        json!(service)
    )
    .into_bytes()
}

fn read(body: &[u8]) -> Result<DiscoveryRequest, Unfit> {
    let head = &body[..body.len().min(DiscoveryRequest::HEAD)];
    let tail = &body[body.len().saturating_sub(DiscoveryRequest::TAIL)..];
    DiscoveryRequest::read(head, tail)
}

#[test]
fn both_ends_of_a_request_tell_all_that_matters() {
    let request = read(&asked(Some("0011223344556677"), "payments", TYPE_URL)).unwrap();
    assert_eq!(request.version.as_deref(), Some("0011223344556677"));
    assert_eq!(request.node.as_deref(), Some("gateway-1"));
    assert_eq!(request.service, "payments");
    assert_eq!(read(&asked(None, "payments", TYPE_URL)).unwrap().version, None);
}

#[test]
fn what_asks_for_nothing_or_something_else_is_told_apart() {
    let cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    assert_eq!(read(&asked(None, "a", cluster)), Err(Unfit::OtherType));
    for body in ["", "{}", "[]", r#"{"type_url":"#, r#"{"resource_names":[],"type_url":"x"}"#] {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
    let none = format!(r#"{{"resource_names":[],"type_url":"{TYPE_URL}"}}"#);
    assert_eq!(read(none.as_bytes()), Err(Unfit::Malformed));
}

#[test]
fn a_version_that_cant_be_ours_is_none() {
    let long = "v".repeat(65_536);
    let body = asked(Some(&long), "payments", TYPE_URL);
    assert_eq!(read(&body).unwrap().version, None);
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    use Verdict::{Alive, Dead, Degraded, Draining, Suspected, Unknown};
    prop_oneof![
        Just(Unknown),
        Just(Alive),
        Just(Degraded),
        Just(Suspected),
        Just(Draining),
        Just(Dead)
    ]
}

proptest! {
    #[test]
    fn nobody_who_is_known_is_ever_left_out(
        instances in proptest::collection::vec(
            (any::<u32>(), 0..3_u32, 0..3_u8, any::<u32>(), verdicts()), 1..50),
    ) {
        let instances: Vec<_> = instances.into_iter().map(|(ip, priority, zone, weight, verdict)| {
            let mut it = endpoint("10.0.0.1:80");
            it.address.set_ip(IpAddr::from(ip.to_be_bytes()));
            it.locality[1] = format!("zone-{zone}");
            (it.priority, it.weight) = (priority, weight);
            (it, verdict)
        }).collect();
        let document = document(&instances);
        let localities = document["resources"][0]["endpoints"].as_array().unwrap();
        let endpoints = localities.iter().flat_map(|it| it["lb_endpoints"].as_array().unwrap());
        let weights: Vec<u64> =
            endpoints.map(|it| it["load_balancing_weight"].as_u64().unwrap()).collect();
        prop_assert_eq!(weights.len(), instances.len());
        prop_assert!(weights.iter().all(|weight| (1..=128).contains(weight)));
    }

    #[test]
    fn nothing_that_is_asked_traps(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body);
    }
}
