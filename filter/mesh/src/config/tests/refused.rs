//! What is refused at load, each with its place and its mend.

use super::{
    mistakes, parse, with, with_member, with_service, with_services, with_source, with_sources,
};

/// The one mistake of a configuration.
fn mistake(json: &str) -> String {
    let mut all = mistakes(json);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// What is said of a configuration begins with a place, and has a part.
fn assert_refused(json: &str, place: &str, part: &str) {
    let said = mistake(json);
    assert!(said.starts_with(&format!("{place}: ")), "{said}");
    assert!(said.contains(part), "{said}");
}

const ALLOW: &str = r#""allow":{"cidrs":["10.0.0.0/8"]}"#;
const HTTP: &str = r#""http":{"cluster":"c","path":"/"},"service":"s","instance":"10.1.0.5:80""#;

#[test]
fn every_mistake_is_reported_at_once_with_place_and_mend() {
    let json = r#"{"services":[{"name":"events","members":[{"id":"a"}],"quorm":"50%"},{"name":"s"}],
        "sources":[{"name":"a","allow":{"cidrs":["10.0.0.0/8"]},"trust":2,"service":"t"},
            {"name":"a","allow":{"cidrs":["10.1.0.0/16"]},"stale":"0s"}],
        "hold":"2m","backend":{}}"#;
    let mut said = mistakes(json);
    said.sort();
    assert_eq!(
        said,
        [
            r#"backend: isn't there yet: everything is in memory; leave it out"#,
            r#"hold: "2m" is out of range; write "1s" to "60s""#,
            r#"services[0].members[0]: says not where it is: its id is no address and port; add "address": "10.1.0.5:8080""#,
            r#"services[0].name: "events" can't be a service: /mesh/v1/health/events is something else; choose another"#,
            r#"services[0].quorm: unknown key; did you mean "quorum"?"#,
            r#"services[1]: has no instances; add "members": [ { "id": "10.1.0.5:8080" } ], or "learn": [ { "addresses": ["10.0.0.0/8"] } ]"#,
            r#"sources[0].service: no service is called "t"; there are: events, s"#,
            r#"sources[0].trust: 2 is out of range; write a number from 0.1 to 1"#,
            r#"sources[0]: says not how long its word counts; add "stale": "5s", or "beat": "1s" where it speaks of every instance so often"#,
            r#"sources[1].allow.cidrs[0]: is an earlier source's, too: "a"; whoever sends must be one source, so take it out of one of them"#,
            r#"sources[1].stale: "0s" is no time at all; write it like "500ms" or "1s""#,
            r#"sources[1]: the name "a" is taken by an earlier source; choose another"#,
        ]
    );
}

