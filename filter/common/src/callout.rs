//! Calls of the proxy's own, through one of Envoy's clusters.

mod grpc;
mod periodic;
mod watch;

pub use grpc::{StreamToken, UNREADABLE, WatchCall};
pub use periodic::{Answered, Lateness, PeriodicCall, wait_limit};
pub use watch::{Closed, Ended, Watch};

use crate::grpc::{CHECK_PATH, ServingStatus, framed, request};
use crate::http::classify::GATEWAY_TIMEOUT;
use crate::http::headers::{STATUS_CODE, UPSTREAM_SERVICE_TIME};
use crate::http::request::ResponseHead;
use std::time::Duration;

/// A call over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The Envoy cluster.
    pub cluster: String,
    /// `:authority`.
    pub host: String,
    /// `:path`.
    pub path: String,
    /// What it brings.
    pub payload: Payload,
    /// Headers beyond those that follow from the rest.
    pub headers: Vec<(String, String)>,
    /// The rule of the probe that it is made for; `None` for a background check.
    pub probe: Option<String>,
    /// When Envoy gives up.
    pub timeout: Duration,
}

/// What a call brings, and so what kind of call it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: a GET.
    Nothing,
    /// The message of a unary gRPC call, in its frame.
    Grpc(Vec<u8>),
    /// A document that is posted.
    Json(Vec<u8>),
}

impl Payload {
    /// The call's `:method`.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Nothing => "GET",
            Self::Grpc(_) | Self::Json(_) => "POST",
        }
    }

    /// The call's body.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Grpc(body) | Self::Json(body) => body,
        }
    }
}

impl HttpCall {
    /// A GET of the proxy's own.
    pub fn get(cluster: &str, host: &str, path: &str, timeout: Duration) -> Self {
        Self::new(cluster, host, path, Payload::Nothing, timeout)
    }

    /// A POST of a document that is yet to be written.
    pub fn post(cluster: &str, host: &str, path: &str, timeout: Duration) -> Self {
        Self::new(cluster, host, path, Payload::Json(Vec::new()), timeout)
    }

    /// A Check of a service, with this `:authority`.
    pub fn check(cluster: &str, authority: &str, service: &str, timeout: Duration) -> Self {
        let message = Payload::Grpc(framed(&request(service)));
        Self::new(cluster, authority, CHECK_PATH, message, timeout)
    }

    #[inline(never)]
    fn new(cluster: &str, host: &str, path: &str, payload: Payload, timeout: Duration) -> Self {
        let [cluster, host, path] = [cluster, host, path].map(str::to_owned);
        Self { cluster, host, path, payload, headers: Vec::new(), probe: None, timeout }
    }
}

/// Tells a call from all others of its VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallToken(pub u32);

/// Why Envoy takes no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// There is no such cluster, or the call makes no sense to Envoy.
    UnknownCluster,
    /// There is no host to send it to, or no room for it.
    NotSent,
}

impl CallRefusal {
    /// In words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::UnknownCluster => "Envoy has no such cluster",
            Self::NotSent => "the cluster has no healthy host, or its circuit breaker is open",
        }
    }
}

/// Makes calls.
pub trait Caller {
    /// Begins a call; its answer comes later, whatever happens.
    ///
    /// # Errors
    /// Envoy doesn't take it, and no answer comes.
    fn http_call(&self, call: &HttpCall) -> Result<CallToken, CallRefusal>;

    /// Opens a Watch. Its messages and its end come later; `None` where Envoy
    /// doesn't take it, and nothing comes.
    fn open_watch(&self, call: &WatchCall) -> Option<StreamToken>;

    /// Gives up a stream; nothing more comes of it.
    fn cancel(&self, stream: StreamToken);
}

/// The answer to a call, read on demand.
pub trait CallAnswer: ResponseHead {
    /// How long its body is, in bytes.
    fn body_size(&self) -> usize;

    /// Its body.
    fn body(&self) -> Vec<u8>;

    /// The value of a trailer.
    fn trailer(&self, name: &str) -> Option<Vec<u8>>;
}

