//! What a rule puts between the probers and the application: `cache`, `limit`,
//! `breaker`, `allow`.

use crate::base::units::{Rate, parse_duration, parse_rate, parse_size};
use crate::clients;
use crate::guards::allow::{AllowRule, Otherwise};
use crate::guards::breaker::BreakerRule;
use crate::guards::cache::CacheRule;
use crate::guards::limit::{LimitRule, OnLimit};
use crate::http::headers::{CACHE_CONTROL, VARY};
use crate::reader::object::Object;
use crate::reader::values::positive;
use std::time::Duration;

const LARGEST_BODY: usize = 1_024 * 1_024;
/// Stands in the place of a mistake.
const NO_RATE: Rate = Rate { count: 0, per: Duration::ZERO };

/// Reads `cache`.
pub(super) fn read_cache(object: &Object<'_>) -> CacheRule {
    let ttl = object.value("ttl", positive);
    let stale_for = object.value("stale_for", parse_duration);
    let max_body = object.value("max_body", body_size);
    let by_host = read_key(object);
    let ignored = object.words("ignore_headers");
    CacheRule {
        ignores_cache_control: ignored.contains(&CACHE_CONTROL),
        ignores_vary: ignored.contains(&VARY),
        ..CacheRule::new(ttl, stale_for, max_body, by_host)
    }
}

/// Reads what tells answers apart: whether the host does.
fn read_key(cache: &Object<'_>) -> bool {
    let Some(reader) = cache.get("key") else { return true };
    let before = reader.mistakes();
    let parts = cache.words("key");
    // Answers for one path say nothing of another.
    if !parts.contains(&"path") && reader.mistakes() == before {
        reader.error(r#"leaves out the path; write ["host", "path"] or ["path"]"#);
    }
    parts.contains(&"host")
}

/// Reads `limit`.
pub(super) fn read_limit(object: &Object<'_>) -> LimitRule {
    let rate = object.optional("rate", parse_rate).unwrap_or(NO_RATE);
    LimitRule {
        rate,
        burst: if object.has("burst") { object.count("burst") } else { rate.count },
        on_limit: object.word("on_limit", OnLimit::LastVerdict, &[OnLimit::Reject]),
    }
}

/// Reads `breaker`.
pub(super) fn read_breaker(object: &Object<'_>) -> BreakerRule {
    BreakerRule { failures: object.count("failures"), open_for: object.value("open_for", positive) }
}

/// Reads `allow`.
pub(super) fn read_allow(object: &Object<'_>) -> AllowRule {
    AllowRule {
        clients: clients::read(object),
        otherwise: object.word("otherwise", Otherwise::NotAProbe, &[Otherwise::Deny]),
    }
}

fn body_size(text: &str) -> Result<usize, String> {
    let size = parse_size(text)?;
    if size > LARGEST_BODY {
        return Err(r#"is too large to be kept; write "1MiB" or less"#.to_owned());
    }
    Ok(size)
}
