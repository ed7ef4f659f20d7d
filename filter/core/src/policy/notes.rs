//! What whoever wrote a configuration should know of it.

use super::conditions::clusters_of_interest;
use crate::clients::AddressSource;
use crate::config::Config;
use crate::grpc::GrpcMethod;
use crate::guards::allow::Otherwise;
use crate::matching::rule::Match;
use crate::probe::{Action, ProbeRule};

pub(super) fn summary(config: &Config) -> String {
    let of = |count: usize, what: &str| {
        let more = if count == 1 { "" } else { "s" };
        format!("{count} {what}{more}")
    };
    let defaults = if config.default_probes { " (the defaults)" } else { "" };
    let [probes, checks, counters] = [
        of(config.probes.len(), "probe"),
        of(config.checks.len(), "check"),
        of(config.counters.len(), "counter"),
    ];
    format!("in force: {probes}{defaults}, {checks}, {counters}")
}

/// What a configuration promises and can't keep.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let mut notes = notes_on_calls(config);
    notes.extend(note_on_watches(config));
    notes.extend(note_on_topology(config));
    notes.extend(config.probes.iter().filter_map(note_on_addresses));
    notes.extend(config.probes.iter().filter_map(note_on_others));
    notes
}

/// Rules of one's own end all defaults, that for Watches too.
pub(super) fn note_on_watches(config: &Config) -> Option<String> {
    let takes = |method| config.probes.iter().any(|rule| rule.matcher.takes(method));
    let others = takes(GrpcMethod::Check) || takes(GrpcMethod::List);
    (others && !takes(GrpcMethod::Watch)).then(|| {
        r#"no probe takes Watch: Watches end by their route's timeout; add { "name": "grpc_watch", "match": { "grpc": { "methods": ["Watch"] } } }"#.to_owned()
    })
}

/// Who gets an answer of `respond` mostly means everyone to have one.
pub(super) fn note_on_others(rule: &ProbeRule) -> Option<String> {
    let allow = rule.allow.as_ref()?;
    let responds = matches!(rule.action, Action::Respond(_));
    (responds && allow.otherwise == Otherwise::NotAProbe).then(|| {
        format!(
            "probe {:?}: whom allow doesn't name is answered by the application, not by the proxy; to answer all, write \"details\": {{ \"cidrs\": [...] }} in place of allow; to answer nobody else, \"otherwise\": \"deny\"",
            rule.name
        )
    })
}

/// What a filter sees of an address is what Envoy believes, and that may be forged.
pub(super) fn note_on_addresses(rule: &ProbeRule) -> Option<String> {
    let allow = rule.allow.iter().map(|allow| ("allow", &allow.clients));
    let details = rule.action.details_to().map(|clients| ("details", clients));
    let (key, _) = allow.chain(details).find(|(_, clients)| {
        !clients.cidrs.is_empty() && clients.address == AddressSource::Connection
    })?;
    Some(format!(
        "probe {:?}: {key}: cidrs match no request with x-forwarded-for, which anyone can forge; where use_remote_address is on, write \"address\": \"trusted\"",
        rule.name
    ))
}

/// The axis of topology needs to be told where to look.
pub(super) fn note_on_topology(config: &Config) -> Option<String> {
    let rule = config.score.as_ref()?;
    let missing = match (&config.admin, clusters_of_interest(config).is_empty()) {
        (None, _) => r#"add "admin": { "cluster": "envoy_admin" }"#,
        (_, true) => r#"name the clusters that matter, "score": { "clusters": [...] }"#,
        _ => return None,
    };
    let [topology, ..] = rule.weights;
    (topology.value() > 0.0).then(|| format!("score: the axis of topology abstains; {missing}"))
}

pub(super) fn notes_on_calls(config: &Config) -> Vec<String> {
    let calls = config.probes.iter().filter(|rule| matches!(rule.matcher, Match::Grpc(_)));
    let note = |rule: &ProbeRule| {
        let what = match (&rule.action, &config.grpc_replies) {
            (Action::Respond(_), Some(_)) if rule.matcher.takes(GrpcMethod::Watch) => {
                "a Watch gets UNIMPLEMENTED, as the proxy can't hold one open; name the methods Check and List, and have another rule forward Watches"
            }
            (Action::Forward, None) if rule.via_http.is_some() => {
                "via_http: without grpc_replies a good answer without a body, such as a 204, has no room for a message and gets UNIMPLEMENTED, a bad one UNAVAILABLE"
            }
            (Action::Forward | Action::Inspect, _) | (_, Some(_)) => return None,
            (Action::Cache(_), None) => {
                "without grpc_replies no message of gRPC can be sent: every call goes to the application"
            }
            (Action::Respond(_), None) => {
                "without grpc_replies no message of gRPC can be sent: a failure is answered with UNAVAILABLE, and all else goes to the application"
            }
        };
        Some(format!("probe {:?}: {what}", rule.name))
    };
    calls.filter_map(note).collect()
}
