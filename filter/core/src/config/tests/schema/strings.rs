//! Strings at the edge of what keys may hold: reader and schema must agree on each.

use crate::config::tests::parse;

/// Where strings stand.
const PLACES: [&str; 31] = [
    r#"{"probes":[{"name":"…","match":{"path":"/p"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"…"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path_prefix":"…"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p","methods":["…"]}}]}"#,
    r#"{"probes":[{"name":"p","match":{"headers":[{"name":"…","present":true}]}}]}"#,
    r#"{"probes":[{"name":"p","match":{"headers":[{"name":"a","exact":"…"}]}}]}"#,
    r#"{"probes":[{"name":"p","match":{"headers":[{"name":"a","suffix":"…"}]}}]}"#,
    r#"{"probes":[{"name":"p","match":{"grpc":{"services":["…"]}}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"timeout":"…"}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"cache","cache":{"ttl":"…"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"cache","cache":{"stale_for":"…"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"cache","cache":{"max_body":"…"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"limit":{"rate":"…"}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"allow":{"cidrs":["…"]}}]}"#,
    r#"{"probes":[{"name":"p","match":{"path":"/p"},"allow":{"principals":["…"]}}]}"#,
    r#"{"admin":{"cluster":"a"},"probes":[{"name":"p","match":{"path":"/p"},"action":"respond","when":[{"cluster":"b","min_healthy":"…"}]}]}"#,
    r#"{"checks":[{"name":"…","http":{"cluster":"a","path":"/"}}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"…","path":"/"}}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"…"}}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/","host":"…"}}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/","expect":["…"]}}]}"#,
    r#"{"checks":[{"name":"c","grpc":{"cluster":"a","service":"…"}}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/"},"interval":"…"}]}"#,
    r#"{"score":{"window":"…"}}"#,
    r#"{"counters":[{"name":"…","when":{}}]}"#,
    r#"{"counters":[{"name":"c","when":{"response":{"grpc_status":["…"]}}}]}"#,
    r#"{"counters":[{"name":"c","when":{},"labels":{"a":{"request_header":"x","values":["…"]}}}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/"}}],"publish":{"cluster":"hub","instance":"…","when":[{"check":"c"}]}}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/"}}],"publish":[{"cluster":"hub","instance":"a","service":"…","when":[{"check":"c"}]}]}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/"}}],"publish":{"cluster":"hub","instance":"a","path":"…","when":[{"check":"c"}]}}"#,
    r#"{"checks":[{"name":"c","http":{"cluster":"a","path":"/"}}],"publish":{"cluster":"hub","instance":"a","every":"…","when":[{"check":"c"}]}}"#,
];

#[rustfmt::skip]
const STRINGS: [&str; 100] = [
    "", " ", "a", "A", "a b", "a/b", "a.b", "a-b_c", "a;b", "é", "a\u{7f}", "*", "a*", "a.*", "a*b", "*a",
    "0s", "00ms", "0.0s", "0h", "1s", "01s", "1.5s", "1.s", ".5s", "0.001s", "0.0005s", "1.0000s",
    "1.5m", "99ms", "099ms", "100ms", "0.1s", "0.09s", "0.099s", "999ms", "1000ms", "0.999s", "1m", "60m",
    "61m", "3600s", "3601s", "3600.5s", "1h", "2h", "10h", "none", "None", "1d", "3 s", "-1s",
    "0%", "0.5%", "0.55%", "0.555%", "100%", "100.0%", "100.01%", "101%", "050%", "%", "50",
    "0B", "1MiB", "2MiB", "1024KiB", "1025KiB", "1048576B", "2000000B", "1KB", "64kib",
    "1xx", "6xx", "200", "099", "600", "2XX", "/", "/a?b", "/a#b", "/a*", "/a*?b", "/é", "/%20",
    "::/0", "10.0.0.0/8", "spiffe://a/*", "spiffe://a*", "50/s", "0/s", "05/m", "4294967295/s", "4294967296/s", "10000000000/s",
    "00000000000000000000001s", "9999999999999999999s", "99999999999999999999s", "OK", "heartbeat_x",
];

#[test]
fn reader_and_schema_agree_on_strings() {
    for place in PLACES {
        let accepted = STRINGS.iter().filter(|text| parse(&place.replace('…', text)).is_ok());
        assert!(accepted.count() > 0, "no string fits {place}");
    }
}
