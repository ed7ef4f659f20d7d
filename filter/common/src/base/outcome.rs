//! How a probe ended.

use super::metric::LabelValue;

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
    /// The answer that another probe had fetched.
    Cached,
    /// It was beyond the rule's limit.
    Limited,
    /// The breaker kept it from the application.
    Broken,
    /// Its sender isn't allowed to probe.
    Denied,
    /// No whole answer reached the prober: it went away, or the stream was reset.
    Error,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Pass,
        Self::Warn,
        Self::Fail,
        Self::Timeout,
        Self::Cached,
        Self::Limited,
        Self::Broken,
        Self::Denied,
        Self::Error,
    ];

    /// The word for metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Cached => "cached",
            Self::Limited => "limited",
            Self::Broken => "broken",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
}

impl LabelValue for Outcome {
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

impl Verdict {
    /// The worse of the two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other as u8 > self as u8 { other } else { self }
    }

    /// The outcome of a probe that the application answered so.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Pass => Outcome::Pass,
            Self::Warn => Outcome::Warn,
            Self::Fail => Outcome::Fail,
        }
    }
}

/// Why the filter answered by itself: Envoy's `%RESPONSE_CODE_DETAILS%`.
pub mod details {
    /// `respond`: all evidence passes.
    pub const RESPOND_PASS: &str = "heartbeat_respond_pass";
    /// `respond`: some evidence warns.
    pub const RESPOND_WARN: &str = "heartbeat_respond_warn";
    /// `respond`: some evidence fails.
    pub const RESPOND_FAIL: &str = "heartbeat_respond_fail";
    /// `cache`: the answer is fresh.
    pub const CACHED: &str = "heartbeat_cached";
    /// `cache`: the answer is being refreshed, or couldn't be.
    pub const CACHED_STALE: &str = "heartbeat_cached_stale";
    /// `cache`: the fetch that the probe waited for has failed.
    pub const CACHE_UNREACHABLE: &str = "heartbeat_cache_unreachable";
    /// `cache`: no answer came while the probe waited for one.
    pub const CACHE_TIMEOUT: &str = "heartbeat_cache_timeout";
    /// `limit`: the last known answer.
    pub const LIMITED_LAST_VERDICT: &str = "heartbeat_limited_last_verdict";
    /// `limit`: rejected.
    pub const LIMITED: &str = "heartbeat_limited";
    /// `breaker`: open.
    pub const BREAKER_OPEN: &str = "heartbeat_breaker_open";
    /// `breaker`: half-open, with its one trial under way.
    pub const BREAKER_HALF_OPEN: &str = "heartbeat_breaker_half_open";
    /// `respond`: nobody knows the service that a call of gRPC asks for.
    pub const RESPOND_UNKNOWN: &str = "heartbeat_respond_unknown";
    /// `respond`, `via_http`: a call of gRPC that can't be answered here.
    pub const UNTRANSLATABLE: &str = "heartbeat_untranslatable";
    /// A call of gRPC whose message didn't come in time, or a Watch to which nothing came.
    pub const OVERDUE: &str = "heartbeat_overdue";
    /// A call of gRPC that can't be understood.
    pub const NOT_UNDERSTOOD: &str = "heartbeat_not_understood";
    /// `inspect`: the page of what the proxy knows.
    pub const INSPECT: &str = "heartbeat_inspect";
    /// `allow`: denied.
    pub const DENIED: &str = "heartbeat_denied";
}
