//! What the answers of the admin interface make of the evidence.

use super::polling::{Effect, Polling};
use crate::base::signals::Signals;
use crate::callout::{CheckResponse, HttpCall};
use crate::evidence::Evidence;
use crate::facts::admin::{self, Admin, HIDDEN, Stats, UNREACHABLE, View};
use crate::reader::values::default_host;
use crate::state::{Change, Context, SharedStore};
use std::rc::Rc;

/// The admin interface, and what is asked of it at present.
#[derive(Debug)]
pub(super) struct PolledAdmin {
    pub(super) admin: Rc<Admin>,
    /// The clusters that the call under way asks about.
    unknown: Vec<String>,
}

impl PolledAdmin {
    pub(super) fn new(admin: &Rc<Admin>) -> Self {
        Self { admin: Rc::clone(admin), unknown: Vec::new() }
    }

    pub(super) fn call(&self) -> HttpCall {
        let Admin { rule, path, .. } = &*self.admin;
        HttpCall::get(&rule.cluster, &default_host(&rule.cluster), path, rule.timeout)
    }

    /// The path that asks about these clusters, too.
    pub(super) fn ask_about(&mut self, unknown: Vec<String>) -> String {
        self.unknown = unknown;
        admin::with_unknown(&self.admin.path, &self.unknown)
    }

    /// Takes note of what came of asking.
    pub(super) fn on_response(
        &mut self,
        polling: &Polling,
        evidence: &Evidence,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) -> Effect {
        let view = read(polling).and_then(|stats| {
            let shown = std::mem::take(&mut self.unknown).into_iter().map(|cluster| {
                let protocols = stats.protocols(&cluster);
                (cluster, protocols)
            });
            let shown: Vec<_> = shown.collect();
            evidence.upstreams.learn(&shown, cx.now - polling.took, cx, signals);
            stats.view(&self.admin.clusters)
        });
        let was_answered = settle(&self.admin, &view, evidence, signals, cx);
        Effect { was_answered, changes_verdicts: true }
    }
}

/// The statistics in an answer.
fn read(polling: &Polling) -> Result<Stats, String> {
    match &polling.response {
        CheckResponse::Answer(200) => Stats::read(&polling.body),
        CheckResponse::Answer(status) => Err(format!("answered {status}")),
        CheckResponse::Timeout => Err("no answer in time".to_owned()),
        failed => Err(failed.failure()),
    }
}

/// Keeps what was seen, and says whether there ever was anything.
fn settle(
    admin: &Admin,
    view: &Result<View, String>,
    evidence: &Evidence,
    signals: &mut Signals,
    cx: Context<'_, impl SharedStore>,
) -> bool {
    let mut earlier = None;
    let settled = admin.state.update(cx, |state| {
        let before = state.failures;
        let kept = evidence.score.as_ref().and_then(|_| state.fresh(&admin.rule, cx.now));
        earlier = kept.cloned();
        match view {
            Ok(view) => {
                state.seen = Some((view.clone(), cx.now));
                state.failures = 0;
            }
            Err(_) => state.failures = before.saturating_add(1),
        }
        state.hidden = matches!(view, Err(reason) if reason == HIDDEN);
        Change::Write((before, state.failures, state.seen.is_some()))
    });
    if let (Some(score), Some(earlier), Ok(view)) = (&evidence.score, &earlier, view) {
        score.record_view(earlier, view, cx);
    }
    let Ok((before, failures, was_seen)) = settled else { return false };
    if failures == 0 || failures >= UNREACHABLE {
        signals.set.push((admin.up, u64::from(failures == 0)));
    }
    let cluster = &admin.rule.cluster;
    match (failures, view) {
        (0, Ok(_)) if before >= UNREACHABLE => {
            signals.log.push(format!("the admin interface (cluster {cluster:?}) is back"));
        }
        (UNREACHABLE, Err(reason)) => signals.log.push(format!(
            "the admin interface (cluster {cluster:?}) can't be read: {reason}; evidence from it is stale"
        )),
        _ => {}
    }
    was_seen
}
