//! What the health score goes by.

use crate::facts::admin::HandshakeSide;
use std::time::Duration;

/// How many parts the unit of a weight has.
pub(crate) const PARTS: f64 = 1_000_000.0;

/// What the health score goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScoreRule {
    /// What each axis counts for, in the order of [`AxisName::ALL`](super::AxisName::ALL).
    pub weights: [Weight; 3],
    /// The time that is looked back.
    pub window: Duration,
    /// Fewer answers, handshakes or requests than this say nothing.
    pub min_volume: u32,
    /// The clusters that matter, beside those that conditions name.
    pub clusters: Vec<String>,
    /// What connections should be like.
    pub protocol: ProtocolRule,
}

/// What an axis counts for, beside the others: millionths, of no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weight(pub(crate) u32);

impl Weight {
    /// The weight as it is written.
    pub fn value(self) -> f64 {
        f64::from(self.0) / PARTS
    }
}

/// What connections should be like; what isn't given isn't looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProtocolRule {
    /// The oldest version of TLS.
    pub tls: Option<TlsVersion>,
    /// Whether the client must show a certificate.
    pub mtls: bool,
    /// The protocols, one of which must be spoken.
    pub alpn: Vec<Alpn>,
    /// Whose handshakes count.
    pub handshakes: HandshakeSide,
}

/// A version of TLS, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.0.
    V1_0,
    /// TLS 1.1.
    V1_1,
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// A protocol, by its ALPN name (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `http/1.1`.
    Http1,
    /// `h2`.
    Http2,
    /// `h3`.
    Http3,
}

impl ProtocolRule {
    /// Whether requests have to be looked at for it.
    pub fn looks_at_requests(&self) -> bool {
        self.tls.is_some() || self.mtls || !self.alpn.is_empty()
    }
}

impl TlsVersion {
    /// From what Envoy calls it (`connection.tls_version`).
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"TLSv1" => Some(Self::V1_0),
            b"TLSv1.1" => Some(Self::V1_1),
            b"TLSv1.2" => Some(Self::V1_2),
            b"TLSv1.3" => Some(Self::V1_3),
            _ => None,
        }
    }
}

impl Alpn {
    /// From what Envoy calls the protocol (`request.protocol`).
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"HTTP/1.1" => Some(Self::Http1),
            b"HTTP/2" => Some(Self::Http2),
            b"HTTP/3" => Some(Self::Http3),
            _ => None,
        }
    }
}