#[test]
fn what_is_not_there_yet_is_refused_with_a_clear_word() {
    assert_refused(&with(r#""backend":{"etcd":{}}"#), "backend", "everything is in memory");
}

#[test]
fn no_two_sources_share_a_credential() {
    let two = |one: &str, other: &str| {
        with_sources(&format!(
            r#"[{{"name":"a","allow":{one},"stale":"5s"}},{{"name":"b","allow":{other},"stale":"5s"}}]"#
        ))
    };
    for (one, other) in [
        (r#"{"cidrs":["10.0.0.0/8"]}"#, r#"{"cidrs":["10.0.0.0/8"]}"#),
        (r#"{"cidrs":["10.9.0.0/16"]}"#, r#"{"cidrs":["10.0.0.0/8"]}"#),
        (r#"{"cidrs":["10.9.0.0/16"]}"#, r#"{"cidrs":["10.9.9.9"],"address":"trusted"}"#),
    ] {
        let json = two(one, other);
        assert_refused(&json, "sources[1].allow.cidrs[0]", "is an earlier source's, too: \"a\"");
    }
    for (one, other) in [
        ("spiffe://a/x", "spiffe://a/x"),
        ("spiffe://a/*", "spiffe://a/x"),
        ("spiffe://a/x/y", "spiffe://a/x/*"),
        ("spiffe://a/x/*", "spiffe://a/*"),
    ] {
        let [one, other] = [one, other].map(|id| format!(r#"{{"principals":["{id}"]}}"#));
        let json = two(&one, &other);
        assert_refused(&json, "sources[1].allow.principals[0]", "is an earlier source's, too");
    }
    assert!(parse(&two(r#"{"cidrs":["10.8.0.0/16"]}"#, r#"{"cidrs":["10.9.0.0/16"]}"#)).is_ok());
    let apart = two(r#"{"principals":["spiffe://a/x"]}"#, r#"{"principals":["spiffe://a/x/*"]}"#);
    assert!(parse(&apart).is_ok());
    let one = with_source(r#""allow":{"cidrs":["10.0.0.0/8","10.1.0.0/16"]},"stale":"5s""#);
    assert!(parse(&one).is_ok(), "one source may name somebody twice");
}

#[test]
fn a_service_is_called_like_no_part_of_the_api() {
    for name in ["events", "subscribe"] {
        let json =
            with_services(&format!(r#"[{{"name":"{name}","members":[{{"id":"10.1.0.5:80"}}]}}]"#));
        assert_refused(&json, "services[0].name", "can't be a service");
    }
    for name in ["", ".", "a/b", "-a", "a b", &"a".repeat(129)] {
        let json =
            with_services(&format!(r#"[{{"name":"{name}","members":[{{"id":"10.1.0.5:80"}}]}}]"#));
        assert_refused(&json, "services[0].name", "is not a service name");
    }
}

#[test]
fn a_service_has_instances_or_learns_of_some() {
    assert_refused(&with_services(r#"[{"name":"s"}]"#), "services[0]", "add \"members\"");
    assert_refused(
        &with_services(r#"[{"name":"s","members":[]}]"#),
        "services[0].members",
        "is empty",
    );
    let learns = |learn: &str| with_services(&format!(r#"[{{"name":"s","learn":[{learn}]}}]"#));
    assert_refused(&learns("{}"), "services[0].learn[0]", "whoever posts must not choose");
    assert_refused(&learns(r#"{"addresses":[]}"#), "services[0].learn[0].addresses", "is empty");
    for max in ["0", "10001"] {
        let json = learns(&format!(r#"{{"addresses":["::/0"],"max":{max}}}"#));
        assert_refused(&json, "services[0].learn[0].max", "from 1 to 10000");
    }
    assert!(parse(&learns(r#"{"addresses":["127.0.0.0/8","fe80::/10"]}"#)).is_ok());
}

#[test]
fn names_are_unique() {
    let service = r#"{"name":"s","members":[{"id":"10.1.0.5:80"}]}"#;
    let json = with_services(&format!("[{service},{service}]"));
    assert_refused(&json, "services[1]", r#"the name "s" is taken by an earlier service"#);
    let json = with_member(r#"{"id":"10.1.0.5:80"},{"id":"10.1.0.5:80"}"#);
    assert_refused(&json, "services[0].members[1]", r#"the id "10.1.0.5:80" is taken"#);
    let json =
        with_sources(&format!(r#"[{{"name":"a",{ALLOW},"stale":"1s"}},{{"name":"a",{HTTP}}}]"#));
    assert_refused(&json, "sources[1]", r#"the name "a" is taken by an earlier source"#);
}

#[test]
fn a_member_says_what_it_is_called_and_where_it_is() {
    for id in ["", "a b", "é", "a\\u0000", &"a".repeat(129)] {
        let json = with_member(&format!(r#"{{"id":"{id}","address":"10.1.0.5:80"}}"#));
        assert_refused(&json, "services[0].members[0].id", "is not an instance");
    }
    for id in ["pod-7", "10.1.0.5", "10.1.0.5:0", "10.1.0.5:65536"] {
        let json = with_member(&format!(r#"{{"id":"{id}"}}"#));
        assert_refused(&json, "services[0].members[0]", r#"add "address""#);
    }
    for address in ["localhost:80", "10.1.0.5", "10.1.0.5:0", "fd00::5:80"] {
        let json = with_member(&format!(r#"{{"id":"pod-7","address":"{address}"}}"#));
        assert_refused(&json, "services[0].members[0].address", "is not an address and a port");
    }
    assert!(parse(&with_member(r#"{"id":"pod-7","address":"[fd00::5]:80"}"#)).is_ok());
}

#[test]
fn weights_and_priorities_are_those_that_envoy_takes() {
    for weight in ["0", "129"] {
        let json = with_member(&format!(r#"{{"id":"10.1.0.5:80","weight":{weight}}}"#));
        assert_refused(&json, "services[0].members[0].weight", "from 1 to 128");
    }
    let json = with_member(r#"{"id":"10.1.0.5:80","priority":129}"#);
    assert_refused(&json, "services[0].members[0].priority", "from 0 to 128");
    let json = with_member(r#"{"id":"10.1.0.5:80","metadata":{"a":"east"}}"#);
    assert_refused(&json, "services[0].members[0].metadata.a", "isn't an object");
}

#[test]
fn a_quorum_is_a_share_that_can_be_exceeded() {
    for (quorum, part) in
        [("\"100%\"", "is never exceeded"), ("0.5", "is not a share"), ("\"50\"", "write \"50%\"")]
    {
        let json = with_service(&format!(r#","quorum":{quorum}"#));
        assert_refused(&json, "services[0].quorum", part);
    }
    assert!(parse(&with_service(r#","quorum":"99.9%""#)).is_ok());
    let json = with_service(r#","witness":1.5"#);
    assert_refused(&json, "services[0].witness", "from 0 to 1");
}

#[test]
fn a_source_is_posted_for_or_asked_and_not_both() {
    assert_refused(
        &with_source(r#""stale":"5s""#).replace(r#","stale":"5s""#, ""),
        "sources[0]",
        "neither may anyone speak for it, nor is it asked; add one of allow, http, grpc, hub",
    );
    let json = with_source(&format!(r#"{ALLOW},"stale":"5s",{HTTP}"#));
    assert_refused(&json, "sources[0]", "has allow and http; write a source for each");
    let json = with_source(r#""allow":{},"stale":"5s""#);
    assert_refused(&json, "sources[0].allow", "names nobody");
}

#[test]
fn a_source_says_how_long_its_word_counts() {
    assert_refused(&with_source(ALLOW), "sources[0]", r#"add "stale": "5s", or "beat": "1s""#);
    assert!(parse(&with_source(&format!(r#"{ALLOW},"beat":"1s""#))).is_ok());
    assert!(parse(&with_source(HTTP)).is_ok());
    assert!(parse(&with_source(r#""hub":{"cluster":"c"}"#)).is_ok());
}

#[test]
fn a_word_counts_for_three_beats_or_intervals_at_least() {
    let json = with_source(&format!(r#"{ALLOW},"beat":"1s","stale":"2999ms""#));
    assert_refused(
        &json,
        "sources[0].stale",
        r#"three times the beat: one that is late would be silence; write "3000ms""#,
    );
    let json = with_source(&format!(r#"{HTTP},"interval":"2s","stale":"5s""#));
    assert_refused(&json, "sources[0].stale", "three times the interval");
    assert!(parse(&with_source(&format!(r#"{HTTP},"interval":"2s","stale":"6s""#))).is_ok());
}

#[test]
fn a_key_without_effect_is_refused() {
    for (more, place) in [
        (format!(r#"{ALLOW},"stale":"5s","silence":"down""#), "silence"),
        (format!(r#"{ALLOW},"stale":"5s","interval":"1s""#), "interval"),
        (format!(r#"{ALLOW},"stale":"5s","instance":"10.1.0.5:80""#), "instance"),
        (format!(r#"{HTTP},"beat":"1s""#), "beat"),
        (r#""hub":{"cluster":"c"},"stale":"5s""#.to_owned(), "stale"),
        (r#""hub":{"cluster":"c"},"fall":2"#.to_owned(), "fall"),
    ] {
        assert_refused(&with_source(&more), &format!("sources[0].{place}"), "has no effect");
    }
    let json = with_source(
        r#""grpc":{"cluster":"c","watch":true},"service":"s","instance":"10.1.0.5:80","stale":"9s""#,
    );
    assert_refused(&json, "sources[0].stale", "has no effect on a Watch");
}

#[test]
fn a_source_that_is_asked_names_an_instance_of_a_service() {
    let json = with_source(r#""http":{"cluster":"c","path":"/"}"#);
    assert_eq!(mistakes(&json).len(), 2);
    let json = with_source(r#""grpc":{"cluster":"c"},"service":"s""#);
    assert_refused(&json, "sources[0]", r#"has no "instance""#);
    let json = with_source(r#""grpc":{"cluster":"c"},"service":"t","instance":"10.1.0.5:80""#);
    assert_refused(&json, "sources[0].service", r#"no service is called "t"; there are: s"#);
    let json = with_source(r#""grpc":{"cluster":"c"},"service":"s","instance":"10.1.0.6:80""#);
    assert_refused(&json, "sources[0].instance", r#""s" has no member "10.1.0.6:80""#);
    let learns = json.replace(
        r#""members":[{"id":"10.1.0.5:80"}]"#,
        r#""learn":[{"addresses":["10.1.0.0/16"]}]"#,
    );
    assert!(parse(&learns).is_ok());
}

#[test]
fn two_members_are_not_in_one_place_and_each_is_where_traffic_can_be_sent() {
    let with_members = |members: &str| {
        format!(
            r#"{{ "services": [ {{ "name": "payments", "members": [ {members} ] }} ],
                 "sources": [ {{ "name": "istio", {ALLOW}, "stale": "5s" }} ] }}"#
        )
    };
    let twice = r#"{ "id": "10.1.0.5:80" }, { "id": "pay-1", "address": "10.1.0.5:80" }"#;
    assert_refused(&with_members(twice), "services[0].members[1]", "is taken by an earlier member");
    for address in
        ["0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "[ff02::1]:80", "[fe80::1%3]:80"]
    {
        let member = format!(r#"{{ "id": "pay-1", "address": "{address}" }}"#);
        assert_refused(
            &with_members(&member),
            "services[0].members[0].address",
            "address and a port",
        );
    }
}

#[test]
fn trust_is_neither_nothing_nor_more_than_all() {
    let json = with_source(&format!(r#"{ALLOW},"stale":"5s","trust":0.09"#));
    assert_refused(&json, "sources[0].trust", "write a number from 0.1 to 1");
    let json = with_source(&format!(r#"{ALLOW},"stale":"5s","trust":1.1"#));
    assert_refused(&json, "sources[0].trust", "from 0.1 to 1");
}

#[test]
fn times_and_bounds_are_within_reason() {
    for (more, place) in [
        (r#""hold":"61s""#, "hold"),
        (r#""hold":"999ms""#, "hold"),
        (r#""publish_every":"0s""#, "publish_every"),
        (r#""publish_every":"1001ms""#, "publish_every"),
        (r#""recover":{"after":"0s"}"#, "recover.after"),
        (r#""recover":{"after":"2m"}"#, "recover.after"),
        (r#""recover":{"at_most":"500ms"}"#, "recover.at_most"),
        (r#""limits":{"body":"2MiB"}"#, "limits.body"),
        (r#""limits":{"body":"1023B"}"#, "limits.body"),
        (r#""limits":{"rate":"0/s"}"#, "limits.rate"),
        (r#""limits":{"batch":0}"#, "limits.batch"),
        (r#""limits":{"waiters":0}"#, "limits.waiters"),
        (r#""limits":{"instances":100001}"#, "limits.instances"),
    ] {
        assert_refused(&with(more), place, "write");
    }
    let json = with_source(&format!(r#"{ALLOW},"beat":"99ms""#));
    assert_refused(&json, "sources[0].beat", "too short");
}

#[test]
fn there_are_no_more_services_sources_and_members_than_there_is_room_for() {
    let services = |count| {
        let one = |number| format!(r#"{{"name":"s{number}","members":[{{"id":"10.1.0.5:80"}}]}}"#);
        with_services(&format!("[{}]", (0..count).map(one).collect::<Vec<_>>().join(",")))
    };
    assert!(parse(&services(1_000)).is_ok());
    assert_refused(&services(1_001), "services", "has 1001 items; keep 1000 at most");
    let sources = |count: usize| {
        let (high, low) = (|it: usize| it / 256, |it: usize| it % 256);
        let one = |it| {
            format!(
                r#"{{"name":"a{it}","allow":{{"cidrs":["10.0.{}.{}"]}},"stale":"1s"}}"#,
                high(it),
                low(it)
            )
        };
        with_sources(&format!("[{}]", (0..count).map(one).collect::<Vec<_>>().join(",")))
    };
    assert!(parse(&sources(1_000)).is_ok());
    assert_refused(&sources(1_001), "sources", "keep 1000 at most");
    let json = with_member(r#"{"id":"10.1.0.5:80"},{"id":"10.1.0.6:80"}"#);
    let json = json.replace(r#""sources""#, r#""limits":{"instances":1},"sources""#);
    assert_refused(&json, "services", r#"has 2 members, and "limits" has 1 instances"#);
}

#[test]
fn what_is_no_json_is_refused_as_a_whole() {
    let errors =
        crate::config::HubConfig::from_bytes(b"services: []", super::VARIABLES).unwrap_err();
    assert!(errors.0[0].to_string().starts_with("configuration: isn't JSON: "));
}

/// A configuration with one webhook that has what `more` gives it.
fn with_webhook(more: &str) -> String {
    with(&format!(r#""webhooks":[{{"name":"w","cluster":"c",{more}}}]"#))
}

#[test]
fn a_webhook_says_what_it_calls_and_of_what_it_tells() {
    let refused = |more: &str, place: &str, part: &str| {
        assert_refused(&with_webhook(more), &format!("webhooks[0]{place}"), part);
    };
    refused(r#""timeout":"1s""#, "", r#"has no "path"; add"#);
    refused(r#""path":"hook""#, ".path", "is not a path");
    refused(r#""path":"/","services":["t"]"#, ".services[0]", "no service is called \"t\"");
    refused(r#""path":"/","services":[]"#, ".services", "is empty");
    refused(r#""path":"/","verdicts":["died"]"#, ".verdicts[0]", "isn't known; write");
    refused(r#""path":"/","format":"teams""#, ".format", "isn't known; write");
    refused(r#""path":"/","retries":1001"#, ".retries", "is out of range");
    refused(r#""path":"/","queue":0"#, ".queue", "is out of range");
    refused(r#""path":"/","timeout":"0s""#, ".timeout", "is no time at all");
    let two = r#""webhooks":[{"name":"w","cluster":"c","path":"/"},{"name":"w","cluster":"c","path":"/"}]"#;
    assert_refused(&with(two), "webhooks[1]", "is taken by an earlier webhook");
    assert_refused(&with(r#""webhooks":[]"#), "webhooks", "is empty");
}

#[test]
fn what_a_webhook_takes_from_the_environment_must_be_there() {
    let refused = |more: &str, place: &str, part: &str| {
        let more = format!(r#""path":"/",{more}"#);
        assert_refused(&with_webhook(&more), &format!("webhooks[0]{place}"), part);
    };
    refused(r#""sign_with":"NOT_SET""#, ".sign_with", "needs NOT_SET, which isn't set");
    refused(r#""sign_with":"${HOOK_KEY}""#, ".sign_with", "is not the name of a variable");
    let header = r#""headers":{"authorization":"Bearer ${NOT_SET}"}"#;
    refused(header, ".headers.authorization", "needs NOT_SET, which isn't set");
    assert_refused(&with_webhook(r#""path":"/${NOT_SET}""#), "webhooks[0].path", "needs NOT_SET");
}

#[test]
fn headers_that_follow_from_a_delivery_are_not_to_be_written() {
    for name in ["Host", "content-length", "x-heartbeat-signature", "X-Heartbeat-Any"] {
        let json = with_webhook(&format!(r#""path":"/","headers":{{"{name}":"a"}}"#));
        assert_refused(&json, &format!("webhooks[0].headers.{name}"), "the hub writes itself");
    }
    let json = with_webhook(r#""path":"/","headers":{"a b":"c"}"#);
    assert_refused(&json, "webhooks[0].headers.a b", "is not a header name");
    assert_refused(&with_webhook(r#""path":"/","headers":{}"#), "webhooks[0].headers", "is empty");
}
