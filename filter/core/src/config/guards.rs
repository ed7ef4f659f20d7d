//! What a rule puts between the probers and the application: `cache`, `limit`,
//! `breaker`, `allow`.

use super::reader::{Object, Reader};
use crate::base::units::{parse_duration, parse_rate, parse_size};
use crate::guards::allow::{AddressSource, AllowRule, Cidr, Clients, Otherwise, Principal};
use crate::guards::breaker::BreakerRule;
use crate::guards::cache::CacheRule;
use crate::guards::limit::{LimitRule, OnLimit};
use crate::http::headers::{CACHE_CONTROL, VARY};
use std::time::Duration;

const LARGEST_BODY: usize = 1_024 * 1_024;
const MOST_FAILURES: u32 = 1_000;
const LARGEST_BURST: u32 = 1_000_000;

/// Reads `cache`.
pub(super) fn read_cache(reader: &Reader<'_>) -> Option<CacheRule> {
    let object = reader.object(&["ttl", "stale_for", "max_body", "key", "ignore_headers"])?;
    let default = CacheRule::default();
    let ttl = object.or_default("ttl", default.ttl, |reader| reader.parsed(positive));
    let stale_for =
        object.or_default("stale_for", default.stale_for, |reader| reader.parsed(parse_duration));
    let max_body =
        object.or_default("max_body", default.max_body, |reader| reader.parsed(body_size));
    let by_host = object.or_default("key", default.by_host, read_key);
    let ignored = object.or_default("ignore_headers", Vec::new(), |reader| {
        let words = [CACHE_CONTROL, VARY].map(|name| (name, name));
        // All of them first: every mistake is to be noted.
        let names: Vec<_> = reader.filled_list()?.iter().map(|name| name.one_of(&words)).collect();
        names.into_iter().collect()
    })?;
    Some(CacheRule {
        ignores_cache_control: ignored.contains(&CACHE_CONTROL),
        ignores_vary: ignored.contains(&VARY),
        ..CacheRule::new(ttl?, stale_for?, max_body?, by_host?)
    })
}

/// Reads what tells answers apart: whether the host does.
fn read_key(reader: &Reader<'_>) -> Option<bool> {
    let (mut by_host, mut by_path) = (false, false);
    for part in reader.filled_list()? {
        match part.one_of(&[("host", true), ("path", false)]) {
            Some(true) => by_host = true,
            Some(false) => by_path = true,
            None => {}
        }
    }
    // Whoever asks for another path asks for another answer.
    if !by_path {
        reader.error(r#"leaves out the path; write ["host", "path"] or ["path"]"#);
    }
    Some(by_host)
}

/// Reads `limit`.
pub(super) fn read_limit(reader: &Reader<'_>) -> Option<LimitRule> {
    let object = reader.object(&["rate", "burst", "on_limit"])?;
    let rate =
        object.required("rate", r#""rate": "50/s""#).and_then(|reader| reader.parsed(parse_rate));
    let burst = match object.get("burst") {
        Some(reader) => reader.count_from_one(LARGEST_BURST),
        None => rate.map(|rate| rate.count),
    };
    let on_limit = object.or_default("on_limit", OnLimit::LastVerdict, |reader| {
        reader.one_of(&[("last_verdict", OnLimit::LastVerdict), ("reject", OnLimit::Reject)])
    });
    Some(LimitRule { rate: rate?, burst: burst?, on_limit: on_limit? })
}

/// Reads `breaker`.
pub(super) fn read_breaker(reader: &Reader<'_>) -> Option<BreakerRule> {
    let object = reader.object(&["failures", "open_for"])?;
    let failures =
        object.get("failures").map_or(Some(3), |reader| reader.count_from_one(MOST_FAILURES));
    let open_for = object
        .get("open_for")
        .map_or(Some(Duration::from_secs(5)), |reader| reader.parsed(positive));
    Some(BreakerRule { failures: failures?, open_for: open_for? })
}

/// Reads `allow`.
pub(super) fn read_allow(reader: &Reader<'_>) -> Option<AllowRule> {
    let object = reader.object(&["cidrs", "address", "principals", "otherwise"])?;
    let clients = read_clients(&object);
    let otherwise = object.or_default("otherwise", Otherwise::NotAProbe, |reader| {
        reader.one_of(&[("not_a_probe", Otherwise::NotAProbe), ("deny", Otherwise::Deny)])
    });
    Some(AllowRule { clients: clients?, otherwise: otherwise? })
}

/// Reads the keys that name clients.
pub(super) fn read_clients(object: &Object<'_>) -> Option<Clients> {
    let cidrs = optional_list(object, "cidrs", Cidr::parse);
    let address = object.or_default("address", AddressSource::Connection, read_address);
    let principals = optional_list(object, "principals", Principal::parse);
    if object.get("cidrs").is_none() && object.get("principals").is_none() {
        object.error(r#"names nobody; add "cidrs" or "principals", or leave it out"#);
    }
    if let (None, Some(address)) = (object.get("cidrs"), object.get("address")) {
        address.error(r#"has no effect without "cidrs"; leave it out"#);
    }
    Some(Clients { cidrs: cidrs?, address: address?, principals: principals? })
}

fn read_address(reader: &Reader<'_>) -> Option<AddressSource> {
    if reader.text() == Some("trusted") {
        return Some(AddressSource::Trusted);
    }
    let state = reader.member("filter_state").filter(|_| reader.entries().len() == 1);
    match state.and_then(|name| name.text()).filter(|name| !name.is_empty()) {
        Some(name) => Some(AddressSource::FilterState(name.to_owned())),
        None => {
            reader.error(
                r#"names no source; write "trusted" or { "filter_state": "heartbeat.address" }"#,
            );
            None
        }
    }
}

fn optional_list<T>(
    object: &Object<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    object.get(key).map_or_else(|| Some(Vec::new()), |list| list.list_of(parse))
}

/// A duration that isn't 0.
pub(super) fn positive(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        return Err(r#"is no time at all; write it like "500ms" or "1s""#.to_owned());
    }
    Ok(duration)
}

fn body_size(text: &str) -> Result<usize, String> {
    let size = parse_size(text)?;
    if size > LARGEST_BODY {
        return Err(r#"is too large to be kept; write "1MiB" or less"#.to_owned());
    }
    Ok(size)
}
