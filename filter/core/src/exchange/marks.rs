//! Requests that this module meets more than once: behind another plugin of its own, and
//! when Envoy follows a redirect by itself.

use super::{Exchange, Progress};
use crate::exchange::decision::Decision;
use crate::guards::upstream::Asking;
use crate::http::headers::{CONNECTION, PROBE};
use crate::http::request::{RequestHead, ResponseHead};

/// The size of a token among [`RequestHead::marks`].
const TOKEN: usize = size_of::<u64>();

/// The exchanges that have marked a request, by their tokens; none where its markers are
/// a client's.
pub fn markers_of(request: &impl RequestHead) -> Vec<u64> {
    let marks = request.header(PROBE).and_then(|_| request.marks()).unwrap_or_default();
    marks
        .chunks_exact(TOKEN)
        .filter_map(|mark| Some(u64::from_le_bytes(mark.try_into().ok()?)))
        .collect()
}

impl Exchange {
    /// Tells it apart from every other probe of the process.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Marks the request. Says whether another plugin has done so before.
    pub(super) fn mark(&mut self, request: &impl RequestHead) -> bool {
        let marks = request.header(PROBE).and_then(|_| request.marks());
        let marked = marks.is_some();
        self.held.marks = marks.unwrap_or_default();
        self.held.marks.extend(self.token.to_le_bytes());
        marked
    }

    /// What the request's markers are to be told from forged ones by, where it has any.
    pub fn take_marks(&mut self) -> Option<Vec<u8>> {
        let marks = std::mem::take(&mut self.held.marks);
        (!marks.is_empty()).then_some(marks)
    }

    /// Whether Envoy has followed a redirect of the application, so that another stream
    /// goes on with the request. To be asked when this one is over.
    pub fn is_redirected(&self, response: &impl ResponseHead) -> bool {
        let open = self.held.forwarded && !self.held.begun;
        open && !matches!(self.progress, Progress::Known(_))
            && response.code_details().is_some_and(|details| details == b"internal_redirect")
    }

    /// Goes on where a redirect leads to, under the same rule.
    pub fn on_redirect(&mut self, request: &impl RequestHead) -> Decision {
        let mut edits = self.probe.forward(self.held.deadline, self.whole, false);
        // Where it goes now is another cluster, maybe, of which nothing is known.
        edits.remove.push(CONNECTION);
        (self.held.asking, self.held.upstream) = (Asking::No, None);
        Decision::Forward(edits).only_what_is_there(request)
    }
}
