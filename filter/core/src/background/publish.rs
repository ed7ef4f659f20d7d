//! Tells hubs how instances are: the VM that holds the lease, of the latest configuration.

use super::Background;
use crate::base::time::nanos;
use crate::callout::{CallAnswer, CallToken, Caller};
use crate::state::{Context, SharedStore};
use std::time::Duration;

/// How often it is looked at least what there is to be said: what is too old changes verdicts,
/// and what a VM of an older configuration was answered. What is answered here, a check or the
/// admin interface, has it looked at at once.
const EVERY: Duration = Duration::from_secs(1);
/// How often at most, where traffic is shared more often than that.
const OFTEN: Duration = Duration::from_millis(100);

impl Background {
    /// Whether anything is published: then time must be known.
    pub fn publishes(&self) -> bool {
        !self.publishers.is_empty()
    }

    /// Looks what there is to be said, where that is due or something goes out anyway.
    pub(super) fn look(&mut self, cx: Context<'_, impl SharedStore>) {
        let posts = self.publishers.iter().any(|it| it.next().is_some_and(|due| due <= cx.now));
        if !self.publishes() || (self.look_at > cx.now && !posts) {
            return;
        }
        let every = self.evidence.share_every().map_or(EVERY, |shared| shared.max(OFTEN));
        self.look_at = cx.now + nanos(every);
        // An older configuration may still be at work beside the latest.
        let speaks = self.lease.is_held() && self.loads.is_latest(cx.store);
        for publisher in &mut self.publishers {
            if speaks {
                publisher.look(&self.evidence, cx);
            } else {
                publisher.rest();
            }
        }
    }

    /// Posts the first event that is due; `false` where none is.
    pub(super) fn publish_one(
        &mut self,
        caller: &impl Caller,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        let Self { publishers, jitter, signals, evidence, .. } = self;
        let due = publishers.iter_mut().find_map(|it| it.claim(jitter, cx).then_some(it));
        let is_due = due.is_some();
        if let Some(publisher) = due {
            publisher.post(caller, evidence, signals, cx);
        }
        is_due
    }

    /// The answer to what was published is there.
    pub(super) fn on_published(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        cx: Context<'_, impl SharedStore>,
    ) {
        let Self { publishers, signals, .. } = self;
        // It is that of one of them, or of none.
        let _ = publishers.iter_mut().any(|it| it.on_answer(token, answer, signals, cx));
    }
}
