//! `heartbeatctl check`: every mistake in configurations, and where it stands.

mod finding;
mod format;
mod look;
mod read;

use std::io::{self, Write};

use clap::ValueEnum;

use crate::outcome::Outcome;
use crate::source::{File, Kind, Position, Unreadable, find, is_something_else};
use finding::{Finding, Rule, Severity};
use format::Report;

/// Which files, and how to say what is in them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Finds each configuration of the filter and of the hub, wherever it stands:
  - alone, as JSON or YAML
  - in an Envoy's bootstrap, or an xDS file (LDS, RDS, ECDS), in YAML or JSON
  - in Istio's WasmPlugin, TrafficExtension and EnvoyFilter
  - in Envoy Gateway's EnvoyExtensionPolicy, or a ConfigMap that holds an Envoy's bootstrap
Several documents in one file are fine.

Exit code: 0 without mistakes, 1 with some, 2 where a file can't be read.

  heartbeatctl check envoy.yaml
  kubectl get wasmplugin -A -o yaml | heartbeatctl check -
  heartbeatctl check --format sarif deploy/*.yaml > heartbeat.sarif")]
pub struct Arguments {
    /// The files to check; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Take a configuration that stands alone for the hub's. Without it, its keys tell
    #[arg(long)]
    hub: bool,
    /// Let warnings count as mistakes
    #[arg(long)]
    strict: bool,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// A line for each, FILE:LINE:COLUMN first
    #[default]
    Text,
    /// One JSON document
    Json,
    /// Annotations in a workflow of GitHub
    Github,
    /// SARIF 2.1.0, as code scanning takes it
    Sarif,
}

/// Checks files, and says what is found.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Outcome> {
    let alone = arguments.hub.then_some(Kind::Hub);
    let mut reports: Vec<Report> = arguments.files.iter().map(|file| check(file, alone)).collect();
    if reports.iter().all(|report| report.configurations == 0 && report.findings.is_empty()) {
        reports.iter_mut().for_each(|report| report.findings.push(nothing(None)));
    }
    match arguments.format {
        Format::Text => format::text(&reports, out)?,
        Format::Json => format::json(&reports, out)?,
        Format::Github => format::github(&reports, out)?,
        Format::Sarif => format::sarif(&reports, out)?,
    }
    let findings = reports.iter().flat_map(|report| &report.findings);
    let outcomes = findings.map(|finding| outcome(finding, arguments.strict));
    Ok(outcomes.max().unwrap_or(Outcome::Fine))
}

fn outcome(finding: &Finding, strict: bool) -> Outcome {
    match (finding.rule, finding.severity()) {
        (Rule::Unreadable, _) => Outcome::Unreadable,
        (_, Severity::Error) => Outcome::Mistakes,
        (_, Severity::Warning) if strict => Outcome::Mistakes,
        (_, Severity::Warning) => Outcome::Fine,
    }
}

fn check(path: &str, alone: Option<Kind>) -> Report {
    let read = File::read(path).and_then(|file| report(&file, alone));
    read.unwrap_or_else(|Unreadable { file, position, problem }| {
        let finding = Finding { rule: Rule::Unreadable, position, place: String::new(), problem };
        Report { file, configurations: 0, findings: vec![finding] }
    })
}

fn report(file: &File, alone: Option<Kind>) -> Result<Report, Unreadable> {
    let found = find(file, alone)?;
    let mut findings = Vec::new();
    for found in &found {
        let seen = look::all(file, found);
        // What isn't JSON on its way needn't be read to say so.
        if seen.iter().all(|finding| finding.rule != Rule::ConfigurationType) {
            findings.extend(read::mistakes(found));
        }
        findings.extend(seen);
    }
    if found.is_empty() {
        findings.extend(unknown(file));
    }
    findings.sort_by_key(|finding| finding.position);
    // What is the matter with a file is so for each plugin in it.
    findings.dedup();
    Ok(Report { file: file.name.clone(), configurations: found.len(), findings })
}

/// What is neither a configuration nor a resource or an Envoy's file was perhaps meant to be
/// one.
fn unknown(file: &File) -> Option<Finding> {
    let unknown = file.documents.iter().find(|document| !is_something_else(&document.root));
    match unknown {
        Some(document) => Some(nothing(Some(document.position(&document.root)))),
        None => file.documents.is_empty().then(|| nothing(None)),
    }
}

fn nothing(position: Option<Position>) -> Finding {
    Finding {
        rule: Rule::Nothing,
        position,
        place: String::new(),
        problem: "no configuration of Heartbeat Filter is here: nothing loads a module whose \
                  name has \"heartbeat\" in it, and no key is one of a configuration"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
