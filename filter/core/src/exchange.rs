//! One probe on its way, from the decision to its end.

use crate::decision::HeaderEdits;
use crate::grpc::{self, GrpcAnswer};
use crate::headers::{DEGRADED, GRPC_STATUS};
use crate::outcome::Outcome;
use crate::policy::{MetricIndex, Recognised};
use crate::probe::Probe;
use std::rc::Rc;

/// The head of a response, read on demand like [`crate::RequestHead`].
pub trait ResponseHead {
    /// The value of a header, or of the pseudo-header `:status`.
    fn header(&self, name: &str) -> Option<Vec<u8>>;

    /// Envoy's reason for the response (`%RESPONSE_CODE_DETAILS%`).
    /// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details>
    fn code_details(&self) -> Option<Vec<u8>>;

    /// The HTTP status.
    fn status(&self) -> Option<u16> {
        std::str::from_utf8(&self.header(":status")?).ok()?.parse().ok()
    }
}

/// One probe on its way.
#[derive(Debug)]
pub struct Exchange {
    probe: Rc<Probe>,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    /// Nothing has come back yet.
    AwaitingHttp,
    /// Nothing has come back yet, or only a part of the messages.
    AwaitingGrpc(GrpcAnswer),
    /// How it ends is known.
    Known(Outcome),
}

impl Exchange {
    /// A probe that was forwarded.
    pub fn forwarded(Recognised { probe, method }: Recognised) -> Self {
        let progress = match method {
            Some(method) => Progress::AwaitingGrpc(GrpcAnswer::new(method)),
            None => Progress::AwaitingHttp,
        };
        Self { probe, progress }
    }

    /// A probe that the proxy answered.
    pub fn answered(Recognised { probe, .. }: Recognised, outcome: Outcome) -> Self {
        Self { probe, progress: Progress::Known(outcome) }
    }

    /// Judges the head of the answer, and says what the prober is told.
    ///
    /// The proxy's own answers come by here too; they are annotated already.
    pub fn on_response_headers(&mut self, response: &impl ResponseHead) -> HeaderEdits {
        match &self.progress {
            Progress::Known(_) => HeaderEdits::default(),
            Progress::AwaitingHttp => self.conclude(judge_http(response)),
            Progress::AwaitingGrpc(answer) => {
                let status = response.header(GRPC_STATUS).and_then(|v| grpc::parse_status(&v));
                let Some(status) = status else {
                    // The verdict is in the messages: too late for a header.
                    return self.probe.identification();
                };
                if timed_out(response) {
                    let mut edits = self.conclude(Outcome::Timeout);
                    // Envoy reports its own timeout as UNAVAILABLE.
                    edits.set(GRPC_STATUS, grpc::code::DEADLINE_EXCEEDED.to_string());
                    return edits;
                }
                let outcome = answer.outcome(Some(status));
                self.conclude(outcome)
            }
        }
    }

    fn conclude(&mut self, outcome: Outcome) -> HeaderEdits {
        self.progress = Progress::Known(outcome);
        match outcome.verdict() {
            Some(verdict) => self.probe.annotation(verdict),
            None => self.probe.identification(),
        }
    }

    /// Whether the answer's body has anything to say.
    pub fn reads_body(&self) -> bool {
        matches!(self.progress, Progress::AwaitingGrpc(_))
    }

    /// Takes the next piece of the answer's body.
    pub fn on_response_body(&mut self, bytes: &[u8]) {
        if let Progress::AwaitingGrpc(answer) = &mut self.progress {
            answer.feed(bytes);
        }
    }

    /// The metric to raise when the stream is over. `grpc_status` reads the
    /// trailer of that name.
    pub fn metric(&self, grpc_status: impl FnOnce() -> Option<Vec<u8>>) -> MetricIndex {
        let outcome = match &self.progress {
            Progress::Known(outcome) => *outcome,
            Progress::AwaitingHttp => Outcome::Error,
            Progress::AwaitingGrpc(answer) => {
                answer.outcome(grpc_status().and_then(|value| grpc::parse_status(&value)))
            }
        };
        self.probe.metric(outcome)
    }
}

/// What kubelet holds healthy: 200 to 399.
fn judge_http(response: &impl ResponseHead) -> Outcome {
    match response.status() {
        Some(200..=399) if response.header(DEGRADED).is_some() => Outcome::Warn,
        Some(200..=399) => Outcome::Pass,
        Some(504) if timed_out(response) => Outcome::Timeout,
        _ => Outcome::Fail,
    }
}

/// Whether Envoy itself gave up on the application.
fn timed_out(response: &impl ResponseHead) -> bool {
    let details = response.code_details();
    matches!(details.as_deref(), Some(b"response_timeout" | b"upstream_per_try_timeout"))
}

#[cfg(test)]
mod tests;
