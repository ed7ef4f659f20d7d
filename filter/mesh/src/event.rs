//! The canonical health event: what a source says of an instance, as it is posted.
//!
//! A JSON object, an array of them, one a line (NDJSON), or the protobuf message of the
//! same fields (`envoy-config/schema/health-event.proto`). An event that breaks a rule is
//! refused by itself, with its place, its field and the reason; a body that can't be read
//! at all is refused as a whole.

use crate::fusion::Claim;
use raw::Raw;
use std::borrow::Cow;
use std::net::SocketAddr;

mod json;
mod proto;
mod raw;
mod report;

pub use report::Report;

/// The longest name of an instance, in bytes.
pub const LONGEST_ID: usize = 128;
/// The longest latency, in milliseconds: an hour.
pub(crate) const LONGEST_MS: f64 = 3_600_000.0;
/// The greatest weight of an endpoint.
const HEAVIEST: u64 = 128;
/// The greatest priority: Envoy's `LocalityLbEndpoints.priority`.
const LAST_PRIORITY: u64 = 128;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An object, or an array of objects: `application/json`.
    Json,
    /// An object a line: `application/x-ndjson`.
    Ndjson,
    /// `heartbeat.mesh.v1.HealthEvents`: `application/x-protobuf`.
    Protobuf,
}

impl Form {
    /// By the media type, without its parameters; JSON where there is none.
    pub fn of(content_type: Option<&[u8]>) -> Option<Self> {
        let value = content_type.unwrap_or(b"application/json");
        let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default();
        match media_type.trim_ascii().to_ascii_lowercase().as_slice() {
            b"application/json" => Some(Self::Json),
            b"application/x-ndjson" | b"application/ndjson" => Some(Self::Ndjson),
            b"application/x-protobuf" | b"application/protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }
}

/// Why a body is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It isn't what it says it is, and this is why.
    Malformed(String),
    /// It has more events than may come at once.
    TooMany,
}

/// Why one event is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The field; empty where it is the event as a whole.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub reason: Cow<'static, str>,
}

impl Refused {
    fn new(field: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field, reason: reason.into() }
    }
}

/// How a source has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeMethod {
    /// It has asked over HTTP.
    Http,
    /// It has called `grpc.health.v1.Health`.
    Grpc,
    /// It has opened a connection.
    Tcp,
    /// It holds a stream open.
    Stream,
    /// From traffic.
    Passive,
    /// The instance has told it that it is there.
    Heartbeat,
    /// From whoever starts and stops instances.
    Lifecycle,
}

impl ProbeMethod {
    const WORDS: [(&'static str, Self); 7] = [
        ("http", Self::Http),
        ("grpc", Self::Grpc),
        ("tcp", Self::Tcp),
        ("stream", Self::Stream),
        ("passive", Self::Passive),
        ("heartbeat", Self::Heartbeat),
        ("lifecycle", Self::Lifecycle),
    ];
}

/// What an event says of an instance that isn't known yet: where it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place<'a> {
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// `core.v3.Locality`: region, zone and sub-zone; all empty where it isn't said.
    pub locality: [Cow<'a, str>; 3],
    /// Which instances come first: 0 before 1.
    pub priority: Option<u32>,
    /// Its share among those of its locality, from 1 to 128.
    pub weight: Option<u32>,
}

/// Whether the parts of a locality are no longer than names are.
fn are_names(locality: &[Cow<'_, str>; 3]) -> bool {
    locality.iter().all(|part| part.len() <= LONGEST_ID)
}

impl Place<'_> {
    /// Whether all of it is such as an event may have.
    pub fn is_within_limits(&self) -> bool {
        are_names(&self.locality)
            && self.weight.is_none_or(|weight| (1..=HEAVIEST).contains(&u64::from(weight)))
            && self.priority.is_none_or(|priority| u64::from(priority) <= LAST_PRIORITY)
    }
}

/// An event that breaks no rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The instance.
    pub instance: Cow<'a, str>,
    /// Its service; `None` where the source implies it.
    pub service: Option<Cow<'a, str>>,
    /// The source that it says it comes from, which must be the one that its sender's
    /// credentials mean.
    pub source: Option<Cow<'a, str>>,
    /// How it was found out.
    pub method: ProbeMethod,
    /// What is said.
    pub report: Report,
    /// Where a new instance is.
    pub place: Place<'a>,
    /// How many fields nobody knows.
    pub ignored: usize,
}

/// Reads a body of at most `most` events.
///
/// # Errors
/// It can't be read, or has more.
pub fn read(
    body: &[u8],
    form: Form,
    most: usize,
) -> Result<Vec<Result<Event<'_>, Refused>>, Unreadable> {
    match form {
        Form::Json => json::read(body, most),
        Form::Ndjson => json::read_lines(body, most),
        Form::Protobuf => proto::read(body, most),
    }
}

