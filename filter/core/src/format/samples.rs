//! Reports and pages that the tests of the formats share.

use super::{Format, Page};
use crate::base::outcome::Verdict;
use crate::base::time::WallTime;
use crate::evidence::report::{Finding, Report, Subject};

/// 2026-11-21T08:30:00.250Z.
const AT: WallTime = WallTime(1_795_249_800_250_000_000);

/// A prober that may see the bare status only.
pub(super) const PLAIN: Page<'static> = Page { path: b"/readyz", query: b"", details: false };

/// A prober that may see everything.
pub(super) const DETAILS: Page<'static> = Page { details: true, ..PLAIN };

/// A report of these findings.
pub(super) fn report(findings: Vec<Finding>) -> Report {
    Report { at: AT, findings }
}

/// A finding that was made a second before the report, and measured 12.
pub(super) fn finding(name: &str, subject: Subject, verdict: Verdict) -> Finding {
    let output = match verdict {
        Verdict::Pass => "all is well",
        Verdict::Warn => "slow",
        Verdict::Fail => "connection refused",
    };
    Finding {
        name: name.into(),
        subject,
        verdict,
        pending: false,
        output: output.into(),
        observed: subject.measure().map(|_| 12),
        at: Some(WallTime(AT.0 - 1_000_000_000)),
    }
}

/// One finding of each kind: `app` passes, `cluster:orders` warns, `db` has failed
/// and was never observed, `server` passes.
pub(super) fn of_all_kinds() -> Vec<Finding> {
    vec![
        finding("app", Subject::Check, Verdict::Pass),
        finding("cluster:orders", Subject::Cluster, Verdict::Warn),
        Finding { observed: None, at: None, ..finding("db", Subject::Check, Verdict::Fail) },
        finding("server", Subject::Server, Verdict::Pass),
    ]
}

/// What a prober that may see everything gets to see of these findings.
pub(super) fn detailed(format: Format, findings: Vec<Finding>) -> String {
    format.write(report(findings), &DETAILS).body
}

/// What a prober that may see the bare status gets for a verdict.
pub(super) fn plain(format: Format, verdict: Verdict) -> String {
    format.write(report(vec![finding("db", Subject::Check, verdict)]), &PLAIN).body
}
