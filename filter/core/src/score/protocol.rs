//! The axis of protocol: whether connections come about, and as they should be.

use super::{Axis, share};
use crate::facts::admin::Handshakes;

/// What is known of connections.
#[derive(Debug)]
pub struct ProtocolAxis {
    /// The handshakes of the window; `None` where nobody has seen them lately.
    pub handshakes: Option<Handshakes>,
    /// The ordinary requests whose connection was looked at.
    pub looked_at: u64,
    /// Those of them whose connection was as it should be.
    pub as_expected: u64,
    /// Fewer than this say nothing.
    pub min_volume: u64,
}

impl Axis for ProtocolAxis {
    /// The share of handshakes that came about, times the share of requests whose
    /// connection was as expected; what has too little to go by is left out.
    fn read(&self) -> Option<f64> {
        let enough = |count: u64| count > 0 && count >= self.min_volume;
        let handshakes = self.handshakes.filter(|it| enough(it.tried));
        let came_about = handshakes.map(|it| 1.0 - share(it.failed, it.tried));
        let expected = enough(self.looked_at).then(|| share(self.as_expected, self.looked_at));
        match (came_about, expected) {
            (None, None) => None,
            (came_about, expected) => Some(came_about.unwrap_or(1.0) * expected.unwrap_or(1.0)),
        }
    }
}
