//! Whom `allow` has refused, and why, is on the page.

use super::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What the page says of the last refusal, after a request of the page.
fn refused(world: &mut World, request: &FakeRequest) -> Value {
    let (_, decision) = world.asks(request);
    assert!(matches!(decision, Decision::Reply(Reply { status: 403, .. })), "{decision:?}");
    world.later(SECOND);
    let mut last = world.page()["refusals"][0].take();
    last.as_object_mut().unwrap().retain(|key, _| !["at", "age_ms"].contains(&key.as_str()));
    last
}

#[test]
fn each_reason_is_told_by_address_and_by_certificate() {
    let mut world = World::new(ALL);
    let from = |id: &'static str| {
        get("/page").with("source.address", "[fd00::7]:4100").with("peer.uri_san", id)
    };
    for (request, address, certificate, by) in [
        (get("/page"), None, None, ("no_address", "no_certificate")),
        (
            get("/page").with("source.address", "/run/envoy.sock"),
            Some("/run/envoy.sock"),
            None,
            ("no_address", "no_certificate"),
        ),
        (
            get("/page").with("source.address", "11.0.0.1:9"),
            Some("11.0.0.1"),
            None,
            ("other_network", "no_certificate"),
        ),
        (
            from("spiffe://other/ops/a"),
            Some("fd00::7"),
            Some("spiffe://other/ops/a"),
            ("other_network", "other_trust_domain"),
        ),
        (
            from("spiffe://mesh.evil/ops/a"),
            Some("fd00::7"),
            Some("spiffe://mesh.evil/ops/a"),
            ("other_network", "other_trust_domain"),
        ),
        (
            from("spiffe://mesh/dev/a"),
            Some("fd00::7"),
            Some("spiffe://mesh/dev/a"),
            ("other_network", "other_path"),
        ),
        (
            from("https://mesh/ops/a"),
            Some("fd00::7"),
            Some("https://mesh/ops/a"),
            ("other_network", "no_spiffe_id"),
        ),
    ] {
        let mut expected =
            json!({ "rule": "page", "by_address": by.0, "by_certificate": by.1, "times": 1 });
        address.into_iter().for_each(|it| expected["address"] = json!(it));
        certificate.into_iter().for_each(|it| expected["certificate"] = json!(it));
        assert_eq!(refused(&mut world, &request), expected);
    }
}

#[test]
fn a_reason_is_only_given_by_what_the_rule_names() {
    let mut world = World::new(
        r#"{"probes":[
            {"name":"page","match":{"path":"/page"},"action":"inspect","allow":{"cidrs":["127.0.0.1"]}},
            {"name":"by_id","match":{"path":"/id"},"allow":{"principals":["spiffe://a/b"]}},
            {"name":"by_state","match":{"path":"/state"},
             "allow":{"cidrs":["::/0"],"address":{"filter_state":"no.such"},"otherwise":"deny"}}]}"#,
    );
    for path in ["/page", "/id", "/state"] {
        world.asks(
            &get(path).with("source.address", "127.0.0.1:1").with("x-forwarded-for", "127.0.0.1"),
        );
    }
    let page = world.page();
    let seen = |place: usize, key: &str| {
        page["refusals"][place][key].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(
        [seen(0, "rule"), seen(0, "by_address"), seen(0, "by_certificate")],
        ["by_state", "no_address", ""]
    );
    assert_eq!(
        [seen(1, "rule"), seen(1, "by_address"), seen(1, "by_certificate")],
        ["by_id", "", "no_certificate"]
    );
    // Where Envoy believes a header, that is shown and doesn't count.
    assert_eq!([seen(2, "by_address"), seen(2, "address")], ["no_address", "127.0.0.1"]);
}

#[test]
fn whom_a_rule_takes_for_ordinary_traffic_it_has_refused_too() {
    let mut world = World::new(
        r#"{"probes":[{"name":"page","match":{"path":"/page"},"action":"inspect","allow":{"cidrs":["127.0.0.1"]}}]}"#,
    );
    let (_, decision) = world.asks(&get("/page").with("source.address", "10.0.0.1:1"));
    assert_eq!(decision, Decision::NotAProbe);
    assert_eq!(world.page()["refusals"][0]["address"], "10.0.0.1");
}

#[test]
fn nothing_that_strangers_send_breaks_the_page_or_makes_it_long() {
    let mut world = World::new(ALL);
    let spiteful = b"spiffe://mesh/</dd></dl><script>alert(1)</script>\"\\\0\x1b\xff\xc3(";
    for id in [&spiteful[..], &[b'<'; 100_000], &[0xff; 100_000], b""] {
        world.asks(&get("/page").with("source.address", "1.2.3.4:5").with("peer.uri_san", id));
        world.asks(&get("/page").with("source.address", id));
    }
    let text = world.written(Medium::Json);
    let page: Value = serde_json::from_slice(&text).unwrap();
    let refusals = page["refusals"].as_array().unwrap();
    assert!(refusals.len() >= 6 && text.len() < 16 * 1_024, "{}", text.len());
    let html = String::from_utf8(world.written(Medium::Html)).unwrap();
    assert!(!html.contains("<script") && !html.contains("</dd>"), "{html}");
}

#[test]
fn a_call_that_is_refused_is_noted_too() {
    let world = World::new(
        r#"{"probes":[
            {"name":"page","match":{"path":"/page"},"action":"inspect","allow":{"cidrs":["::/0"]}},
            {"name":"calls","match":{"grpc":{"services":["a"]}},
             "allow":{"principals":["spiffe://a/b"],"otherwise":"deny"}}]}"#,
    );
    let request = FakeRequest::grpc("Check");
    for body in [&[0, 0, 0, 0, 3, 10, 1, b'a'][..], b"nonsense"] {
        let matched = world.policy.match_request(&request).unwrap();
        let mut exchange = world.policy.exchange(matched, 1, world.now);
        exchange.await_message();
        let decision = exchange.on_message(body, true, &request, world.cx());
        assert!(
            matches!(decision, Some(Decision::Reply(Reply { status: 403, .. }))),
            "{decision:?}"
        );
    }
    let refusal = &world.page()["refusals"][0];
    assert_eq!((&refusal["rule"], &refusal["times"]), (&json!("calls"), &json!(2)));
}
