//! The rules of `checks`, `admin` and `when`.

use super::*;
use crate::facts::check::{CheckCall, CheckRule, GrpcCheck, Initial};
use crate::matching::status::StatusPattern;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const RESPOND: &str = r#""name":"p","match":{"path":"/p"},"action":"respond""#;

#[test]
fn checks_have_defaults_that_fit_together() {
    let config = parse(
        r#"{"checks":[{"name":"db","http":{"cluster":"db","path":"/ping?deep=1"}},
                       {"name":"quick","http":{"cluster":"q","path":"/"},"interval":"300ms"}]}"#,
    );
    let checks = config.unwrap().checks;
    let millis = |rule: &CheckRule| (rule.interval.as_millis(), rule.timeout.as_millis());
    assert_eq!(millis(&checks[0]), (5_000, 1_000));
    assert_eq!(millis(&checks[1]), (300, 300), "no timeout is longer than its interval");
    assert_eq!((checks[0].rise, checks[0].fall, checks[0].initial), (2, 3, Initial::Unknown));
    let CheckCall::Http(http) = &checks[0].call else { panic!("{:?}", checks[0].call) };
    assert_eq!((&*http.host, &*http.path), ("db", "/ping?deep=1"));
    assert_eq!(http.expect, [StatusPattern::Class(2)]);
}

#[test]
fn a_check_over_grpc_asks_for_the_whole_server_and_watches_nothing_unless_told() {
    let config = parse(
        r#"{"checks":[{"name":"a","grpc":{"cluster":"app"}},
                       {"name":"b","grpc":{"cluster":"app","service":"orders.v1.Orders","watch":true}}]}"#,
    );
    let call = |service: &str, watch| {
        let (cluster, authority) = ("app".into(), "app".into());
        CheckCall::Grpc(GrpcCheck { cluster, service: service.into(), authority, watch })
    };
    let checks = config.unwrap().checks;
    assert_eq!(checks[0].call, call("", false));
    assert_eq!(checks[1].call, call("orders.v1.Orders", true));
}

#[test]
fn mistakes_in_checks_are_named_with_their_mend() {
    let json = r#"{"checks":[
        {"name":"server","http":{"cluster":"","path":"ping"}},
        {"name":"a","http":{"cluster":"a","path":"/x*","expect":["ok"],"host":"a b"},"interval":"10ms"},
        {"name":"b","http":{"cluster":"b","path":"/"},"interval":"1s","timeout":"2s","fall":0},
        {"name":"b","http":{"cluster":"b","path":"/"},"initial":"up"},
        {"name":"b","http":{"cluster":"b","path":"/"}},
        {"name":"b","http":{"cluster":"b","path":"/"}},
        {"name":"c"},
        {"name":"d","http":{"cluster":"d"},"grpc":{"service":"a b","watch":1}},
        {"name":"e","grpc":{"cluster":"app","authority":"a/b","watch":true,"path":"/"}}],
        "admin":{}}"#;
    assert_eq!(
        mistakes(json),
        [
            r#"checks[0].name: "server" is what other evidence is called; choose another"#,
            r#"checks[0].http.cluster: "" is not the name of a cluster; write it like "db""#,
            r#"checks[0].http.path: "ping" is not a path; write "/ping""#,
            r#"checks[1].http.path: "/x*" is not a path to ask; write it like "/ping""#,
            r#"checks[1].http.host: "a b" is not a host; write it like "db.example.com""#,
            r#"checks[1].http.expect[0]: "ok" is not a status; write it like "200" or "2xx""#,
            r#"checks[1].interval: "10ms" is too short; write "100ms" or more"#,
            r#"checks[2].timeout: is longer than the interval; write "1000ms" or less, or a longer interval"#,
            r#"checks[2].fall: 0 is out of range; write a whole number from 1 to 1000"#,
            r#"checks[3].initial: "up" isn't known; write "unknown" or "pass""#,
            r#"checks[6]: asks nothing; add "http": { "cluster": "db", "path": "/ping" } or "grpc": { "cluster": "db" }"#,
            r#"checks[7]: asks over "http" and "grpc"; write a check for each"#,
            r#"checks[7].http: has no "path"; add "path": "/ping""#,
            r#"checks[7].grpc: has no "cluster"; add "cluster": "db", the name of an Envoy cluster"#,
            r#"checks[7].grpc.service: "a b" is not a gRPC service; write it like "orders.v1.Orders", in 120 bytes at most, or "" for the whole server"#,
            r#"checks[7].grpc.watch: is a number; write true or false"#,
            r#"checks[8].grpc.path: unknown key; did you mean "watch"?"#,
            r#"checks[8].grpc.authority: "a/b" is not a host; write it like "db.example.com""#,
            r#"checks[3]: the name "b" is taken by an earlier check; choose another"#,
            r#"checks[4]: the name "b" is taken by an earlier check; choose another"#,
            r#"checks[5]: the name "b" is taken by an earlier check; choose another"#,
            r#"admin: has no "cluster"; add "cluster": "db", the name of an Envoy cluster"#,
        ]
    );
}

