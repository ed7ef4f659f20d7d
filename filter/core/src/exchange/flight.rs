//! A probe on its way to the application and back.

use super::Exchange;
use super::closing::Closing;
use super::fetch::Fetch;
use super::guards::BreakerPassage;
use super::translation::Translation;
use crate::http::classify::Origin;
use crate::http::request::ResponseHead;
use crate::probe::Deadline;
use crate::state::{Context, SharedStore};

/// What is to be remembered of a probe that was sent to the application.
#[derive(Debug)]
pub(super) struct Flight {
    /// It has passed the breaker, which is to know how it ends.
    pub(super) passage: Option<BreakerPassage>,
    /// Whether it asks the application to close the connection.
    pub(super) closing: Closing,
    /// What it does for others there.
    pub(super) fetch: Fetch,
    /// How long the application has.
    pub(super) deadline: Deadline,
    /// What tells that the request's markers are genuine.
    pub(super) marks: Vec<u8>,
    /// How much of the answer has come.
    pub(super) response: ResponseProgress,
    /// The answer has no media type, and is to be given none.
    pub(super) untyped: bool,
    /// What comes back is made into an answer of gRPC.
    pub(super) translation: Option<Translation>,
}

/// How much of an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseProgress {
    /// Nothing.
    None,
    /// Its head, which is held back until more comes.
    HeadHeld,
    /// Its head, and maybe a part of its body.
    Begun,
    /// All of it.
    Complete,
}

impl Exchange {
    /// Gives back what the probe still holds of the state that all workers share, however
    /// it ended. `response` is read where that matters.
    pub(super) fn give_back(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
    ) {
        self.release_refresh(cx);
        if let Some(Flight { passage: Some(_), response: progress, .. }) = self.phase.flight() {
            let open = matches!(progress, ResponseProgress::HeadHeld | ResponseProgress::Begun);
            let broke_off = open && Origin::of(response).is_upstreams_fault();
            self.settle_breaker(cx, broke_off.then_some(true));
        }
        self.release_trial(cx);
    }
}
