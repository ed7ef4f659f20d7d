//! `"action": "inspect"`: a page of what the proxy knows.

use crate::reader::object::Object;

/// A page shows much, and changes nothing: it is for those who are named, and for requests that
/// only read.
#[inline(never)]
pub(super) fn refuse_unfit(rule: &Object<'_>) {
    if !rule.has("allow") {
        rule.error(
            r#"shows everyone what the proxy knows; add "allow": { "cidrs": ["127.0.0.1"] }, or name principals"#,
        );
    }
    let Some(matcher) = rule.get("match") else { return };
    if matcher.member("grpc").is_some() {
        matcher.error(r#"takes calls of gRPC, which get no page; match a "path""#);
    }
    if let Some(methods) = matcher.member("methods") {
        let reads = |method: Option<&str>| matches!(method, Some("GET" | "HEAD"));
        if !methods.items().iter().any(|method| reads(method.text())) {
            methods.error(r#"gets no page: it is for "GET" and "HEAD"; add one of them"#);
        }
    }
}
