//! Some clients, told by their addresses or by the SPIFFE ids of their certificates.

pub mod cidr;
pub mod keys;
pub mod principal;
mod read;

use crate::http::headers::FORWARDED_FOR;
use crate::http::request::RequestHead;
use cidr::Cidr;
use principal::{Principal, trust_domain};
use std::net::IpAddr;

pub use read::read;

/// Where the address of a client is read.
///
/// Without `use_remote_address` Envoy believes whatever a client writes into
/// `x-forwarded-for`, and no attribute tells that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressSource {
    /// Envoy's source address, of requests without `x-forwarded-for` only.
    Connection,
    /// Envoy's source address: the operator vouches for it.
    Trusted,
    /// The filter state of this name, which a filter before this one sets.
    FilterState(String),
}

/// Some clients: whoever one of the lists names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clients {
    /// Source addresses.
    pub cidrs: Vec<Cidr>,
    /// Where they are read.
    pub address: AddressSource,
    /// SPIFFE ids of peer certificates.
    pub principals: Vec<Principal>,
}

impl Clients {
    /// Whether the sender of a request is one of them.
    pub fn include(&self, request: &impl RequestHead) -> bool {
        let known_address = || {
            let peer = self.address.of(request).and_then(|peer| parse_peer(&peer));
            peer.is_some_and(|address| self.cidrs.iter().any(|cidr| cidr.contains(address)))
        };
        let known_principal = || {
            let id = request.peer_uri_san();
            id.is_some_and(|id| self.principals.iter().any(|known| known.matches(&id)))
        };
        (!self.cidrs.is_empty() && known_address())
            || (!self.principals.is_empty() && known_principal())
    }
}

/// Why somebody is none of some clients: of either list that names any, one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No address stands where it is looked for.
    NoAddress,
    /// Its address is in none of the ranges.
    OtherNetwork,
    /// It has shown no certificate, or one without a URI.
    NoCertificate,
    /// The first URI of its certificate is no SPIFFE id.
    NoSpiffeId,
    /// Its SPIFFE id is of a trust domain of which nobody is named.
    OtherTrustDomain,
    /// Its SPIFFE id is of such a trust domain, and has another path.
    OtherPath,
}

impl Reason {
    /// The word for pages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::OtherNetwork => "other_network",
            Self::NoCertificate => "no_certificate",
            Self::NoSpiffeId => "no_spiffe_id",
            Self::OtherTrustDomain => "other_trust_domain",
            Self::OtherPath => "other_path",
        }
    }
}

impl Clients {
    /// Why the sender of a request isn't [one of them](Self::include), by its address and by
    /// its certificate. It takes for granted that it isn't.
    pub fn why_not(&self, address: Option<&[u8]>, id: Option<&[u8]>) -> [Option<Reason>; 2] {
        let of_address = match address.and_then(parse_peer) {
            Some(_) => Reason::OtherNetwork,
            None => Reason::NoAddress,
        };
        let of_id = id.map_or(Reason::NoCertificate, |id| match trust_domain(id) {
            None => Reason::NoSpiffeId,
            domain if self.principals.iter().any(|it| trust_domain(it.prefix()) == domain) => {
                Reason::OtherPath
            }
            Some(_) => Reason::OtherTrustDomain,
        });
        [
            (!self.cidrs.is_empty()).then_some(of_address),
            (!self.principals.is_empty()).then_some(of_id),
        ]
    }
}

impl AddressSource {
    /// What is written there, if anything is.
    pub fn of(&self, request: &impl RequestHead) -> Option<Vec<u8>> {
        match self {
            Self::Connection if request.header(FORWARDED_FOR).is_some() => None,
            Self::Connection | Self::Trusted => request.source_address(),
            Self::FilterState(name) => request.filter_state(name),
        }
    }
}

/// The address in Envoy's notation for a peer: `10.0.0.7:51234`, `[fd00::7]:51234`;
/// or without its port: `10.0.0.7`, `fd00::7`.
pub fn parse_peer(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let address = text.rsplit_once(':').map_or(text, |(address, _port)| address);
    let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_peer_is_an_address_with_or_without_a_port() {
        let address = |text: &str| parse_peer(text.as_bytes()).map(|ip| ip.to_string());
        assert_eq!(address("10.0.0.7:51234").as_deref(), Some("10.0.0.7"));
        assert_eq!(address("[fd00::7]:51234").as_deref(), Some("fd00::7"));
        assert_eq!(address("10.0.0.7").as_deref(), Some("10.0.0.7"));
        assert_eq!(address("fd00::7").as_deref(), Some("fd00::7"));
        assert_eq!(address("/run/envoy.sock"), None);
        assert_eq!(parse_peer(b"\xff"), None);
    }
}