#[test]
fn mistakes_in_when_are_named_with_their_mend() {
    let json = format!(
        r#"{{"probes":[{{{RESPOND},"format":"xml","details":"some","when":[
            {{}}, {{"check":"a","server":"live"}}, {{"server":"up"}}, {{"check":"a","min_healthy":"1%"}},
            {{"cluster":"c","min_healthy":"half"}}, {{"traffic":{{}}}},
            {{"traffic":{{"max_error_rate":"20%","recovers_at":"30%","window":"1ms"}},"on_stale":"fail"}},
            {{"check":"a","severity":"bad"}},
            {{"clusters":["c","c"],"need":"most"}}, {{"clusters":[]}}, {{"cluster":"d","need":"any"}}]}}],
            "checks":[{{"name":"a"}}],"admin":{{"cluster":"x"}}}}"#
    );
    assert_eq!(
        mistakes(&json),
        [
            r#"probes[0].when[0]: looks at nothing; add "check", "server", "cluster", "traffic" or "score""#,
            r#"probes[0].when[1]: looks at "check" and "server"; write an item for each"#,
            r#"probes[0].when[2].server: "up" isn't known; write "live""#,
            r#"probes[0].when[3].min_healthy: has no effect without "cluster"; leave it out"#,
            r#"probes[0].when[4].min_healthy: "half" is not a share; write it like "50%" or "0.5%""#,
            r#"probes[0].when[5].traffic: has no "max_error_rate"; add "max_error_rate": "20%""#,
            r#"probes[0].when[6].traffic.window: "1ms" is out of range; write "1s" to "1h""#,
            r#"probes[0].when[6].traffic.recovers_at: is above "max_error_rate"; write a lower one, or leave it out for the half"#,
            r#"probes[0].when[6].on_stale: has no effect on "traffic", which is never stale; leave it out"#,
            r#"probes[0].when[7].severity: "bad" isn't known; write "fail" or "warn""#,
            r#"probes[0].when[8].clusters[1]: "c" stands here twice; keep one"#,
            r#"probes[0].when[8].need: "most" isn't known; write "all" or "any""#,
            r#"probes[0].when[9].clusters: is empty; name at least one, or leave the key out"#,
            r#"probes[0].when[10].need: has no effect without "clusters"; leave it out"#,
            r#"probes[0].format: "xml" isn't known; write "json" or "text" or "health+json" or "kubernetes" or "spring" or "microprofile""#,
            r#"probes[0].details: "some" isn't known; write "never" or "allowed" or "always""#,
            r#"checks[0]: asks nothing; add "http": { "cluster": "db", "path": "/ping" } or "grpc": { "cluster": "db" }"#,
        ]
    );
}

#[test]
fn evidence_must_come_from_somewhere() {
    let json = format!(
        r#"{{"checks":[{{"name":"a","http":{{"cluster":"a","path":"/"}}}}],
            "probes":[{{{RESPOND},"nmae":1,"when":[{{"check":"b"}},{{"server":"live"}},{{"cluster":"c"}},{{"check":"a"}}]}}]}}"#
    );
    assert_eq!(
        mistakes(&json),
        [
            r#"probes[0].nmae: unknown key; did you mean "name"?"#,
            r#"probes[0].when[0]: no check is called "b"; there are: a"#,
            r#"probes[0].when[1]: needs the admin interface; add "admin": { "cluster": "envoy_admin" } to the configuration"#,
            r#"probes[0].when[2]: needs the admin interface; add "admin": { "cluster": "envoy_admin" } to the configuration"#,
        ]
    );
    let twice = format!(
        r#"{{"checks":[{{"name":"a","http":{{"cluster":"a","path":"/"}}}}],
            "probes":[{{{RESPOND},"when":[{{"check":"a"}},{{"check":"a"}}]}}]}}"#
    );
    assert_eq!(
        mistakes(&twice),
        [r#"probes[0].when[1]: "a" stands in this "when" already; keep one"#]
    );
}

#[test]
fn only_respond_rests_on_evidence() {
    for key in [r#""when":[]"#, r#""format":"json""#, r#""details":"always""#] {
        let name = key.split('"').nth(1).unwrap_or_default();
        assert_eq!(
            probe_mistakes(key),
            [format!("probes[0].{name}: has no effect on a forwarded probe; leave it out")]
        );
        assert_eq!(
            probe_mistakes(&format!(r#""action":"cache",{key}"#)),
            [format!("probes[0].{name}: has no effect on a cached probe; leave it out")]
        );
    }
}
