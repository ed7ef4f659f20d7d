//! Webhooks: whoever wants to be told of changes is called, through clusters that the
//! configuration names.
//!
//! Only the owner of the table calls. Each target has a [`Lane`](lane::Lane) of its own: a
//! bounded queue and one delivery under way, which brings all that has come together
//! meanwhile. So the changes of an instance arrive in their order, and a target that hangs
//! holds up nobody but itself.

use heartbeat_common::base::jitter::Jitter;
use heartbeat_common::base::metric::LabelValue;
use heartbeat_common::base::time::Instant;
use heartbeat_common::callout::{CallAnswer, CallToken, Caller};
use lane::Lane;
use std::rc::Rc;

pub use change::{Change, GONE, Says};
pub use rule::{Format, Secret, WebhookRule};

mod body;
mod change;
mod lane;
mod outcome;
mod rule;
mod signature;

/// What became of changes on their way to a target: each ends as one of all but
/// [`Retried`](Self::Retried), which counts tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookResult {
    /// The target has taken it.
    Delivered,
    /// The target has answered that it won't: it isn't tried again.
    Refused,
    /// It was tried as often as the rule says.
    GivenUp,
    /// There was no room in the queue.
    Dropped,
    /// A delivery has failed, and is tried again.
    Retried,
}

impl LabelValue for WebhookResult {
    const VALUES: &'static [Self] =
        &[Self::Delivered, Self::Refused, Self::GivenUp, Self::Dropped, Self::Retried];

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
            Self::Retried => "retried",
        }
    }
}

/// What comes of calling, until somebody takes it.
#[derive(Debug)]
struct Notes {
    jitter: Jitter,
    log: Vec<String>,
    /// The place of the webhook that is at work.
    place: usize,
    results: Vec<(usize, WebhookResult, u64)>,
}

impl Notes {
    fn count(&mut self, result: WebhookResult, count: u64) {
        self.results.push((self.place, result, count));
    }
}

/// All webhooks of a hub.
#[derive(Debug)]
pub struct Webhooks {
    lanes: Vec<Lane>,
    notes: Notes,
    /// The webhook that is looked at first where several are due.
    turn: usize,
}

impl Webhooks {
    /// Nothing is to be told yet. `seed` must differ from that of other hubs.
    pub fn new(rules: &[Rc<WebhookRule>], seed: u64) -> Self {
        let notes =
            Notes { jitter: Jitter::new(seed), log: Vec::new(), place: 0, results: Vec::new() };
        Self { lanes: rules.iter().map(Lane::new).collect(), notes, turn: 0 }
    }

    /// Goes on with what an owner before this one has [kept](Self::keep).
    pub fn restore(&mut self, mut recall: impl FnMut(&str) -> Option<Vec<u8>>) {
        for lane in &mut self.lanes {
            if let Some(kept) = recall(lane.name()) {
                lane.restore(&kept);
            }
        }
    }

    /// These are to be told, in their order.
    pub fn note(&mut self, changes: &[Rc<Change>]) {
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            self.notes.place = place;
            changes.iter().for_each(|change| lane.note(change, &mut self.notes));
        }
    }

    /// Makes a call where one is due; says whether it did. At most one, as all who call in a
    /// tick.
    pub fn call(&mut self, caller: &impl Caller, now: Instant) -> bool {
        let count = self.lanes.len();
        for place in (self.turn..count).chain(0..self.turn.min(count)) {
            self.notes.place = place;
            let Some(lane) = self.lanes.get_mut(place) else { continue };
            lane.on_time(&mut self.notes, now);
            if lane.call(caller, &mut self.notes, now) {
                self.turn = place + 1;
                return true;
            }
        }
        false
    }

    /// When something is to be done; `None` for never.
    pub fn next(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(Lane::next).min()
    }

    /// The answer to a call is there, or Envoy's own in its place; that to a call of
    /// somebody else is passed over.
    pub fn on_answer(&mut self, token: CallToken, answer: &impl CallAnswer, now: Instant) {
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            self.notes.place = place;
            if lane.on_answer(token, answer, &mut self.notes, now) {
                return;
            }
        }
    }

    /// Has `keep` keep what is yet to be told, by the names of the webhooks where that has
    /// changed, for the next owner. It says whether it did.
    pub fn keep(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        for lane in &mut self.lanes {
            lane.keep(&mut keep);
        }
    }

    /// Of how many changes each has yet to tell, in their order.
    pub fn waiting(&self) -> impl Iterator<Item = usize> {
        self.lanes.iter().map(Lane::waiting)
    }

    /// What has become of changes since the last call: the place of the webhook, what, of
    /// how many.
    pub fn take_results(&mut self) -> Vec<(usize, WebhookResult, u64)> {
        std::mem::take(&mut self.notes.results)
    }

    /// Lines for the log since the last call, as warnings.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes.log)
    }
}

#[cfg(test)]
mod tests;
