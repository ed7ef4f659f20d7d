//! What an ordinary request that is over says.

use super::Evidence;
use crate::facts::traffic::judge;
use crate::http::completed::Ended;
use crate::http::headers::GRPC_TIMEOUT;
use crate::http::request::Ending;

impl Evidence {
    /// Counts an ordinary request that is over.
    pub fn count(&self, ended: &Ended<'_, impl Ending>) {
        let hurried = || ended.request_header(GRPC_TIMEOUT).is_some();
        let Some(failed) = judge(ended.status(), ended.grpc_status(), hurried) else { return };
        self.tally.count(failed);
        if let Some(score) = &self.score {
            score.count(failed, ended);
        }
    }
}
