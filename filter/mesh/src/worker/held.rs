//! How requests come to be held back, and what they are answered in the end.

use super::waiting::Pending;
use super::{MOST_REFUSED, REFUSED, Step, Worker, unchanged};
use crate::api::{Problem, json};
use heartbeat_common::base::time::Instant;
use heartbeat_common::http::edits::Reply;
use heartbeat_common::state::{Context, SharedStore};

impl Worker {
    /// Answers a client that can't be told what it wants, but not at once.
    pub(super) fn refuse_later(&mut self, id: u32, problem: &Problem, now: Instant) -> Step {
        let refused = Pending::Refused { reply: problem.reply(), until: now + REFUSED };
        match self.hold(id, refused) {
            Ok(()) => Step::Hold,
            Err(_) => Step::Reply(problem.reply()),
        }
    }

    /// Holds a client back, or tells it after a while that there is no room for it.
    pub(super) fn hold_client(&mut self, id: u32, pending: Pending, now: Instant) -> Step {
        match self.hold(id, pending) {
            Ok(()) => Step::Hold,
            Err(problem) => self.refuse_later(id, &problem, now),
        }
    }

    /// Holds a request back, where there is room.
    pub(super) fn hold(&mut self, id: u32, pending: Pending) -> Result<(), Problem> {
        let waiters = self.rule.limits.waiters;
        // However many wait, whoever brings news is heard; and however many are refused, those
        // who may wait do.
        let (as_many, most) = match pending {
            Pending::Events { .. } | Pending::Question { .. } => (self.waiting.bodies(), waiters),
            Pending::Refused { .. } => (self.waiting.refused(), MOST_REFUSED),
            _ => (self.waiting.held().all() + self.others.all(), waiters),
        };
        if as_many >= most {
            return Err(Problem::new(503, "as many requests wait as may (\"limits.waiters\")"));
        }
        self.waiting.hold(id, pending);
        Ok(())
    }

    /// The next held request that is to be answered, and how.
    pub fn take_ready(&mut self, cx: Context<'_, impl SharedStore>) -> Option<(u32, Reply)> {
        while let Some(id) = self.ready.pop_front() {
            if let Some(reply) = self.answer(id, cx) {
                self.waiting.forget(id);
                return Some((id, reply));
            }
        }
        None
    }

    /// The answer to a request that was held; `None` where it goes on waiting, or is gone.
    pub(super) fn answer(&mut self, id: u32, cx: Context<'_, impl SharedStore>) -> Option<Reply> {
        let pending = self.waiting.get(id)?;
        let over = pending.until() <= cx.now;
        match pending {
            Pending::Events { .. } | Pending::Question { .. } => over.then(|| {
                Problem::new(408, "the body took longer than ten seconds to come").reply()
            }),
            Pending::Refused { reply, .. } => over.then(|| copy_of(reply)),
            Pending::Assignment { service, version, .. } => {
                let present = self.copies.assignment(*service, &self.rule, &self.keys, cx);
                match present {
                    Some((present, document)) if present != version => {
                        Some(json(200, document.to_vec()))
                    }
                    None if over => Some(nothing_yet().reply()),
                    _ => over.then(unchanged),
                }
            }
            Pending::Refusing { service, .. } => {
                let (_, document) = self
                    .copies
                    .assignment(*service, &self.rule, &self.keys, cx)
                    .filter(|_| over)?;
                Some(json(200, document.to_vec()))
            }
            Pending::Subscription { service, index, .. } => {
                let (service, index) = (*service, *index);
                let nothing = || if index.is_none() { nothing_yet().reply() } else { unchanged() };
                self.news(service, index, cx).or_else(|| over.then(nothing))
            }
        }
    }
}

/// Nothing was published since the hub has started.
pub(super) fn nothing_yet() -> Problem {
    Problem::new(503, "the hub listens to its sources before it says anything")
}

fn copy_of(reply: &Reply) -> Reply {
    Reply { headers: reply.headers.clone(), body: reply.body.clone(), ..*reply }
}
