//! What is said of requests.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(words: &[&str]) -> Arguments {
    let words = ["explain", "a.yaml"].iter().chain(words);
    Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).arguments
}

fn refusal_or_account(config: &str, words: &[&str]) -> Result<Account, Refusal> {
    let file = File::parse("a.yaml", config.as_bytes()).unwrap();
    let found = crate::source::find(&file, None).unwrap();
    explain_in(&file, &found, &arguments(words))
}

fn account(config: &str, words: &[&str]) -> Account {
    refusal_or_account(config, words).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn header<'a>(reply: &'a account::Reply, name: &str) -> Option<&'a str> {
    let named = reply.headers.iter().find(|header| header.name == name);
    named.map(|header| header.value.as_str())
}

#[test]
fn each_condition_that_keeps_a_rule_from_a_request_is_named() {
    for (matcher, words, why) in [
        ("path: /a", &["GET", "/b?/a"][..], "the path is /b, not /a"),
        ("path_prefix: /a", &["GET", "/ab"], "the path /ab is neither /a nor below it"),
        ("path: /a, methods: [PUT, POST]", &["GET", "/a"], "the method is GET, not PUT or POST"),
        (
            "headers: [{ name: x, exact: ok }, { name: z, present: true }]",
            &["GET", "/", "-H", "x: z", "-H", "Z: "],
            r#"x is "z", and must be "ok""#,
        ),
        (
            "headers: [{ name: host, suffix: .a }, { name: x, contains: ok, not: true }]",
            &["GET", "/", "-H", "Host: b", "-H", "x: ok", "-H", "x: z"],
            r#":authority is "b", and must end with ".a"; x is "ok" and "z", and must not hold "ok""#,
        ),
        ("grpc: {}", &["GET", "/"], "it is for calls of grpc.health.v1.Health"),
        (
            "grpc: {}",
            &["POST", "/grpc.health.v1.Health/Check", "-H", "content-type: text/plain"],
            r#"content-type is "text/plain", and a call has application/grpc"#,
        ),
        ("grpc: { methods: [Watch] }", &["--grpc", "check"], "the call isn't Watch"),
        (
            "grpc: { services: [a, b*] }",
            &["--grpc", "Check", "--service", "c"],
            r#"the service is "c", not "a" or "b*""#,
        ),
        (
            "grpc: { services: [a] }",
            &["--grpc", "List"],
            "a List asks for all services, and its services are named",
        ),
    ] {
        let config = format!("probes: [{{ name: a, match: {{ {matcher} }} }}]");
        let account = account(&config, words);
        assert_eq!(account.rules[0].why_not.as_deref(), Some(why), "{matcher}");
        assert_eq!(account.rule, None);
    }
}

