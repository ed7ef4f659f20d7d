//! What is said of an instance, and how it is written.

use super::rule::PublishRule;
use crate::base::outcome::Verdict;
use crate::evidence::report::Subject;
use crate::evidence::{Detail, Evidence, Item};
use crate::state::{Context, SharedStore};

/// How an instance is, in the words of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pass,
    Warn,
    Fail,
    Draining,
}

/// What is known of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) status: Status,
    /// The share of requests that fail, in percent.
    pub(super) errors: Option<u64>,
}

impl Status {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Draining => "draining",
        }
    }
}

impl Word {
    /// What is to be said by these items; `None` while nobody knows yet. Who drains says so
    /// whatever else there is: on its way out an application may well fail its checks.
    pub(super) fn of(
        items: &[Item],
        evidence: &Evidence,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<Self> {
        let report = evidence.report(items, Detail::Omitted, cx);
        let verdict = report.verdict();
        let (mut errors, mut pending) = (None, verdict != Verdict::Pass);
        for finding in &report.findings {
            if finding.subject == Subject::Traffic {
                errors = finding.observed;
            }
            pending &= finding.pending || finding.verdict != verdict;
        }
        let status = match verdict {
            _ if evidence.is_draining(cx) => Status::Draining,
            _ if pending => return None,
            Verdict::Pass => Status::Pass,
            Verdict::Warn => Status::Warn,
            Verdict::Fail => Status::Fail,
        };
        Some(Self { status, errors })
    }

    /// The event that says it, at this time: nanoseconds since the Unix epoch. It begins with
    /// what the rule has it [begin](head) with.
    pub(super) fn document(self, head: &str, time: u64) -> Vec<u8> {
        let (time, status) = (time.to_string(), self.status.word());
        let (errors, percent) = match self.errors {
            Some(percent) => ("\",\"error_rate\":", [&*percent.to_string(), "e-2}"].concat()),
            None => ("\"}", String::new()),
        };
        [head, &time, "\",\"status\":\"", status, errors, &percent].concat().into_bytes()
    }
}

/// The events of a rule as far as they are always the same: up to their time. The reader of
/// the configuration lets nothing pass that JSON would have to escape.
pub(super) fn head(rule: &PublishRule) -> String {
    let mut head = ["{\"instance_id\":\"", &*rule.instance].concat();
    let fields = [("service", &rule.service), ("address", &rule.address), ("source", &rule.source)];
    for (name, value) in fields {
        if let Some(value) = value {
            head.push_str(&["\",\"", name, "\":\"", value].concat());
        }
    }
    head.push_str("\",\"probe_method\":\"heartbeat\",\"timestamp_ns\":\"");
    head
}
