//! How findings are written.

mod github;
mod json;
mod sarif;
mod text;

pub use github::github;
pub use json::json;
pub use sarif::sarif;
pub use text::text;

use super::finding::{Finding, Severity};

/// What is to be said of one file.
#[derive(Debug)]
pub struct Report {
    /// The file.
    pub file: String,
    /// How many configurations are in it.
    pub configurations: usize,
    /// What is the matter with them, from top to bottom.
    pub findings: Vec<Finding>,
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity() == severity).count()
    }
}

impl Severity {
    /// Its word, which SARIF has as well.
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