#[test]
fn who_is_excluded_is_told_why() {
    for (allow, words, why) in [
        ("cidrs: [10.0.0.0/8]", &[][..], "127.0.0.1:50000 is in none of its cidrs"),
        ("cidrs: [0.0.0.0/0]", &["-H", "x-forwarded-for: 10.0.0.1"], "it has x-forwarded-for"),
        ("cidrs: [0.0.0.0/0], address: { filter_state: a.b }", &[], r#"no filter has noted "a.b""#),
        ("principals: [spiffe://a/*]", &[], "it has shown no certificate"),
        (
            "principals: [spiffe://a/*]",
            &["--principal", "spiffe://b/c"],
            "spiffe://b/c is none of its principals",
        ),
    ] {
        let config = format!("probes: [{{ name: a, match: {{ path: / }}, allow: {{ {allow} }} }}]");
        let account = account(&config, &[&["GET", "/"], words].concat());
        let because = account.ordinary_because.unwrap();
        assert!(because.contains(why), "{because}");
    }
}

#[test]
fn an_address_a_certificate_or_a_filter_state_lets_in() {
    for (allow, words) in [
        ("cidrs: [10.0.0.0/8]", ["--from", "10.0.0.7:80"]),
        ("cidrs: [10.0.0.0/8], address: trusted", ["-H", "x-forwarded-for: 9.9.9.9, 10.0.0.7"]),
        ("cidrs: [\"fd00::/8\"]", ["--from", "fd00::7"]),
        ("cidrs: [10.0.0.7], address: { filter_state: a.b }", ["--filter-state", "a.b=10.0.0.7"]),
        ("principals: [spiffe://a/*]", ["--principal", "spiffe://a/b"]),
    ] {
        let config = format!("probes: [{{ name: a, match: {{ path: / }}, allow: {{ {allow} }} }}]");
        let account = account(&config, &[&["GET", "/"][..], &words].concat());
        assert_eq!(account.rule.as_deref(), Some("a"), "{words:?}");
    }
}

const EVIDENCE: &str = "
probes: [{ name: r, match: { path: /r }, action: respond, details: always, format: health+json,
           when: [{ check: a }, { check: g, severity: warn }, { server: live }, { cluster: c },
                  { traffic: { max_error_rate: 10% } }] }]
checks: [{ name: a, http: { cluster: a, path: /, expect: ['204'] }, fall: 5 },
         { name: g, grpc: { cluster: g, watch: true }, interval: 1m, rise: 9 }]
admin: { cluster: admin }
";

#[test]
fn evidence_is_as_it_is_said_to_be() {
    for (words, status, finding, output) in [
        (&[][..], 200, "a", "answered 204 in 1 ms"),
        (&["--check", "a=fail"], 503, "a", "answered 200, not 204"),
        (&["--check", "a=timeout"], 503, "a", "no answer within"),
        (&["--check", "a=unreachable"], 503, "a", "connection refused"),
        (&["--check", "g=fail"], 200, "g", "NOT_SERVING"),
        (&["--server", "draining"], 503, "server", "draining"),
        (&["--server", "unreachable"], 200, "server", "never seen"),
        (&["--cluster", "c=1/3"], 503, "cluster:c", "1 of 3 hosts are healthy"),
        (&["--traffic", "11/100"], 503, "traffic", "11 of 100 requests failed"),
        (&["--evidence", "none"], 503, "a", "no answer yet"),
        (&["--evidence", "stale"], 200, "a", "not asked for"),
    ] {
        let account = account(EVIDENCE, &[&["GET", "/r"], words].concat());
        assert_eq!(account.prober.status, status, "{words:?}: {:?}", account.evidence);
        let evidence = account.evidence.unwrap();
        let found = evidence.findings.iter().find(|it| it.name == finding).unwrap();
        assert!(found.output.contains(output), "{words:?}: {found:?}");
    }
}

#[test]
fn an_answer_can_be_shown_in_every_format() {
    let account = account(EVIDENCE, &["GET", "/r", "--formats"]);
    assert_eq!(account.formats.len(), Written::WORDS.len());
    assert_eq!(
        account.prober.body.as_deref().map(|body| body.contains("responseTime")),
        Some(true)
    );
    for (word, format) in Written::WORDS {
        let reply = &account.formats[word];
        assert_eq!(header(reply, "content-type"), Some(format.content_type()), "{word}");
    }
}

#[test]
fn calls_are_answered_as_applications_and_proxies_do() {
    let forward = "probes: [{ name: g, match: { grpc: {} } }]";
    let respond = "
probes: [{ name: g, match: { grpc: { methods: [Check] } }, action: respond, when: [{ check: a }] }]
checks: [{ name: a, http: { cluster: a, path: / } }]
grpc_replies: { path: /.heartbeat/grpc }";
    let via_http = "probes: [{ name: g, match: { grpc: { methods: [Check] } }, via_http: /h }]";
    for (config, words, code, serving) in [
        (forward, &[][..], "OK", Some("SERVING")),
        (forward, &["--app", "NOT_SERVING"], "OK", Some("NOT_SERVING")),
        (forward, &["--app", "NOT_FOUND"], "NOT_FOUND", None),
        (forward, &["--app", "timeout"], "DEADLINE_EXCEEDED", None),
        (forward, &["--app", "refused"], "UNAVAILABLE", None),
        (respond, &[], "OK", Some("SERVING")),
        (respond, &["--check", "a=fail"], "OK", Some("NOT_SERVING")),
        (respond, &["--service", "nobody"], "NOT_FOUND", None),
        (via_http, &[], "OK", Some("SERVING")),
        (via_http, &["--app", "503"], "OK", Some("NOT_SERVING")),
    ] {
        let account = account(config, &[&["--grpc", "Check"], words].concat());
        let told = (account.prober.grpc_status, account.prober.serving);
        assert_eq!(told, (Some(code), serving), "{config} {words:?}");
    }
}

#[test]
fn a_forwarded_probe_is_told_from_how_it_was_sent() {
    let config = "probes: [{ name: a, match: { path: / }, timeout: 700ms, connection: close }]";
    let account = account(config, &["GET", "/", "-H", "x-envoy-retry-on: 5xx", "--app", "503"]);
    let arrival = account.application.unwrap();
    let mut set = arrival.set.clone();
    set.sort();
    assert_eq!(set, ["connection", "x-envoy-upstream-health-check", "x-heartbeat-probe"]);
    assert_eq!(arrival.timeout.as_deref(), Some("700 ms"));
    assert_eq!(header(&account.prober, "x-heartbeat-status"), Some("not-ready"));
    let rises: Vec<_> = account.metrics.iter().map(|rise| rise.series.as_str()).collect();
    assert!(rises.contains(&r#"heartbeat_probe_total{outcome="fail",probe="a"}"#), "{rises:?}");
}

#[test]
fn what_stands_around_the_filter_tells_more_of_the_request() {
    let file = include_str!("../../../../envoy-config/static/envoy.yaml");
    let account = account(file, &["/health"]);
    let cluster = "x-envoy-upstream-healthchecked-cluster";
    assert_eq!(header(&account.prober, cluster), Some("heartbeat-demo"));
    let headers = account.application.unwrap().headers;
    let forwarded = headers.iter().find(|header| header.name == "x-forwarded-for");
    assert_eq!(forwarded.map(|header| header.value.as_str()), Some("127.0.0.1"));
}

#[test]
fn envoys_that_hide_messages_have_no_rule_for_a_service() {
    let envoy = |allow: &str| {
        let code = "code: { local: { filename: heartbeat_filter.wasm } }";
        let config = r#"{"probes":[{"name":"a","match":{"grpc":{"services":["x"]}}}]}"#;
        let plugin = format!("vm_config: {{ {code} }}, configuration: {{ value: '{config}' }}");
        format!("{{ config: {{ {plugin}{allow} }} }}")
    };
    let words = &["--grpc", "Check", "--service", "x"];
    let shown = account(&envoy(", allow_on_headers_stop_iteration: true"), words);
    assert_eq!(shown.rule.as_deref(), Some("a"));
    let hidden = account(&envoy(""), words);
    let why = hidden.rules[0].why_not.as_deref().unwrap();
    assert!(why.contains("allow_on_headers_stop_iteration"), "{why}");
}

#[test]
fn trusted_hops_tell_whose_address_counts() {
    let config = r#"{"probes":[{"name":"a","match":{"path":"/"},
                     "allow":{"cidrs":["10.0.0.7"],"address":"trusted"}}]}"#;
    for (manager, forwarded, rule) in [
        ("use_remote_address: true", "10.0.0.7", None),
        ("use_remote_address: true, xff_num_trusted_hops: 1", "10.0.0.7", Some("a")),
        ("use_remote_address: true, xff_num_trusted_hops: 2", "10.0.0.7, 1.1.1.1", Some("a")),
        ("xff_num_trusted_hops: 0", "1.1.1.1, 10.0.0.7", Some("a")),
        ("xff_num_trusted_hops: 1", "10.0.0.7, 1.1.1.1", Some("a")),
        ("use_remote_address: false", "10.0.0.7, 1.1.1.1", None),
    ] {
        let code = "code: { local: { filename: heartbeat_filter.wasm } }";
        let plugin =
            format!("{{ vm_config: {{ {code} }}, configuration: {{ value: '{config}' }} }}");
        let file =
            format!("{{ {manager}, http_filters: [{{ typed_config: {{ config: {plugin} }} }}] }}");
        let forwarded = format!("x-forwarded-for: {forwarded}");
        let account = account(&file, &["GET", "/", "-H", &forwarded]);
        assert_eq!(account.rule.as_deref(), rule, "{manager} {forwarded}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_mended() {
    let two =
        "probes: [{ name: a, match: { path: / } }]\n---\nprobes: [{ name: b, match: { path: / } }]";
    let hub = "{ services: [], sources: [] }";
    for (config, words, mend) in [
        (two, &["GET", "/"][..], "--nth 2  a.yaml:3:1: filter"),
        (two, &["GET", "/", "--nth", "3"], "there is no configuration 3"),
        (hub, &["GET", "/"], "only the hub's configuration is here"),
        ("a: b", &["GET", "/"], "no configuration of Heartbeat Filter is here"),
        ("probes: [{ name: a, mtch: 1 }]", &["GET", "/"], "a.yaml:1:"),
        (EVIDENCE, &["GET", "/r", "--check", "b=fail"], "there are: a, g"),
        (EVIDENCE, &["GET", "/r", "--cluster", "d=1/2"], "there are: c"),
        ("{}", &["GET"], "METHOD TARGET"),
        ("{}", &["GET", "health"], "write a path"),
    ] {
        let file = File::parse("a.yaml", config.as_bytes()).unwrap();
        let found = crate::source::find(&file, None).unwrap();
        let told = if found.is_empty() {
            reading::nothing_in(&file)
        } else {
            explain_in(&file, &found, &arguments(words)).unwrap_err()
        };
        assert!(told.reasons.join("\n").contains(mend), "{config}: {told:?}");
    }
}

#[test]
fn nothing_of_an_account_is_lost_in_its_text() {
    let account = account(EVIDENCE, &["GET", "/r", "--check", "g=fail"]);
    let text = text::text(&account);
    for word in ["takes it: respond", "x-envoy-degraded: true", "NOT_SERVING", "by 1", "--check"] {
        assert!(text.contains(word), "{text}");
    }
}
