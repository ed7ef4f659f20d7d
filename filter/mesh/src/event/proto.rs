//! Events as protobuf: `heartbeat.mesh.v1`, in `envoy-config/schema/health-event.proto`.

use super::{Event, Raw, Refused, Unreadable};
use prost::encoding::{DecodeContext, decode_key, skip_field};
use prost::{DecodeError, Message};
use std::borrow::Cow;

#[derive(Clone, PartialEq, Message)]
pub struct HealthEvents {
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<HealthEvent>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HealthEvent {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(uint64, tag = "2")]
    pub timestamp_ns: u64,
    #[prost(string, tag = "3")]
    pub probe_method: String,
    #[prost(double, optional, tag = "4")]
    pub latency_p95_ms: Option<f64>,
    #[prost(bool, optional, tag = "5")]
    pub connection_established: Option<bool>,
    #[prost(uint32, optional, tag = "6")]
    pub http_status_code: Option<u32>,
    #[prost(string, optional, tag = "7")]
    pub status: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub service: Option<String>,
    #[prost(double, optional, tag = "9")]
    pub error_rate: Option<f64>,
    #[prost(string, optional, tag = "10")]
    pub source: Option<String>,
    #[prost(string, optional, tag = "11")]
    pub address: Option<String>,
    #[prost(message, optional, tag = "12")]
    pub locality: Option<Locality>,
    #[prost(uint32, optional, tag = "13")]
    pub priority: Option<u32>,
    #[prost(uint32, optional, tag = "14")]
    pub weight: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Locality {
    #[prost(string, tag = "1")]
    pub region: String,
    #[prost(string, tag = "2")]
    pub zone: String,
    #[prost(string, tag = "3")]
    pub sub_zone: String,
}

pub fn read(body: &[u8], most: usize) -> Result<Vec<Result<Event<'_>, Refused>>, Unreadable> {
    if count(body).map_err(unreadable)? > most {
        return Err(Unreadable::TooMany);
    }
    let batch = HealthEvents::decode(body).map_err(unreadable)?;
    Ok(batch.events.into_iter().map(|event| Event::check(event.into())).collect())
}

/// How many events a body has. Two bytes of it may be one, which takes a hundred times that
/// once it is decoded.
fn count(mut body: &[u8]) -> Result<usize, DecodeError> {
    let mut events = 0;
    while !body.is_empty() {
        let (tag, wire_type) = decode_key(&mut body)?;
        skip_field(wire_type, tag, &mut body, DecodeContext::default())?;
        events += usize::from(tag == 1);
    }
    Ok(events)
}

fn unreadable(error: DecodeError) -> Unreadable {
    Unreadable::Malformed(error.to_string())
}

/// An empty string is one that isn't there, as proto3 has it.
fn text(value: impl Into<Option<String>>) -> Option<Cow<'static, str>> {
    value.into().filter(|value| !value.is_empty()).map(Cow::Owned)
}

impl From<HealthEvent> for Raw<'_> {
    fn from(event: HealthEvent) -> Self {
        let locality = event.locality.unwrap_or_default();
        Self {
            instance_id: text(event.instance_id),
            timestamp_ns: Some(event.timestamp_ns),
            probe_method: text(event.probe_method),
            latency_p95_ms: event.latency_p95_ms,
            connection_established: event.connection_established,
            http_status_code: event.http_status_code.map(u64::from),
            status: text(event.status),
            service: text(event.service),
            error_rate: event.error_rate,
            source: text(event.source),
            address: text(event.address),
            locality: [locality.region, locality.zone, locality.sub_zone].map(Cow::Owned),
            priority: event.priority.map(u64::from),
            weight: event.weight.map(u64::from),
            wrong_type: None,
            ignored: 0,
        }
    }
}
