//! `when`: what the answer of a `respond` probe rests on, and how it is written.

use super::checks::cluster_name;
use super::guards::{positive, read_clients};
use super::names::distinct;
use super::reader::{Object, Reader};
use crate::base::units::{Share, parse_share};
use crate::evidence::condition::{Basis, ClusterRule, Condition, Need, OnStale, Severity};
use crate::facts::traffic::TrafficRule;
use crate::format::Format;
use crate::probe::{Details, RespondRule};
use crate::score::FAULTLESS;
use std::time::Duration;

const MOST_CONDITIONS: usize = 64;
const MOST_CLUSTERS: usize = 16;
const MOST_REQUESTS: u32 = 1_000_000_000;
const DEFAULT_MIN_REQUESTS: u32 = 20;
const DEFAULT_WINDOW: Duration = Duration::from_secs(10);
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);

/// Reads the keys of a rule that say how the proxy answers.
pub(super) fn read_respond(rule: &Object<'_>) -> Option<RespondRule> {
    let when = rule.or_default("when", Vec::new(), read_when);
    let format =
        rule.or_default("format", Format::default(), |reader| reader.one_of(&Format::WORDS));
    let details = rule.or_default("details", Details::default(), read_details);
    Some(RespondRule { when: when?, format: format?, details: details? })
}

fn read_details(reader: &Reader<'_>) -> Option<Details> {
    if reader.is_object() {
        let object = reader.object(&["cidrs", "address", "principals"])?;
        return read_clients(&object).map(Details::To);
    }
    let (never, allowed, always) = (&Details::Never, &Details::Allowed, &Details::Always);
    reader.one_of(&[("never", never), ("allowed", allowed), ("always", always)]).cloned()
}

fn read_when(list: &Reader<'_>) -> Option<Vec<Condition>> {
    let items = list.list()?;
    if items.len() > MOST_CONDITIONS {
        list.error(format!("has {} items; keep {MOST_CONDITIONS} at most", items.len()));
    }
    let conditions: Vec<Option<Condition>> = items.iter().map(read_condition).collect();
    for (index, (item, condition)) in items.iter().zip(&conditions).enumerate() {
        let Some(condition) = condition else { continue };
        let name = condition.basis.name();
        if conditions.iter().take(index).flatten().any(|other| other.basis.name() == name) {
            item.error(format!("{name:?} stands in this \"when\" already; keep one"));
        }
    }
    conditions.into_iter().collect()
}

const BASES: [&str; 6] = ["check", "server", "cluster", "clusters", "traffic", "score"];

fn read_condition(reader: &Reader<'_>) -> Option<Condition> {
    let [check, server, cluster, clusters, traffic, score] = BASES;
    let more = ["need", "min_healthy", "severity", "on_stale"];
    let [need, min_healthy, severity, on_stale] = more;
    let object = reader.object(&[
        check,
        server,
        cluster,
        clusters,
        traffic,
        score,
        need,
        min_healthy,
        severity,
        on_stale,
    ])?;
    let severity = read_severity(&object);
    let on_stale = object.or_default("on_stale", OnStale::Warn, |reader| {
        reader.one_of(&[("warn", OnStale::Warn), ("fail", OnStale::Fail)])
    });
    let given: Vec<&str> = BASES.into_iter().filter(|key| object.get(key).is_some()).collect();
    let basis = match given.as_slice() {
        [one] => read_basis(&object, one),
        [] => {
            object.error(
                r#"looks at nothing; add "check", "server", "cluster", "traffic" or "score""#,
            );
            None
        }
        [first, second, ..] => {
            object.error(format!("looks at {first:?} and {second:?}; write an item for each"));
            None
        }
    };
    let (cluster, clusters) = (given.contains(&"cluster"), given.contains(&"clusters"));
    if let (Some(reader), false) = (object.get("min_healthy"), cluster || clusters) {
        reader.error("has no effect without \"cluster\"; leave it out");
    }
    if let (Some(reader), false) = (object.get("need"), clusters) {
        reader.error("has no effect without \"clusters\"; leave it out");
    }
    if let (Some(reader), true) = (object.get("on_stale"), given.contains(&"traffic")) {
        reader.error("has no effect on \"traffic\", which is never stale; leave it out");
    }
    Some(Condition { basis: basis?, severity: severity?, on_stale: on_stale? })
}

