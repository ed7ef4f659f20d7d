//! SARIF 2.1.0, which code scanning of GitHub, GitLab and Azure DevOps takes.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Report;
use crate::check::finding::{Finding, Rule};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run of the tool.
pub fn sarif(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    let results = reports
        .iter()
        .flat_map(|report| report.findings.iter().map(|finding| result(&report.file, finding)));
    let rules = Rule::ALL.iter().map(|rule| {
        json!({
            "id": rule.id(),
            "shortDescription": { "text": rule.summary() },
            "defaultConfiguration": { "level": rule.severity().word() },
        })
    });
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "heartbeatctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn result(file: &str, finding: &Finding) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(file) } });
    if let (Some(position), Some(place)) = (finding.position, place.as_object_mut()) {
        let region = json!({ "startLine": position.line, "startColumn": position.column });
        place.insert("region".to_owned(), region);
    }
    let rule = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": rule,
        "level": finding.severity().word(),
        "message": { "text": finding.message() },
        "locations": [{ "physicalLocation": place }],
    })
}

/// A path as a reference of a URI.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
