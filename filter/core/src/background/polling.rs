//! What came of asking, and what that has changed.

use crate::base::time::Nanos;
use crate::callout::CheckResponse;

/// What came of a poll.
pub(super) struct Polling {
    pub(super) response: CheckResponse,
    /// The answer's body, where it matters.
    pub(super) body: Vec<u8>,
    /// How long it took.
    pub(super) took: Nanos,
}

/// What it has changed.
#[derive(Clone, Copy, Default)]
pub(super) struct Effect {
    /// There was a good answer, now or before.
    pub(super) was_answered: bool,
    /// Verdicts may have changed.
    pub(super) changes_verdicts: bool,
}

impl Polling {
    /// There was no answer.
    pub(super) fn without_answer(response: CheckResponse, took: Nanos) -> Self {
        Self { response, body: Vec::new(), took }
    }
}
