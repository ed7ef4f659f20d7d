//! What went wrong in a scenario.

use std::fmt;

/// The log's last lines that a report shows.
const LOG_LINES: usize = 40;

/// Everything that went wrong, and the end of Envoy's log.
#[derive(Debug, Default)]
pub struct Report {
    faults: Vec<String>,
    log: String,
}

impl Report {
    /// Notes faults at `place`, such as a step.
    pub fn note(&mut self, place: &str, faults: impl IntoIterator<Item = String>) {
        self.faults.extend(faults.into_iter().map(|fault| format!("{place}: {fault}")));
    }

    /// An error if anything was noted.
    pub fn into_result(mut self, log: &str) -> anyhow::Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = log.lines().collect();
        self.log = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        Err(self.into())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "- {fault}")?;
        }
        write!(f, "the end of Envoy's log:\n{}", self.log)
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_and_the_end_of_the_log_are_told() {
        let mut report = Report::default();
        report.note("step 1", ["a".to_owned(), "b".to_owned()]);
        let log: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let text = report.into_result(&log).unwrap_err().to_string();
        assert!(text.starts_with("- step 1: a\n- step 1: b\n"), "{text}");
        assert!(text.ends_with("line 99") && !text.contains("line 59\n"), "{text}");
    }

    #[test]
    fn nothing_wrong_is_no_error() {
        assert!(Report::default().into_result("").is_ok());
    }
}
