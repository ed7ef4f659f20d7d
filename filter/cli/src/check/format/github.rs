//! Annotations that a workflow of GitHub shows beside the lines of a change.

use std::io::{self, Write};

use super::Report;

/// A command of the workflow for each finding.
pub fn github(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    for report in reports {
        for finding in &report.findings {
            write!(out, "::{} file={}", finding.severity().word(), property(&report.file))?;
            if let Some(position) = finding.position {
                write!(out, ",line={},col={}", position.line, position.column)?;
            }
            let title = property(finding.rule.summary());
            writeln!(out, ",title={title}::{}", data(&finding.message()))?;
        }
    }
    Ok(())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
