//! What a hub makes of an event.

use crate::base::metric::LabelValue;
use crate::callout::{CallAnswer, CallRefusal, CheckResponse};

/// What came of an event. One word each, in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishResult {
    /// The hub has taken it.
    Accepted,
    /// The hub doesn't take it, and wouldn't the next time.
    Refused,
    /// The hub can't take it just now.
    Failed,
    /// The hub hasn't answered in time.
    Timeout,
    /// There was no way to the hub.
    Unreachable,
    /// Envoy has no such cluster.
    NoCluster,
}

impl PublishResult {
    const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Refused,
        Self::Failed,
        Self::Timeout,
        Self::Unreachable,
        Self::NoCluster,
    ];

    /// Whether the same event may well be taken when it is sent again.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::Failed | Self::Timeout | Self::Unreachable)
    }

    /// What came of it. `words` are the hub's.
    pub(super) fn of(response: &CheckResponse, words: &str) -> Self {
        match response {
            CheckResponse::Answer(202) if says(words, TAKEN) => Self::Accepted,
            CheckResponse::Answer(408 | 429 | 500..) => Self::Failed,
            CheckResponse::Answer(_) => Self::Refused,
            CheckResponse::Timeout => Self::Timeout,
            CheckResponse::Refused(CallRefusal::UnknownCluster) => Self::NoCluster,
            CheckResponse::Nothing(_) | CheckResponse::Refused(_) => Self::Unreachable,
            CheckResponse::Health(_) | CheckResponse::Unclear(_) | CheckResponse::TooLarge(_) => {
                Self::Failed
            }
        }
    }
}

/// Why an event wasn't taken.
pub(super) fn reason(response: &CheckResponse, words: &str) -> String {
    let CheckResponse::Answer(status) = response else {
        let failure = response.failure();
        return if failure.is_empty() { "no answer in time".to_owned() } else { failure };
    };
    let mend = match status {
        403 => " (its \"allow\" names this proxy's certificate or address for no source)",
        404 | 405 => " (there is no hub at this path)",
        429 => " (more requests of the source than its limits.rate)",
        _ => "",
    };
    ["answered ", &u64::from(*status).to_string(), mend, " ", words].concat()
}

impl LabelValue for PublishResult {
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::NoCluster => "no_cluster",
        }
    }
}

/// What the answer to a single event that was taken has in it.
const TAKEN: &[u8] = br#""accepted":1"#;
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 4_096;
/// How much of a hub's words the log repeats, in bytes.
const LONGEST_WORDS: usize = 240;

fn says(words: &str, what: &[u8]) -> bool {
    words.as_bytes().windows(what.len()).any(|window| window == what)
}

/// The hub's words, fit for the log; none where they are longer than they should be.
pub(super) fn words(answer: &impl CallAnswer) -> String {
    if answer.body_size() > LONGEST_ANSWER {
        return String::new();
    }
    let mut body = answer.body();
    body.truncate(LONGEST_WORDS);
    body.iter_mut().filter(|byte| byte.is_ascii_control()).for_each(|byte| *byte = b' ');
    String::from_utf8_lossy(&body).into_owned()
}
