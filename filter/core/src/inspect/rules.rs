//! The rules: how often each has matched, what it would answer, what it keeps.

use super::kept::Budget;
use super::{Inspection, Proxy};
use crate::evidence::Detail;
use crate::evidence::report::Finding;
use crate::format::Document;
use crate::probe::Probe;
use crate::state::{Notice, SharedStore};

impl<P: Proxy, S: SharedStore> Inspection<'_, P, S> {
    pub(super) fn rules(&self, page: &mut Document, budget: &mut Budget) {
        page.begin("rules", "[");
        for probe in self.policy.probes() {
            if page.item_if_room() {
                self.rule(page, probe, budget);
                page.end("}");
            }
        }
        page.end("]");
    }

    fn rule(&self, page: &mut Document, probe: &Probe, budget: &mut Budget) {
        page.text("name", &probe.name);
        page.text("action", probe.action.word());
        self.values(page, "outcomes", probe.metrics.outcomes.all());
        if let Some(results) = probe.metrics.cache {
            self.values(page, "cache", results.all());
        }
        if probe.responds() {
            self.verdict(page, probe);
        }
        self.kept(page, probe, budget);
    }

    /// What it answers, since when, and what that rests on.
    fn verdict(&self, page: &mut Document, probe: &Probe) {
        let evidence = self.policy.evidence();
        let report = evidence.report(&probe.items, Detail::Full, self.cx);
        let verdict = report.verdict();
        page.text("verdict", verdict.outcome().word());
        let told = evidence.rules.iter().find(|rule| rule.name == probe.name);
        let last = told.and_then(|rule| Notice::last_change(&rule.told, self.cx));
        if let Some((_, since)) = last.filter(|(told, _)| *told == verdict as u64) {
            self.moment(page, "since", since);
        }
        page.begin("rests_on", "[");
        for finding in &report.findings {
            if page.item_if_room() {
                of_finding(page, finding);
                page.end("}");
            }
        }
        page.end("]");
    }
}

#[inline(never)]
fn of_finding(page: &mut Document, finding: &Finding) {
    page.text("name", &finding.name);
    page.text("verdict", finding.verdict.outcome().word());
    page.text("output", &finding.output);
    if let Some(observed) = finding.observed {
        page.number("observed", observed);
    }
    if let Some(at) = finding.at {
        page.time("at", at);
    }
}
