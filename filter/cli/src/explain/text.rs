//! The account of a request, for people.

use std::fmt::Write;

use super::account::{Account, Arrival, EvidenceAccount, Header, Reply};
use crate::columns::{columns, wrapped};

/// The account, section by section.
pub fn text(account: &Account) -> String {
    let mut text = format!("{}\n{}\n", account.configuration, account.request);
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(text, "\n{title}\n{body}");
        }
    };
    section("Which rule takes it", rules(account));
    match &account.application {
        Some(arrival) if arrival.by == "responder" => {
            section(
                "The application sees nothing",
                wrapped("The message comes by way of the loopback responder.", 2),
            );
        }
        Some(arrival) => section("What the application sees", arrived(arrival)),
        None => section("The application sees nothing", wrapped("The proxy answers.", 2)),
    }
    section("What the prober sees", replied(&account.prober));
    if let Some(evidence) = &account.evidence {
        section("What the answer rests on", rests_on(evidence));
    }
    for (format, reply) in &account.formats {
        section(&format!("The same in the format {format}"), replied(reply));
    }
    let rows = account.metrics.iter().map(|rise| {
        let what = match rise.kind {
            "counter" => format!("by {}", rise.value),
            "gauge" => format!("shows {}", rise.value),
            _ => format!("counts {}", rise.value),
        };
        [rise.series.clone(), what]
    });
    section("Which metrics rise", columns(rows.collect(), 2));
    section("What the log says", account.log.iter().map(|line| wrapped(line, 2)).collect());
    section("What is assumed", account.assumed.iter().map(|line| wrapped(line, 2)).collect());
    text
}

fn rules(account: &Account) -> String {
    let rows = account.rules.iter().map(|rule| {
        let why = rule
            .why_not
            .as_ref()
            .map_or_else(|| format!("takes it: {}", rule.action), |why| format!("no: {why}"));
        [rule.name.clone(), why]
    });
    let mut text = columns(rows.collect(), 2);
    if account.rule.is_none() {
        text.push_str("  None: it is ordinary traffic.\n");
    }
    text
}

fn arrived(arrival: &Arrival) -> String {
    let mut text = format!("  {} {}\n", arrival.method, arrival.target);
    let note = |header: &Header| if arrival.set.contains(&header.name) { "set" } else { "" };
    let rows = arrival
        .headers
        .iter()
        .map(|header| [note(header).to_owned(), format!("{}: {}", header.name, header.value)]);
    let removed = arrival.removed.iter().map(|name| ["removed".to_owned(), name.clone()]);
    text.push_str(&columns(rows.chain(removed).collect(), 2));
    let bounds = [("timeout", &arrival.timeout), ("retries", &arrival.retries)];
    let bounds =
        bounds.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    let bounds: Vec<_> = bounds.collect();
    if !bounds.is_empty() {
        let _ = writeln!(text, "  Envoy's router: {}", bounds.join(", "));
    }
    text
}

fn replied(reply: &Reply) -> String {
    let mut text = match reply.grpc_status {
        Some(code) => format!(
            "  {code}{}\n",
            reply.serving.map(|word| format!(", {word}")).unwrap_or_default()
        ),
        None => format!("  {}\n", reply.status),
    };
    for Header { name, value } in &reply.headers {
        let _ = writeln!(text, "  {name}: {value}");
    }
    if let Some(body) = &reply.body {
        text.push('\n');
        for line in body.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    let _ = writeln!(text, "  (in access logs: {})", reply.details);
    text
}

fn rests_on(evidence: &EvidenceAccount) -> String {
    let rows = evidence
        .findings
        .iter()
        .map(|finding| [finding.verdict.to_owned(), finding.name.clone(), finding.output.clone()]);
    let mut text = columns(rows.collect(), 2);
    if evidence.findings.is_empty() {
        text.push_str("  Nothing: it passes as long as the proxy runs.\n");
    } else if !evidence.shown {
        text.push_str("  This prober is shown the verdict alone (details).\n");
    }
    text
}
