//! Requests that this module meets more than once: behind another plugin of its own, and
//! when Envoy follows a redirect by itself.

use super::Exchange;
use super::flight::ResponseProgress;
use super::phase::{Phase, Progress};
use crate::exchange::decision::Decision;
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

    /// What marks the request, and whether another plugin has done so before.
    pub(super) fn marks(&self, request: &impl RequestHead) -> (Vec<u8>, bool) {
        let marks = request.header(PROBE).and_then(|_| request.marks());
        let marked = marks.is_some();
        let mut marks = marks.unwrap_or_default();
        marks.extend(self.token.to_le_bytes());
        (marks, marked)
    }

    /// What the request's markers are to be told from forged ones by, where it has any.
    pub fn take_marks(&mut self) -> Option<Vec<u8>> {
        let marks = std::mem::take(&mut self.phase.flight_mut()?.marks);
        (!marks.is_empty()).then_some(marks)
    }

    /// Whether Envoy has followed a redirect of the application, so that another stream
    /// goes on with the request. To be asked when this one is over.
    pub fn is_redirected(&self, response: &impl ResponseHead) -> bool {
        let Phase::Forwarded(flight) = &self.phase else { return false };
        flight.response == ResponseProgress::None
            && !matches!(self.progress, Progress::Known(_))
            && response.code_details().is_some_and(|details| details == b"internal_redirect")
    }

    /// Goes on where a redirect leads to, under the same rule.
    pub fn on_redirect(&mut self, request: &impl RequestHead) -> Decision {
        let after = self.phase.flight().and_then(|flight| flight.deadline.after);
        let mut edits = self.probe.forward(after, self.end_stream, false);
        // Where it goes now is another cluster, maybe, of which nothing is known.
        edits.remove.push(CONNECTION);
        if let Some(flight) = self.phase.flight_mut() {
            flight.closing.forget_cluster();
        }
        Decision::Forward(edits).only_what_is_there(request)
    }
}
