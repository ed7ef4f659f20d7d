//! What comes of a delivery.

use heartbeat_common::base::time::Nanos;
use heartbeat_common::base::units::parse_digits;
use heartbeat_common::callout::{CallAnswer, CheckResponse};
use heartbeat_common::http::headers::{RETRY_AFTER, STATUS_CODE};

const SECOND: Nanos = 1_000_000_000;
/// However long a target wants to be left alone, it is asked again after this.
const LONGEST_RETRY_AFTER: Nanos = 300 * SECOND;

pub const NOT_IN_TIME: &str = "no answer in time";

/// What comes of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target has taken it.
    Delivered,
    /// It won't take it, today or tomorrow.
    Refused(String),
    /// It couldn't take it, for this reason, and may say for how long.
    Failed(String, Option<Nanos>),
}

impl Outcome {
    /// By an answer, or by Envoy's own in its place. Of a body nothing is read but the
    /// reason that Envoy gives.
    pub fn of(answer: &impl CallAnswer) -> Self {
        let status = answer.header(STATUS_CODE).and_then(|_| answer.status());
        let answered = |status: u16| format!("it answered {status}");
        match status {
            Some(200..=299) => Self::Delivered,
            Some(status @ (408 | 429)) => Self::Failed(answered(status), retry_after(answer)),
            Some(status) if status < 500 => Self::Refused(answered(status)),
            _ => {
                let reason = match CheckResponse::read(answer, None) {
                    CheckResponse::Answer(status) => answered(status),
                    CheckResponse::Timeout => NOT_IN_TIME.to_owned(),
                    other => other.failure(),
                };
                Self::Failed(reason, retry_after(answer))
            }
        }
    }
}

/// The seconds of `retry-after` (RFC 9110, section 10.2.3); a date is passed over.
fn retry_after(answer: &impl CallAnswer) -> Option<Nanos> {
    let value = answer.header(RETRY_AFTER)?;
    let seconds = parse_digits::<u64>(std::str::from_utf8(&value).ok()?.trim())?;
    Some(seconds.saturating_mul(SECOND).min(LONGEST_RETRY_AFTER))
}
