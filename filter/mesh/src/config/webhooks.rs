//! `webhooks`: who is called when verdicts change.

use super::keys;
use crate::webhook::{Format, Secret, WebhookRule};
use heartbeat_common::reader::Reader;
use heartbeat_common::reader::names::{plain_name, refuse_twins};
use heartbeat_common::reader::object::Object;
use heartbeat_common::reader::values::{cluster_name, default_host, host, positive, target};

/// All services.
const ALL: &str = "*";
/// What follows from the rest of a delivery.
const OURS: [&str; 7] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "user-agent",
    "te",
];
/// Headers of ours begin so.
const OURS_BEGIN: &str = "x-heartbeat-";

/// Reads `webhooks`.
pub(super) fn read(root: &Object<'_>) -> Vec<WebhookRule> {
    let items = root.items("webhooks");
    let webhooks = items.iter().map(read_webhook).collect();
    refuse_twins("webhook", &items);
    let known = root.get("services").map(|list| list.items()).unwrap_or_default();
    let known: Vec<&str> = known.iter().filter_map(|item| item.member("name")?.text()).collect();
    for item in &items {
        let named = item.member("services").map(|list| list.items()).unwrap_or_default();
        for reader in named {
            let Some(name) = reader.text().filter(|name| *name != ALL) else { continue };
            if !known.contains(&name) {
                let known = known.join(", ");
                reader.error(format!("no service is called {name:?}; there are: {known}"));
            }
        }
    }
    webhooks
}

fn read_webhook(reader: &Reader<'_>) -> WebhookRule {
    let object = reader.object(keys::WEBHOOK);
    let cluster = object.value("cluster", cluster_name);
    let mut services = object.list("services", |text| Ok(text.to_owned()));
    if services.iter().any(|name| name == ALL) {
        services.clear();
    }
    let verdicts = object.words("verdicts");
    WebhookRule {
        name: object.value("name", |text| plain_name("webhook", text)),
        host: object.optional("host", host).unwrap_or_else(|| default_host(&cluster)),
        cluster,
        path: Secret(object.expanded("path", target).unwrap_or_default()),
        services,
        verdicts: if verdicts.is_empty() { keys::VERDICTS.to_vec() } else { verdicts },
        format: object.word("format", Format::Event, &[Format::Slack, Format::Pulsar]),
        headers: read_headers(&object),
        key: object.get("sign_with").and_then(|reader| reader.variable()).map(Secret),
        timeout: object.value("timeout", positive),
        retries: object.count("retries"),
        backoff: object.value("backoff", positive),
        queue: object.count("queue") as usize,
    }
}

fn read_headers(object: &Object<'_>) -> Vec<(String, Secret)> {
    let Some(reader) = object.get("headers") else { return Vec::new() };
    let mut headers = Vec::new();
    for (name, reader) in reader.map() {
        if let Some(problem) = problem_of(name) {
            reader.error(problem);
        }
        let value = reader.expanded(header_value).unwrap_or_default();
        headers.push((name.to_ascii_lowercase(), Secret(value)));
    }
    headers
}

fn problem_of(name: &str) -> Option<&'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Some(r#"is not a header name; write it like "authorization""#);
    }
    let name = name.to_ascii_lowercase();
    (OURS.contains(&&*name) || name.starts_with(OURS_BEGIN))
        .then_some("is a header that the hub writes itself; leave it out")
}

fn header_value(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(r#"is not a header's value; write it like "Bearer ${TOKEN}""#.to_owned());
    }
    Ok(text.to_owned())
}
