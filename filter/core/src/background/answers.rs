//! What the answers to background polls make of the evidence.

use super::{Background, Subject, UnderWay};
use crate::base::time::{Instant, Nanos};
use crate::callout::{CallAnswer, CallToken, CheckResponse};
use crate::facts::admin::{Admin, HIDDEN, Stats, UNREACHABLE, View};
use crate::facts::check::{
    Check, CheckCall, CheckResult, CheckRule, CheckState, Observation, Position,
};
use crate::score::Sample;
use crate::state::{Change, Context, SharedStore};

/// What an observation made of a check.
#[derive(Clone, Copy, Default)]
pub(super) struct Settled {
    pub(super) before: Position,
    pub(super) after: Position,
    /// Whether it ever was up.
    was_up: bool,
}

impl Background {
    /// The answer to a call is there, or Envoy's own in its place.
    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(place) = self.under_way.iter().position(|call| call.token == token) else {
            return;
        };
        let UnderWay { poll, asked, late, .. } = self.under_way.swap_remove(place);
        let service = match self.rule_of(poll).map(|rule| &rule.call) {
            Some(CheckCall::Grpc(check)) => Some(check.service.as_str()),
            _ => None,
        };
        let response = CheckResponse::read(answer, service);
        let took = cx.now.since(asked);
        let timeout = self.polls.get(poll).map_or(0, |poll| poll.timeout);
        if late {
            self.on_late_response(poll, &response, took, cx);
        } else if took > timeout
            && matches!(response, CheckResponse::Answer(_) | CheckResponse::Health(_))
        {
            // This VM was too busy to notice in time that it is late.
            self.on_response(poll, &CheckResponse::Timeout, Vec::new, took, cx);
            self.on_late_response(poll, &response, took, cx);
        } else {
            self.on_response(poll, &response, || answer.body(), took, cx);
        }
        self.judge(cx);
    }

    /// The rule of a poll of a check.
    fn rule_of(&self, poll: usize) -> Option<&CheckRule> {
        match self.polls.get(poll)?.subject {
            Subject::Check(place) => self.evidence.checks.get(place).map(|check| &check.rule),
            Subject::Admin => None,
        }
    }

    /// Takes note of what was answered `took` nanoseconds after a poll, and says
    /// whether there ever was a good answer to it.
    pub(super) fn on_response(
        &mut self,
        poll: usize,
        response: &CheckResponse,
        body: impl FnOnce() -> Vec<u8>,
        took: Nanos,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        let evidence = std::rc::Rc::clone(&self.evidence);
        match self.polls.get(poll).map(|poll| poll.subject) {
            Some(Subject::Check(place)) => {
                let Some(check) = evidence.checks.get(place) else { return false };
                let rule = &check.rule;
                let observation = Observation::judge(rule, response, took, cx.now);
                self.tally(check, CheckResult::of(response, observation.healthy));
                if let Some(score) = &evidence.score {
                    let good = observation.healthy;
                    let sample = if good { Sample::answered(took) } else { Sample::lost() };
                    score.record_check(place, &sample, cx);
                }
                let change = |state: &mut CheckState| state.record(rule, observation.clone());
                let settled = self.settle(check, &observation, change, cx);
                let fell = settled.before == Position::Up && settled.after == Position::Down;
                if fell && *response == CheckResponse::Timeout {
                    self.distrust_watch(place);
                }
                settled.was_up
            }
            Some(Subject::Admin) => evidence.admin.as_ref().is_some_and(|admin| {
                let asked = cx.now - took;
                let view = self.view(admin, response, body, asked, cx);
                self.settle_admin(admin, &view, cx)
            }),
            None => false,
        }
    }

    /// Counts what came of asking.
    pub(super) fn tally(&mut self, check: &Check, result: CheckResult) {
        self.signals.raise.push(check.metrics.results.of(result));
    }

    /// Has an observation change a check's state, and shows and says its position
    /// before and after.
    pub(super) fn settle(
        &mut self,
        check: &Check,
        observation: &Observation,
        mut change: impl FnMut(&mut CheckState),
        cx: Context<'_, impl SharedStore>,
    ) -> Settled {
        let Check { rule, state, metrics, .. } = check;
        let settled = state.update(cx, |state| {
            let before = state.position(rule.initial);
            change(state);
            let after = state.position(rule.initial);
            Change::Write(Settled { before, after, was_up: state.was_up() })
        });
        let Ok(settled) = settled else { return Settled::default() };
        let Settled { before, after, .. } = settled;
        if before != after {
            self.judge_at = cx.now;
        }
        self.signals.set.push((metrics.up, u64::from(after == Position::Up)));
        let name = &rule.name;
        match (before, after) {
            (Position::Unknown | Position::Up, Position::Down) => {
                let reason = &observation.output;
                self.signals.log.push(format!("check {name:?} is down: {reason}"));
            }
            (Position::Down, Position::Up) => {
                self.signals.log.push(format!("check {name:?} is up"));
            }
            _ => {}
        }
        settled
    }

    /// What the admin interface shows that was asked at `asked`. What it shows of clusters
    /// that weren't known goes to them.
    fn view(
        &mut self,
        admin: &Admin,
        response: &CheckResponse,
        body: impl FnOnce() -> Vec<u8>,
        asked: Instant,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<View, String> {
        let stats = match response {
            CheckResponse::Answer(200) => Stats::read(&body())?,
            CheckResponse::Answer(status) => return Err(format!("answered {status}")),
            CheckResponse::Timeout => return Err("no answer in time".to_owned()),
            CheckResponse::Nothing(reason) | CheckResponse::Unclear(reason) => {
                return Err(reason.clone());
            }
            CheckResponse::Refused(refusal) => return Err(refusal.reason().to_owned()),
            CheckResponse::Health(status) => return Err(status.word().to_owned()),
            CheckResponse::TooLarge(size) => {
                return Err(format!("the answer is too large: {size} bytes"));
            }
        };
        let shown = std::mem::take(&mut self.unknown).into_iter().map(|cluster| {
            let protocols = stats.protocols(&cluster);
            (cluster, protocols)
        });
        let shown: Vec<_> = shown.collect();
        self.evidence.upstreams.learn(&shown, asked, cx, &mut self.signals);
        stats.view(&admin.clusters)
    }

    fn settle_admin(
        &mut self,
        admin: &Admin,
        view: &Result<View, String>,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        let mut earlier = None;
        let settled = admin.state.update(cx, |state| {
            let before = state.failures;
            let kept = self.evidence.score.as_ref().and_then(|_| state.fresh(&admin.rule, cx.now));
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
        if let (Some(score), Some(earlier), Ok(view)) = (&self.evidence.score, &earlier, view) {
            score.record_view(earlier, view, cx);
        }
        self.judge_at = cx.now;
        if let Ok((_, failures, _)) = settled
            && (failures == 0 || failures >= UNREACHABLE)
        {
            self.signals.set.push((admin.up, u64::from(failures == 0)));
        }
        let cluster = &admin.rule.cluster;
        match (settled, view) {
            (Ok((before, 0, _)), Ok(_)) if before >= UNREACHABLE => {
                self.signals.log.push(format!("the admin interface (cluster {cluster:?}) is back"));
            }
            (Ok((_, UNREACHABLE, _)), Err(reason)) => self.signals.log.push(format!(
                "the admin interface (cluster {cluster:?}) can't be read: {reason}; evidence from it is stale"
            )),
            _ => {}
        }
        settled.is_ok_and(|(.., seen)| seen)
    }

    /// What comes too late counts no more, but tells a slow one from a dead one.
    fn on_late_response(
        &self,
        poll: usize,
        response: &CheckResponse,
        took: Nanos,
        cx: Context<'_, impl SharedStore>,
    ) {
        let subject = self.polls.get(poll).map(|poll| poll.subject);
        let Some(Subject::Check(place)) = subject else { return };
        let status = match response {
            CheckResponse::Answer(status) => status.to_string(),
            CheckResponse::Health(status) => status.word().to_owned(),
            _ => return,
        };
        let Some(check) = self.evidence.checks.get(place) else { return };
        // Where it can't be written, only the words are less telling.
        let _ = check.state.update(cx, |state| {
            state.amend(Observation::judge_late(&check.rule, &status, took, cx.now));
            Change::Write(())
        });
    }
}
