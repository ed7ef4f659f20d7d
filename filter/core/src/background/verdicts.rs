//! Looks at the verdicts of the rules, whoever probes or doesn't, and says when one of them
//! changes, and why: once for the process.

use super::Background;
use crate::base::outcome::Verdict;
use crate::base::time::{Instant, Nanos};
use crate::evidence::Detail;
use crate::evidence::report::{Finding, Report};
use crate::state::{Context, Notice, Round, SharedStore};
use std::rc::Rc;

/// How often they are looked at; a check that changes and the admin interface have them
/// looked at at once.
const EVERY: Nanos = 1_000_000_000;
/// How many reasons of a verdict are told.
const MOST_REASONS: usize = 3;

impl Background {
    /// When they are looked at next; `None` where there are none, or another VM does it.
    pub(super) fn next_judging(&self) -> Option<Instant> {
        let judges = !self.takes_turns() || self.lease.is_held();
        (judges && !self.evidence.rules.is_empty()).then_some(self.judge_at)
    }

    /// Looks at them where that is due. Whoever asks also judges: another VM may have read
    /// the evidence a moment earlier, and would tell of a change back.
    pub(super) fn judge(&mut self, cx: Context<'_, impl SharedStore>) {
        if self.next_judging().is_none_or(|due| due > cx.now) {
            return;
        }
        self.judge_at = cx.now + EVERY;
        if !self.takes_turns() {
            let claimed = Round::claim_of_all(&self.evidence.verdict_round, EVERY, 0, cx);
            let (claimed, due) = claimed.unwrap_or((false, self.judge_at));
            self.judge_at = due;
            if !claimed {
                return;
            }
        }
        // An older configuration may still be at work beside the latest.
        if self.loads.is_latest(cx.store) {
            self.tell_verdicts(cx);
        }
    }

    fn tell_verdicts(&mut self, cx: Context<'_, impl SharedStore>) {
        let evidence = Rc::clone(&self.evidence);
        for rule in &evidence.rules {
            let Report { findings, .. } = evidence.report(&rule.items, Detail::Omitted, cx);
            let verdict = worst(&findings);
            let pending =
                findings.iter().all(|finding| finding.pending || finding.verdict != verdict);
            // A score that is only shown comes last, and has metrics of its own.
            let holds = findings.iter().map(|it| u64::from(it.verdict == Verdict::Pass));
            self.signals.set.extend(rule.up.iter().copied().zip(holds));
            if pending {
                continue;
            }
            // Before any was told, the rule passes.
            if Notice::of_change(&rule.told, verdict as u64, cx) {
                let report = evidence.report(&rule.items, Detail::Full, cx);
                self.signals.log.push(tell(&rule.name, &report.findings));
            }
        }
    }
}

fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().fold(Verdict::Pass, |worst, finding| worst.worse(finding.verdict))
}

/// What the log says of the verdict of these findings.
fn tell(rule: &str, findings: &[Finding]) -> String {
    let verdict = worst(findings);
    let word = match verdict {
        Verdict::Pass => " passes again",
        Verdict::Warn => " warns",
        Verdict::Fail => " fails",
    };
    let mut line = ["probe \"", rule, "\"", word].concat();
    let mut comma = ": ";
    let reasons = findings.iter().filter(|it| it.verdict == verdict && verdict != Verdict::Pass);
    for Finding { name, output, .. } in reasons.take(MOST_REASONS) {
        for part in [comma, name, ": ", output] {
            line.push_str(part);
        }
        comma = "; ";
    }
    line
}
