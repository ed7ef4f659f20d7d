//! For programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Report;
use crate::check::finding::Finding;

/// One document: each file with its findings.
pub fn json(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    let files = reports.iter().map(|report| {
        let findings = report.findings.iter().map(finding);
        json!({
            "file": report.file,
            "configurations": report.configurations,
            "findings": findings.collect::<Vec<_>>(),
        })
    });
    let document = json!({ "files": files.collect::<Vec<_>>() });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.id(),
        "severity": finding.severity().word(),
        "line": finding.position.map(|position| position.line),
        "column": finding.position.map(|position| position.column),
        "place": finding.place,
        "problem": finding.problem,
    })
}