impl<'a> Event<'a> {
    /// Holds the fields against the rules; the first that breaks one is told.
    fn check(raw: Raw<'a>) -> Result<Self, Refused> {
        if let Some(refused) = raw.wrong_type {
            return Err(refused);
        }
        let required = |field| Refused::new(field, "is required");
        let instance = raw.instance_id.ok_or_else(|| required("instance_id"))?;
        if !is_id(&instance) {
            let reason = "must have 1 to 128 characters of A-Z, a-z, 0-9 and ._:/@-";
            return Err(Refused::new("instance_id", reason));
        }
        let stamp = raw.timestamp_ns.ok_or_else(|| required("timestamp_ns"))?;
        if stamp == 0 {
            return Err(Refused::new("timestamp_ns", "must be greater than 0"));
        }
        let method = raw.probe_method.ok_or_else(|| required("probe_method"))?;
        let method = ProbeMethod::WORDS.iter().find(|(word, _)| *word == method);
        let Some(&(_, method)) = method else {
            let words = "must be http, grpc, tcp, stream, passive, heartbeat or lifecycle";
            return Err(Refused::new("probe_method", words));
        };
        let within = |field, value: Option<f64>, most: f64, reason: &'static str| match value {
            Some(value) if !(0.0..=most).contains(&value) => Err(Refused::new(field, reason)),
            value => Ok(value.map(|value| value as f32)),
        };
        let latency_ms =
            within("latency_p95_ms", raw.latency_p95_ms, LONGEST_MS, "must be from 0 to 3600000")?;
        let error_rate = within("error_rate", raw.error_rate, 1.0, "must be from 0 to 1")?;
        let status = raw.http_status_code;
        if status.is_some_and(|status| !(100..=599).contains(&status)) {
            return Err(Refused::new("http_status_code", "must be from 100 to 599"));
        }
        let said = match raw.status.as_deref() {
            None => None,
            Some("pass") => Some(Claim::Alive),
            Some("warn") => Some(Claim::Warn),
            Some("draining") => Some(Claim::Draining),
            Some("fail") => Some(Claim::Dead),
            Some(_) => {
                return Err(Refused::new("status", "must be pass, warn, fail or draining"));
            }
        };
        let observed = claim_of(latency_ms, raw.connection_established, status);
        let claim = said.or(observed).ok_or_else(|| {
            let one =
                "needs one of status, latency_p95_ms, connection_established and http_status_code";
            Refused::new("", one)
        })?;
        let address = raw.address.map(|address| {
            let parsed = address.parse::<SocketAddr>();
            parsed.map_err(|_| {
                Refused::new("address", "must be an address and a port, such as 10.1.0.5:8080")
            })
        });
        if !are_names(&raw.locality) {
            return Err(Refused::new("locality", "its parts must have at most 128 bytes"));
        }
        if raw.weight.is_some_and(|weight| !(1..=HEAVIEST).contains(&weight)) {
            return Err(Refused::new("weight", "must be from 1 to 128"));
        }
        if raw.priority.is_some_and(|priority| priority > LAST_PRIORITY) {
            return Err(Refused::new("priority", "must be from 0 to 128"));
        }
        Ok(Self {
            instance,
            service: raw.service,
            source: raw.source,
            method,
            report: Report { stamp, claim, latency_ms, error_rate },
            place: Place {
                address: address.transpose()?,
                locality: raw.locality,
                priority: raw.priority.map(|priority| priority as u32),
                weight: raw.weight.map(|weight| weight as u32),
            },
            ignored: raw.ignored,
        })
    }
}

/// Whether a name is one that an instance may have.
pub fn is_id(name: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte);
    (1..=LONGEST_ID).contains(&name.len()) && name.bytes().all(may)
}

/// What a status of HTTP says of who answers with it.
pub fn claim_of_status(status: u16) -> Claim {
    match status {
        200..=399 => Claim::Alive,
        429 => Claim::Warn,
        _ => Claim::Dead,
    }
}

/// What is observed, where anything is: a connection that doesn't come about or a status
/// that isn't one of health is death, whatever else was measured.
fn claim_of(
    latency_ms: Option<f32>,
    connected: Option<bool>,
    status: Option<u64>,
) -> Option<Claim> {
    match (connected, status) {
        (Some(false), _) => Some(Claim::Dead),
        (_, Some(status)) => Some(claim_of_status(status as u16)),
        (Some(true), None) => Some(Claim::Alive),
        (None, None) => latency_ms.map(|_| Claim::Alive),
    }
}

#[cfg(test)]
mod tests;
