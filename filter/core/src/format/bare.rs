//! Pages without details, which are the same each time but for the time in them: what
//! stands around it is written once.

use super::{Format, Page};
use crate::base::outcome::Verdict;
use crate::base::time::{Timestamp, WallTime, rfc3339};
use crate::evidence::report::{Finding, Report, Subject};

/// A page that says the bare status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    before: String,
    /// What follows the time, where the page has one.
    after: Option<String>,
}

impl Bare {
    /// The page of a format; `None` where it depends on the request.
    pub fn of(format: Format, verdict: Verdict) -> Option<Self> {
        if format.depends_on_target() {
            return None;
        }
        let unseen = Finding {
            name: String::new(),
            subject: Subject::Server,
            verdict,
            pending: false,
            output: String::new(),
            observed: None,
            at: None,
        };
        let epoch = WallTime::default();
        let report = Report { at: epoch, findings: vec![unseen] };
        let page = format.write(report, &Page { path: b"", query: b"", details: false });
        let (before, after) = match page.body.split_once(&rfc3339(epoch)) {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (page.body, None),
        };
        Some(Self { before, after })
    }

    /// Writes the page of a report that was drawn up `at`.
    pub fn write(&self, at: WallTime) -> Vec<u8> {
        let before = self.before.as_bytes();
        match &self.after {
            Some(after) => [before, Timestamp::of(at).as_bytes(), after.as_bytes()].concat(),
            None => before.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PLAIN, finding, report};
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_bare_page_is_what_the_format_writes_without_details() {
        for (word, format) in Format::WORDS {
            for verdict in [Verdict::Pass, Verdict::Warn, Verdict::Fail] {
                let report = report(vec![finding("db", Subject::Check, verdict)]);
                let at = report.at;
                let written = format.write(report, &PLAIN).body;
                match Bare::of(format, verdict) {
                    Some(bare) => assert_eq!(bare.write(at), written.as_bytes(), "{word}"),
                    None => assert_eq!(word, "kubernetes"),
                }
            }
        }
    }
}
