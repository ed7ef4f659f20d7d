//! For people, editors and everything that knows compilers.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::Report;
use crate::check::finding::{Finding, Severity};

const WHERE: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// A line for each finding, and one that adds them up.
pub fn text(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    for report in reports {
        for finding in &report.findings {
            line(&report.file, finding, out)?;
        }
    }
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    writeln!(
        out,
        "{} in {}: {}, {}",
        of(sum(|report| report.configurations), "configuration"),
        of(reports.len(), "file"),
        of(sum(|report| report.count(Severity::Error)), "error"),
        of(sum(|report| report.count(Severity::Warning)), "warning"),
    )
}

fn line(file: &str, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let file = printable(file);
    match finding.position {
        Some(position) => write!(out, "{WHERE}{file}:{position}:{WHERE:#} ")?,
        None => write!(out, "{WHERE}{file}:{WHERE:#} ")?,
    }
    match finding.severity() {
        Severity::Error => {}
        Severity::Warning => write!(out, "{WARNING}warning:{WARNING:#} ")?,
    }
    if !finding.place.is_empty() {
        let style = if finding.severity() == Severity::Error { ERROR } else { Style::new() };
        write!(out, "{style}{}:{style:#} ", printable(&finding.place))?;
    }
    writeln!(out, "{}", printable(&finding.problem))
}

fn of(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A key may hold what a terminal takes for an order.
fn printable(text: &str) -> String {
    let mut printable = String::new();
    for character in text.chars() {
        match character {
            character if character.is_control() => printable.extend(character.escape_default()),
            character => printable.push(character),
        }
    }
    printable
}