/// The longest answer that is taken, in bytes. A health check that is longer
/// isn't one, and all of it lies in Envoy's memory.
pub const LARGEST_BODY: usize = 1_024 * 1_024;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResponse {
    /// The other side answered with this status.
    Answer(u16),
    /// A gRPC service said this of its health.
    Health(ServingStatus),
    /// No answer came in time.
    Timeout,
    /// An answer came that says nothing of health, for this reason.
    Unclear(String),
    /// No answer came, for this reason.
    Nothing(String),
    /// Envoy takes no call, for this reason.
    Refused(CallRefusal),
    /// The answer is longer than [`LARGEST_BODY`].
    TooLarge(usize),
}

impl CheckResponse {
    /// What came of a Check of this gRPC service; `None` for a GET. An answer is told
    /// from Envoy's own, which its router writes:
    /// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details>
    pub fn read(answer: &impl CallAnswer, service: Option<&str>) -> Self {
        let Some(status) = answer.header(STATUS_CODE).and_then(|_| answer.status()) else {
            let reason = match service {
                Some(_) => "Envoy reset the call",
                None => "Envoy broke the call off: the answer is far too large, or was reset",
            };
            return Self::Nothing(reason.to_owned());
        };
        let size = answer.body_size();
        if size > LARGEST_BODY {
            return Self::TooLarge(size);
        }
        match service {
            Some(service) => Self::of_check(answer, status, service),
            None => Self::of_get(answer, status),
        }
    }

    /// Why it says nothing of health; empty where it does, and of a time-out.
    pub fn failure(&self) -> String {
        match self {
            Self::Answer(_) | Self::Health(_) | Self::Timeout => String::new(),
            Self::Nothing(reason) | Self::Unclear(reason) => reason.clone(),
            Self::Refused(refusal) => refusal.reason().to_owned(),
            Self::TooLarge(size) => format!("the answer is too large: {size} bytes"),
        }
    }

    fn of_get(answer: &impl CallAnswer, status: u16) -> Self {
        // The router puts this header on every answer of an upstream host.
        if answer.header(UPSTREAM_SERVICE_TIME).is_some() || status < 500 {
            return Self::Answer(status);
        }
        match own_words(&answer.body()) {
            Some(_) if status == GATEWAY_TIMEOUT => Self::Timeout,
            Some(reason) => Self::Nothing(reason),
            None => Self::Answer(status),
        }
    }
}

/// What Envoy's own answers begin with.
const UPSTREAM_ERROR: &str = "upstream connect error or disconnect/reset before headers";
const TIMEOUT: &str = "upstream request timeout";
const NO_HOST: &str = "no healthy upstream";

/// The longest reason of Envoy's that is passed on, in characters.
const LONGEST_REASON: usize = 160;

/// The reason in an answer of Envoy's own; `None` where it isn't one.
pub fn own_words(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if text == TIMEOUT {
        return Some(text.into_owned());
    }
    if text == NO_HOST {
        return Some("the cluster has no healthy host".to_owned());
    }
    let rest = text.strip_prefix(UPSTREAM_ERROR)?;
    let known = REASONS.iter().find(|(envoys, _)| rest.contains(envoys));
    Some(match known {
        Some((_, ours)) => (*ours).to_owned(),
        None => {
            let rest = rest.trim_start_matches([',', '.', ' ']);
            rest.strip_prefix("reset reason: ")
                .unwrap_or(rest)
                .chars()
                .take(LONGEST_REASON)
                .collect()
        }
    })
}

/// Envoy's reasons, the most telling first, and ours.
const REASONS: [(&str, &str); 7] = [
    ("Connection refused", "connection refused"),
    ("remote connection failure", "no connection: refused or unreachable"),
    ("connection timeout", "no connection within the cluster's connect_timeout"),
    ("remote reset", "the stream was reset"),
    ("connection termination", "the connection was closed without an answer"),
    ("overflow", "the cluster's circuit breaker is open"),
    ("protocol error", "the answer breaks the protocol"),
];

#[cfg(any(test, feature = "fakes"))]
pub mod fake;