/// Reads `severity`, which stands beside what is looked at; with `score` it may
/// also stand inside.
fn read_severity(object: &Object<'_>) -> Option<Severity> {
    let inside = object.get("score").and_then(|score| score.member("severity"));
    let reader = match (object.get("severity"), inside) {
        (Some(_), Some(inside)) => {
            inside.error("stands outside of \"score\" too; keep one");
            return None;
        }
        (outside, inside) => outside.or(inside),
    };
    reader.map_or(Some(Severity::Fail), |reader| {
        reader.one_of(&[("fail", Severity::Fail), ("warn", Severity::Warn)])
    })
}

fn read_basis(object: &Object<'_>, key: &str) -> Option<Basis> {
    let reader = object.get(key)?;
    match key {
        "check" => reader.string().map(|name| Basis::Check(name.to_owned())),
        "server" => reader.one_of(&[("live", ())]).map(|()| Basis::Server),
        "cluster" | "clusters" => {
            let names = match key {
                "cluster" => reader.parsed(cluster_name).map(|name| vec![name]),
                _ => read_clusters(&reader),
            };
            let need = object.or_default("need", Need::All, |reader| {
                reader.one_of(&[("all", Need::All), ("any", Need::Any)])
            });
            let half = Share::WHOLE.half();
            let min_healthy =
                object.or_default("min_healthy", half, |reader| reader.parsed(parse_share));
            let (names, need, min_healthy) = (names?, need?, min_healthy?);
            Some(Basis::Cluster(ClusterRule { names, need, min_healthy }))
        }
        "score" => read_score(&reader).map(Basis::Score),
        _ => read_traffic(&reader).map(Basis::Traffic),
    }
}

fn read_clusters(list: &Reader<'_>) -> Option<Vec<String>> {
    let names = distinct(list, cluster_name)?;
    if names.len() > MOST_CLUSTERS {
        list.error(format!("has {} items; keep {MOST_CLUSTERS} at most", names.len()));
    }
    Some(names)
}

fn read_score(reader: &Reader<'_>) -> Option<u16> {
    let object = reader.object(&["min", "severity"])?;
    let min = object.required("min", r#""min": 600"#)?.count(u32::from(FAULTLESS))?;
    u16::try_from(min).ok()
}

fn read_traffic(reader: &Reader<'_>) -> Option<TrafficRule> {
    let object = reader.object(&["max_error_rate", "recovers_at", "min_requests", "window"])?;
    let max_error_rate = object
        .required("max_error_rate", r#""max_error_rate": "20%""#)
        .and_then(|rate| rate.parsed(parse_share));
    let recovers_at = object.optional("recovers_at", |reader| reader.parsed(parse_share));
    let min_requests = object.or_default("min_requests", DEFAULT_MIN_REQUESTS, |reader| {
        reader.count_from_one(MOST_REQUESTS)
    });
    let window = object.or_default("window", DEFAULT_WINDOW, |reader| reader.parsed(window));
    let (max_error_rate, recovers_at) = (max_error_rate?, recovers_at?);
    if let (Some(rate), Some(reader)) = (recovers_at, object.get("recovers_at"))
        && rate > max_error_rate
    {
        reader
            .error("is above \"max_error_rate\"; write a lower one, or leave it out for the half");
    }
    Some(TrafficRule {
        max_error_rate,
        recovers_at: recovers_at.unwrap_or(max_error_rate.half()),
        min_requests: min_requests?,
        window: window?,
    })
}

/// How long to look back.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    let window = positive(text)?;
    if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window) {
        return Err(r#"is out of range; write "1s" to "1h""#.to_owned());
    }
    Ok(window)
}
