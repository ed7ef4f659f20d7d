//! How a probe ended.

/// What a prober is told: the words of IETF `health+json`
/// (draft-inadarei-api-health-check-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Healthy.
    Pass,
    /// Healthy, but degraded.
    Warn,
    /// Unhealthy.
    Fail,
}

/// How one probe ended. One word each, the same in metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer says healthy.
    Pass,
    /// The answer says degraded.
    Warn,
    /// The answer says unhealthy, or Envoy couldn't reach the application.
    Fail,
    /// The application didn't answer within the probe's timeout.
    Timeout,
    /// No whole answer reached the prober: it went away, or the stream was reset.
    Error,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Warn, Self::Fail, Self::Timeout, Self::Error];

    /// The word for metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    /// What the prober is told; nothing where it can't be told any more.
    pub const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Pass => Some(Verdict::Pass),
            Self::Warn => Some(Verdict::Warn),
            Self::Fail | Self::Timeout => Some(Verdict::Fail),
            Self::Error => None,
        }
    }
}

/// Why the filter answered by itself: Envoy's `%RESPONSE_CODE_DETAILS%`.
pub mod details {
    /// `respond`: all evidence passes.
    pub const RESPOND_PASS: &str = "heartbeat_respond_pass";
}
