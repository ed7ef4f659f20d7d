//! What is ready of the pages of `respond`.

use crate::base::outcome::Verdict;
use crate::format::Bare;
use crate::http::edits::HeaderBlock;

/// What is ready of the pages of `respond`, for each verdict.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(super) pass: ReadyPage,
    pub(super) warn: ReadyPage,
    pub(super) fail: ReadyPage,
}

#[derive(Debug)]
pub(super) struct ReadyPage {
    pub(super) headers: HeaderBlock,
    /// The page for whom mustn't see more than the status.
    pub(super) bare: Option<Bare>,
}

impl Pages {
    pub(super) fn of(&self, verdict: Verdict) -> &ReadyPage {
        match verdict {
            Verdict::Pass => &self.pass,
            Verdict::Warn => &self.warn,
            Verdict::Fail => &self.fail,
        }
    }
}
