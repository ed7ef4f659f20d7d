//! What an ordinary request that is over says.

use super::Evidence;
use crate::facts::traffic::judge;
use crate::http::completed::Completed;
use crate::http::headers::GRPC_TIMEOUT;
use crate::http::request::Ending;

impl Evidence {
    /// Counts an ordinary request that is over.
    pub fn count(&self, completed: &Completed<'_, impl Ending>) {
        let hurried = || completed.request_header(GRPC_TIMEOUT).is_some();
        let Some(failed) = judge(completed.status(), completed.grpc_status(), hurried) else {
            return;
        };
        self.tally.count(failed);
        if let Some(score) = &self.score {
            score.count(failed, completed);
        }
    }
}
