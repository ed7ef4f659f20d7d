//! `when`: what the answer of a `respond` probe rests on, and how it is written.

use super::keys;
use crate::base::units::{Share, parse_share};
use crate::clients;
use crate::evidence::condition::{Basis, ClusterRule, Condition, Need, OnStale, Severity};
use crate::facts::traffic::TrafficRule;
use crate::format::Format;
use crate::probe::{Details, RespondRule};
use crate::reader::Reader;
use crate::reader::object::Object;
use crate::reader::values::cluster_name;
use crate::reader::values::positive;
use std::time::Duration;

const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);

/// Reads the keys of a rule that say how the proxy answers.
pub(super) fn read_respond(rule: &Object<'_>) -> RespondRule {
    let when = read_when(rule);
    let [first, others @ ..] = Format::WORDS.map(|(_, format)| format);
    let format = rule.word("format", first, &others);
    RespondRule { when, format, details: read_details(rule) }
}

fn read_details(rule: &Object<'_>) -> Details {
    if rule.get("details").is_some_and(|details| details.is_object()) {
        return Details::To(clients::read(&rule.object("details")));
    }
    rule.word("details", Details::Never, &[Details::Allowed, Details::Always])
}

/// Reads `when`.
pub(super) fn read_when(rule: &Object<'_>) -> Vec<Condition> {
    let items = rule.items("when");
    let conditions: Vec<_> = items.iter().map(|item| item.sound(read_condition)).collect();
    for (index, (item, condition)) in items.iter().zip(&conditions).enumerate() {
        let Some(condition) = condition else { continue };
        let name = condition.basis.name();
        if conditions.iter().take(index).flatten().any(|other| other.basis.name() == name) {
            item.error(format!("{name:?} stands in this \"when\" already; keep one"));
        }
    }
    conditions.into_iter().flatten().collect()
}

fn read_condition(reader: &Reader<'_>) -> Condition {
    let object = reader.object(keys::evidence::CONDITION);
    let severity = read_severity(&object);
    let on_stale = object.word("on_stale", OnStale::Warn, &[OnStale::Fail]);
    let basis = match object.chosen().as_slice() {
        [one] => read_basis(&object, one),
        [] => {
            object.error(
                r#"looks at nothing; add "check", "server", "cluster", "traffic" or "score""#,
            );
            Basis::Server
        }
        [first, second, ..] => {
            object.error(format!("looks at {first:?} and {second:?}; write an item for each"));
            Basis::Server
        }
    };
    object.refuse_idle(None);
    Condition { basis, severity, on_stale }
}

/// Reads `severity`, which stands beside what is looked at; with `score` it may
/// also stand inside.
fn read_severity(object: &Object<'_>) -> Severity {
    let inside = object.get("score").and_then(|score| score.member("severity"));
    match inside {
        Some(inside) if object.has("severity") => {
            inside.error("stands outside of \"score\" too; keep one");
            Severity::Fail
        }
        // Not as a key of the object: that is read, and found fault with, later.
        Some(inside) if inside.place_in(keys::evidence::SEVERITIES) == 0 => Severity::Fail,
        Some(_) => Severity::Warn,
        None => object.word("severity", Severity::Fail, &[Severity::Warn]),
    }
}

fn read_basis(object: &Object<'_>, key: &str) -> Basis {
    match key {
        "check" => Basis::Check(object.value(key, |name| Ok(name.to_owned()))),
        "server" => object.word(key, Basis::Server, &[]),
        "cluster" => read_clusters(object, vec![object.value(key, cluster_name)]),
        "clusters" => read_clusters(object, object.list(key, cluster_name)),
        "traffic" => Basis::Traffic(read_traffic(&object.object(key))),
        _ => {
            // The range leaves room.
            let min = object.object(key).count("min");
            Basis::Score(u16::try_from(min).unwrap_or_default())
        }
    }
}

fn read_clusters(object: &Object<'_>, names: Vec<String>) -> Basis {
    Basis::Cluster(ClusterRule {
        names,
        need: object.word("need", Need::All, &[Need::Any]),
        min_healthy: object.value("min_healthy", parse_share),
    })
}

fn read_traffic(object: &Object<'_>) -> TrafficRule {
    let most = object.optional("max_error_rate", parse_share);
    let recovers_at = object.optional("recovers_at", parse_share);
    let rule = TrafficRule {
        max_error_rate: most.unwrap_or_default(),
        recovers_at: recovers_at.or(most.map(Share::half)).unwrap_or_default(),
        min_requests: object.count("min_requests"),
        window: object.value("window", window),
    };
    if let (Some(_), Some(reader)) = (most, object.get("recovers_at"))
        && rule.recovers_at > rule.max_error_rate
    {
        reader
            .error("is above \"max_error_rate\"; write a lower one, or leave it out for the half");
    }
    rule
}

/// How long to look back.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    let window = positive(text)?;
    if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window) {
        return Err(r#"is out of range; write "1s" to "1h""#.to_owned());
    }
    Ok(window)
}
