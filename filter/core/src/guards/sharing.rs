//! What of a request and of its answer is for everyone.
//!
//! A cached answer serves all probers, so the request that fetches it must be the same
//! whoever's probe it is: host, path, and headers that tell nothing of who asks. A
//! request with any other header is its sender's own, and so is its answer.

use crate::guards::cache::CacheRule;
use crate::http::headers::{
    ACCEPT_ENCODING, AUTHORITY, CACHE_CONTROL, CLIENT_OVERRIDES, CONTENT_LENGTH, CONTENT_TYPE,
    FORWARDED_FOR, FORWARDED_PROTO, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_TIMEOUT, MAX_RETRIES,
    METHOD, ORIGINAL_METHOD, PATH, PROBE, SCHEME, TE, UPSTREAM_HEALTH_CHECK,
    UPSTREAM_RQ_TIMEOUT_MS, USER_AGENT, VARY,
};
use crate::http::request::ResponseHead;

/// Headers that go along with the fetch: the filter's own, those that name the request
/// for logs and traces, and those that are told apart by the scope.
static CARRIED: [&str; 29] = [
    METHOD,
    PATH,
    AUTHORITY,
    SCHEME,
    FORWARDED_PROTO,
    TE,
    CONTENT_LENGTH,
    UPSTREAM_HEALTH_CHECK,
    PROBE,
    UPSTREAM_RQ_TIMEOUT_MS,
    MAX_RETRIES,
    "x-request-id",
    "x-client-trace-id",
    "x-ot-span-context",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
    "traceparent",
    "tracestate",
    "uber-trace-id",
    "grpc-trace-bin",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
];

/// Headers that probers, browsers, Envoy and other proxies send along, and that the fetch
/// goes without: they would have the application answer one of them in particular.
pub static DROPPED: [&str; 57] = [
    CONTENT_TYPE,
    USER_AGENT,
    ACCEPT_ENCODING,
    CACHE_CONTROL,
    FORWARDED_FOR,
    GRPC_TIMEOUT,
    GRPC_ENCODING,
    GRPC_ACCEPT_ENCODING,
    "accept",
    "accept-charset",
    "accept-language",
    "baggage",
    "cdn-loop",
    "cf-connecting-ip",
    "cf-ipcountry",
    "cf-ray",
    "cf-visitor",
    "dnt",
    "forwarded",
    "from",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "priority",
    "range",
    "referer",
    "save-data",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "true-client-ip",
    "upgrade-insecure-requests",
    "via",
    "x-datadog-origin",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-internal",
    ORIGINAL_METHOD,
    "x-envoy-original-path",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-forwarded-client-cert",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-real-ip",
];

/// Whether the fetch can do without a header, or carry it, whoever has sent it.
pub fn is_common(name: &[u8], value: &[u8]) -> bool {
    let scheme = [SCHEME, FORWARDED_PROTO].iter().any(|known| known.as_bytes() == name);
    is_known(name) && (!scheme || matches!(value, b"http" | b"https"))
}

fn is_known(name: &[u8]) -> bool {
    let known = CARRIED.iter().chain(&DROPPED).chain(&CLIENT_OVERRIDES);
    known.into_iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether the application lets its answer be given to others (RFC 9111, sections 4.1,
/// 5.2.2.5 and 5.2.2.7), as far as the rule listens to it.
pub fn is_for_everyone(response: &impl ResponseHead, rule: &CacheRule) -> bool {
    // What the fetch carries and what it goes without may differ from prober to prober;
    // of any other header, all who are served have none. An answer that isn't encoded
    // suits everyone.
    let varies = |field: &[u8]| {
        field == b"*" || is_known(field) && !field.eq_ignore_ascii_case(ACCEPT_ENCODING.as_bytes())
    };
    let forbids = |directive: &[u8]| {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
        [&b"private"[..], b"no-store"].iter().any(|word| name.eq_ignore_ascii_case(word))
    };
    (rule.ignores_vary || !lists(response, VARY, &varies))
        && (rule.ignores_cache_control || !lists(response, CACHE_CONTROL, &forbids))
}

/// Whether a header that is a list (RFC 9110, section 5.6.1) has such an item.
fn lists(response: &impl ResponseHead, name: &str, such: &dyn Fn(&[u8]) -> bool) -> bool {
    let values = response.header_values(name);
    values.iter().any(|value| value.split(|byte| *byte == b',').any(|item| such(item.trim_ascii())))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_may_be_somebodys_is_not_common() {
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "x-api-key",
            "private-token",
            "x-auth-token",
            "x-forwarded-user",
            "x-goog-iap-jwt-assertion",
            "x-original-url",
            "x-http-method-override",
            "x-envoy-fault-abort-request",
            "x-anything",
            "",
        ] {
            assert!(!is_common(name.as_bytes(), b"1"), "{name}");
        }
    }

    #[test]
    fn a_scheme_is_one_of_two() {
        for name in [":scheme", "x-forwarded-proto"] {
            assert!(is_common(name.as_bytes(), b"https"));
            assert!(!is_common(name.as_bytes(), b"gopher"));
        }
    }

    #[test]
    fn no_header_is_both_carried_and_dropped() {
        for name in DROPPED {
            assert!(!CARRIED.contains(&name), "{name}");
        }
    }
}
