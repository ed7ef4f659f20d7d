//! `checks` and `admin`: what the proxy asks on its own account.

use super::keys;
use super::statuses::status_pattern;
use crate::facts::admin::AdminRule;
use crate::facts::check::{CheckCall, CheckRule, GrpcCheck, HttpCheck, Initial};
use crate::matching::status::StatusPattern;
use crate::reader::Reader;
use crate::reader::names::{plain_name, refuse_twins};
use crate::reader::object::Object;
use crate::reader::values::{self, cluster_name, default_host, grpc_service, host, target};

/// Reads `checks`.
pub(super) fn read(root: &Object<'_>) -> Vec<CheckRule> {
    let items = root.items("checks");
    let rules: Vec<Option<CheckRule>> = items.iter().map(|item| item.sound(read_check)).collect();
    refuse_twins("check", &items);
    rules.into_iter().flatten().collect()
}

fn read_check(reader: &Reader<'_>) -> CheckRule {
    let object = reader.object(keys::checks::CHECK);
    let name = object.value("name", check_name);
    let call = read_call(&object);
    let (interval, timeout) = values::pace(&object);
    CheckRule {
        name,
        call,
        interval,
        timeout,
        rise: object.count("rise"),
        fall: object.count("fall"),
        initial: object.word("initial", Initial::Unknown, &[Initial::Pass]),
    }
}

fn read_call(object: &Object<'_>) -> CheckCall {
    match object.chosen().as_slice() {
        [_] => {}
        [] => object.error(
            r#"asks nothing; add "http": { "cluster": "db", "path": "/ping" } or "grpc": { "cluster": "db" }"#,
        ),
        _ => object.error(r#"asks over "http" and "grpc"; write a check for each"#),
    }
    let http = object.optional_object("http", read_http);
    // Where there is neither, this stands in its place.
    let grpc = || read_grpc(&object.object("grpc"));
    match http {
        Some(http) if !object.has("grpc") => CheckCall::Http(http),
        _ => CheckCall::Grpc(grpc()),
    }
}

fn read_grpc(object: &Object<'_>) -> GrpcCheck {
    let cluster = object.value("cluster", cluster_name);
    let authority = object.optional("authority", host);
    GrpcCheck {
        service: object.value("service", grpc_service),
        authority: authority.unwrap_or_else(|| default_host(&cluster)),
        watch: object.flag("watch"),
        cluster,
    }
}

fn read_http(object: &Object<'_>) -> HttpCheck {
    let cluster = object.value("cluster", cluster_name);
    let path = object.value("path", target);
    let host = object.optional("host", host);
    let mut expect = object.list("expect", status_pattern);
    if !object.has("expect") {
        expect.push(StatusPattern::Class(2));
    }
    HttpCheck { host: host.unwrap_or_else(|| default_host(&cluster)), cluster, path, expect }
}

/// Reads `admin`.
pub(super) fn read_admin(object: &Object<'_>) -> AdminRule {
    let cluster = object.value("cluster", cluster_name);
    let (interval, timeout) = values::pace(object);
    AdminRule { cluster, interval, timeout }
}

/// A check stands in JSON beside other evidence, and must not be called like it.
fn check_name(text: &str) -> Result<String, String> {
    let name = plain_name("check", text)?;
    if matches!(text, "server" | "traffic" | "score") {
        return Err("is what other evidence is called; choose another".to_owned());
    }
    Ok(name)
}
