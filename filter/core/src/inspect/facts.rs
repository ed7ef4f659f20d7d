//! What isn't about one rule: the module, its configuration, what was gathered and by whom, whom
//! `allow` has refused.

use super::{Inspection, Proxy};
use crate::facts::check::{Check, CheckCall, CheckStatus};
use crate::format::Document;
use crate::publish::Publisher;
use crate::state::{Lease, Notice, SharedStore};

impl<P: Proxy, S: SharedStore> Inspection<'_, P, S> {
    pub(super) fn identity(&self, page: &mut Document) {
        let build = self.policy.build();
        page.begin("proxy", "{");
        self.time(page, "at", self.cx.now);
        page.bytes("node", &self.proxy.node());
        page.text("version", build.version);
        page.text("revision", build.revision);
        number(page, "vm", self.background.token());
        page.end("}");
    }

    /// Which configuration is in force, and which was refused last.
    pub(super) fn configuration(&self, page: &mut Document) {
        let loads = self.policy.loads();
        page.begin("configuration", "{");
        number(page, "fingerprint", loads.print());
        page.flag("latest", loads.is_latest(self.cx.store));
        self.values(page, "loads", self.policy.load_metrics().counters());
        if let Some((print, at)) = Notice::last_change(&loads.refused, self.cx) {
            page.begin("refused", "{");
            number(page, "fingerprint", print);
            self.moment(page, "at", at);
            page.end("}");
        }
        page.end("}");
    }

    /// The VM that asks on behalf of all, where one does.
    pub(super) fn lease(&self, page: &mut Document) {
        let evidence = self.policy.evidence();
        let lease: Lease = evidence.gatherer.read(self.cx.store);
        let Some((vm, until)) = lease.holder() else { return };
        page.begin("lease", "{");
        number(page, "vm", vm);
        let last = evidence.holder.as_ref().and_then(|it| Notice::last_change(it, self.cx));
        if let Some((_, since)) = last.filter(|(holder, _)| *holder == vm) {
            self.moment(page, "since", since);
        }
        self.time(page, "until", until);
        page.end("}");
    }

    pub(super) fn checks(&self, page: &mut Document) {
        page.begin("checks", "[");
        for check in &self.policy.evidence().checks {
            if page.item_if_room() {
                self.check(page, check);
                page.end("}");
            }
        }
        page.end("]");
    }

    fn check(&self, page: &mut Document, check: &Check) {
        let (rule, state) = (&check.rule, check.state.read(self.cx));
        page.text("name", &rule.name);
        page.text(
            "cluster",
            match &rule.call {
                CheckCall::Http(http) => &http.cluster,
                CheckCall::Grpc(grpc) => &grpc.cluster,
            },
        );
        page.text(
            "status",
            match state.status(rule.initial) {
                CheckStatus::Unknown => "unknown",
                CheckStatus::Up => "up",
                CheckStatus::Down => "down",
            },
        );
        page.number("against_it", u64::from(state.against()));
        self.values(page, "results", check.metrics.results.all());
        if let Some(last) = &state.last {
            page.begin("last", "{");
            page.text("verdict", if last.healthy { "pass" } else { "fail" });
            page.text("output", &last.output);
            page.number_if_any("took_ms", last.took_ms.unwrap_or_default());
            self.moment(page, "at", last.at);
            page.flag("stale", last.is_stale(rule, self.cx.now));
            page.end("}");
        }
    }

    /// The score and its axes, as their gauges show them.
    pub(super) fn score(&self, page: &mut Document) {
        let Some(score) = &self.policy.evidence().score else { return };
        page.begin("score", "{");
        let first = score.first_gauge();
        page.number("score", self.proxy.value(first));
        self.values(page, "axes", first + 1..first + 4);
        self.values(page, "speaks", first + 4..first + 7);
        page.end("}");
    }

    /// Whom is told how an instance is.
    pub(super) fn published(&self, page: &mut Document) {
        page.begin("publish", "[");
        for publisher in self.background.publishers() {
            if page.item_if_room() {
                self.publication(page, publisher);
                page.end("}");
            }
        }
        page.end("]");
    }

    fn publication(&self, page: &mut Document, publisher: &Publisher) {
        page.text("cluster", publisher.cluster());
        page.text("instance", publisher.instance());
        // Those of all hubs together.
        self.values(page, "results", publisher.results());
        if let Some(word) = publisher.says(self.policy.evidence(), self.cx) {
            page.text("status", word);
        }
        if let Some((result, since)) = publisher.result(self.cx) {
            page.text("result", self.label(result));
            self.moment(page, "since", since);
        }
    }

    /// Whom `allow` has refused last, and why.
    pub(super) fn refusals(&self, page: &mut Document) {
        let Some(refusals) = self.policy.refusals() else { return };
        page.begin("refusals", "[");
        let passed_over = refusals.look(self.cx.store, &mut |refusal| {
            if !page.item_if_room() {
                return;
            }
            page.append(&String::from_utf8_lossy(refusal.who));
            page.number("times", refusal.times);
            self.moment(page, "at", refusal.at);
            page.end("}");
        });
        page.end("]");
        page.number("refusals_passed_over", passed_over);
    }
}

/// A number that tells things apart: JavaScript has no room for all of its digits.
fn number(page: &mut Document, name: &str, number: u64) {
    page.text(name, &format!("{number:016x}"));
}
