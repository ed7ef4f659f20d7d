//! What the answers to a check, and its Watch, make of the evidence.

use super::polling::{Effect, Polling};
use crate::base::signals::Signals;
use crate::base::time::{Nanos, nanos};
use crate::callout::{CheckResponse, HttpCall, Watch, WatchCall, wait_limit};
use crate::evidence::Evidence;
use crate::facts::check::{
    Check, CheckCall, CheckResult, CheckRule, CheckState, CheckStatus, Observation,
};
use crate::score::Sample;
use crate::state::{Change, Context, SharedStore};
use std::rc::Rc;

/// A check, and the Watch that is held open beside it.
#[derive(Debug)]
pub(super) struct PolledCheck {
    pub(super) check: Rc<Check>,
    pub(super) watch: Option<Watch>,
}

/// What an observation made of a check.
#[derive(Clone, Copy, Default)]
struct Settled {
    before: CheckStatus,
    after: CheckStatus,
    /// Whether it ever was up.
    was_up: bool,
}

impl PolledCheck {
    pub(super) fn new(check: &Rc<Check>) -> Self {
        Self { check: Rc::clone(check), watch: watch(&check.rule) }
    }

    /// The call that it makes.
    pub(super) fn call(&self) -> HttpCall {
        let rule = &self.check.rule;
        let timeout = wait_limit(rule.timeout, rule.interval);
        match &rule.call {
            CheckCall::Http(http) => HttpCall::get(&http.cluster, &http.host, &http.path, timeout),
            CheckCall::Grpc(check) => {
                HttpCall::check(&check.cluster, &check.authority, &check.service, timeout)
            }
        }
    }

    /// The service that it asks for.
    pub(super) fn service(&self) -> Option<&str> {
        match &self.check.rule.call {
            CheckCall::Grpc(check) => Some(&check.service),
            CheckCall::Http(_) => None,
        }
    }

    /// Takes note of what came of asking.
    pub(super) fn on_response(
        &mut self,
        polling: &Polling,
        evidence: &Evidence,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) -> Effect {
        let (check, Polling { response, took, .. }) = (&*self.check, polling);
        let observation = Observation::judge(&check.rule, response, *took, cx.now);
        let healthy = observation.healthy;
        signals.raise.push(check.metrics.results.of(CheckResult::of(response, healthy)));
        if let Some(score) = &evidence.score {
            let sample = if healthy { Sample::answered(*took) } else { Sample::lost() };
            score.record_check(check, &sample, cx);
        }
        let settled = settle(check, &observation, CheckState::record, signals, cx);
        let fell = settled.before == CheckStatus::Up && settled.after == CheckStatus::Down;
        if let Some(watch) = self.watch.as_mut().filter(|_| fell)
            && *response == CheckResponse::Timeout
        {
            watch.distrust();
        }
        settled.effect()
    }

    /// What comes too late counts no more, but tells a slow one from a dead one.
    pub(super) fn on_late_response(
        &self,
        response: &CheckResponse,
        took: Nanos,
        cx: Context<'_, impl SharedStore>,
    ) {
        let status = match response {
            CheckResponse::Answer(status) => status.to_string(),
            CheckResponse::Health(status) => status.word().to_owned(),
            _ => return,
        };
        // Where it can't be written, only the words are less telling.
        let _ = self.check.state.update(cx, |state| {
            state.amend(Observation::judge_late(&self.check.rule, &status, took, cx.now));
            Change::Write(())
        });
    }

    /// Takes note of what its Watch has shown.
    pub(super) fn on_watched(
        &self,
        healthy: bool,
        output: String,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) -> Effect {
        let observation = Observation::watched(healthy, output, cx.now);
        let result = if healthy { CheckResult::Pass } else { CheckResult::Fail };
        signals.raise.push(self.check.metrics.results.of(result));
        let decide = |state: &mut CheckState, _: &CheckRule, it: Observation| state.decide(it);
        settle(&self.check, &observation, decide, signals, cx).effect()
    }
}

impl Settled {
    fn effect(self) -> Effect {
        let changes_verdicts = self.before != self.after;
        Effect { was_answered: self.was_up, changes_verdicts }
    }
}

/// Has an observation change a check's state, and shows and says its status before and
/// after.
fn settle(
    check: &Check,
    observation: &Observation,
    change: fn(&mut CheckState, &CheckRule, Observation),
    signals: &mut Signals,
    cx: Context<'_, impl SharedStore>,
) -> Settled {
    let Check { rule, state, metrics, .. } = check;
    let settled = state.update(cx, |state| {
        let before = state.status(rule.initial);
        change(state, rule, observation.clone());
        let after = state.status(rule.initial);
        Change::Write(Settled { before, after, was_up: state.was_up() })
    });
    let Ok(settled) = settled else { return Settled::default() };
    signals.set.push((metrics.up, u64::from(settled.after == CheckStatus::Up)));
    let (name, reason) = (&rule.name, &observation.output);
    match (settled.before, settled.after) {
        (CheckStatus::Unknown | CheckStatus::Up, CheckStatus::Down) => {
            signals.log.push(format!("check {name:?} is down: {reason}"));
        }
        (CheckStatus::Down, CheckStatus::Up) => signals.log.push(format!("check {name:?} is up")),
        _ => {}
    }
    settled
}

/// The Watch of a check, where its rule wants one.
fn watch(rule: &CheckRule) -> Option<Watch> {
    let CheckCall::Grpc(check) = &rule.call else { return None };
    let call = || WatchCall::new(&check.cluster, &check.authority, &check.service);
    check.watch.then(|| Watch::new(call(), nanos(rule.interval)))
}
