//! One axis of the score.

/// One axis of the score, with the facts that it goes by.
pub trait Axis {
    /// From 0, dead, to 1, faultless; `None` where there is too little to go by.
    fn read(&self) -> Option<f64>;
}

/// The axes, in the order of their places everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisName {
    /// Healthy hosts.
    Topology,
    /// Latency and loss.
    Stability,
    /// Handshakes and what they agree on.
    Protocol,
}

impl AxisName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Topology, Self::Stability, Self::Protocol];

    /// The word in the configuration, in metrics and in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::Stability => "stability",
            Self::Protocol => "protocol",
        }
    }
}
