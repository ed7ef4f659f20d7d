//! Who may probe.

use crate::base::units::parse_digits;
use std::net::IpAddr;

/// Who may probe.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AllowRule {
    /// They may.
    pub clients: Clients,
    /// What becomes of the others.
    pub otherwise: Otherwise,
}

/// What becomes of a probe that isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Otherwise {
    /// It is ordinary traffic.
    NotAProbe,
    /// It is denied.
    Deny,
}

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

/// A range of addresses, such as `10.0.0.0/8` or `fd00::/8` (RFC 4632, RFC 4291).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads a range; an address alone means itself.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let network: IpAddr = address.parse().map_err(|_| {
            r#"is not a range; write it like "10.0.0.0/8" or "fd00::/8""#.to_owned()
        })?;
        if network.to_canonical() != network {
            let mapped = network.to_canonical();
            return Err(format!("is IPv4 in the clothes of IPv6; write it as \"{mapped}/32\""));
        }
        let width = width(network);
        let bits = match bits {
            Some(bits) => parse_digits(bits).filter(|bits| *bits <= width).ok_or_else(|| {
                format!("has no prefix length from 0 to {width}; write \"{address}/{width}\"")
            })?,
            None => width,
        };
        let cidr = Self { network, bits };
        let first = cidr.first_address();
        if first != network {
            return Err(format!("has bits beyond its prefix; write \"{first}/{bits}\""));
        }
        Ok(cidr)
    }

    /// Whether an address lies in the range. An IPv4 address that is mapped into
    /// IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.network)
            && self.prefix_of(address) == self.prefix_of(self.network)
    }

    /// The first `bits` bits, as a number.
    fn prefix_of(&self, address: IpAddr) -> u128 {
        let dropped = u32::from(width(address).saturating_sub(self.bits));
        number(address).checked_shr(dropped).unwrap_or(0)
    }

    fn first_address(&self) -> IpAddr {
        let dropped = u32::from(width(self.network).saturating_sub(self.bits));
        let first = self.prefix_of(self.network).checked_shl(dropped).unwrap_or(0);
        match self.network {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(first).unwrap_or_default().into()),
            IpAddr::V6(_) => IpAddr::V6(first.into()),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => address.into(),
    }
}

/// A SPIFFE id, or all ids below a path of a trust domain:
/// `spiffe://example.org/ns/shop/sa/prober`, `spiffe://example.org/ns/shop/*`.
/// <https://spiffe.io/docs/latest/spiffe-about/spiffe-concepts/#spiffe-id>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The id without the `*`.
    prefix: String,
    open: bool,
}

const SCHEME: &str = "spiffe://";

impl Principal {
    /// Reads a SPIFFE id, which may end with `/*`.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = r#"write it like "spiffe://example.org/ns/shop/*""#;
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(format!("is not a SPIFFE id; {example}"));
        };
        let open = rest.ends_with("/*");
        let id = rest.strip_suffix('*').unwrap_or(rest);
        let trust_domain = id.split('/').next().unwrap_or_default();
        if trust_domain.is_empty() || !trust_domain.bytes().all(is_trust_domain_byte) {
            return Err(format!("has no trust domain of a-z, 0-9, \".\", \"-\", \"_\"; {example}"));
        }
        if id.contains('*') || rest.ends_with('*') && !open {
            return Err(format!("may hold \"*\" only as its whole last segment; {example}"));
        }
        Ok(Self { prefix: format!("{SCHEME}{id}"), open })
    }

    /// Whether an id is this one, or below it. The whole trust domain must be
    /// equal, because a prefix ends behind it at least.
    pub fn matches(&self, id: &[u8]) -> bool {
        match id.strip_prefix(self.prefix.as_bytes()) {
            Some(rest) => {
                if self.open {
                    !rest.is_empty()
                } else {
                    rest.is_empty()
                }
            }
            None => false,
        }
    }
}

fn is_trust_domain_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte)
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

    fn contains(range: &str, address: &str) -> bool {
        Cidr::parse(range).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_the_addresses_with_its_prefix() {
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("192.0.2.1", "192.0.2.1"));
        assert!(!contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("fd00::/8", "fd12::1"));
        assert!(!contains("fd00::/8", "fe80::1"));
        assert!(contains("::/0", "::1"));
        assert!(contains("::1", "::1"));
    }

    #[test]
    fn ipv4_and_ipv6_are_two_worlds_but_for_mapped_addresses() {
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(!contains("::/0", "10.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    }

    #[test]
    fn an_ill_formed_range_gets_a_mend() {
        for (range, mend) in [
            ("10.0.0.1/8", "\"10.0.0.0/8\""),
            ("10.0.0.0/33", "\"10.0.0.0/32\""),
            ("fd00::1/8", "\"fd00::/8\""),
            ("10.0.0.0/", "\"10.0.0.0/32\""),
            ("10.0.0.0/+8", "\"10.0.0.0/32\""),
            ("::ffff:10.0.0.0/104", "\"10.0.0.0/32\""),
            ("10.0.0/8", "\"10.0.0.0/8\""),
            ("localhost", "\"10.0.0.0/8\""),
        ] {
            let error = Cidr::parse(range).unwrap_err();
            assert!(error.contains(mend), "{range}: {error}");
        }
    }

    #[test]
    fn a_principal_is_one_id_or_all_below_a_path() {
        let one = Principal::parse("spiffe://example.org/ns/shop/sa/prober").unwrap();
        assert!(one.matches(b"spiffe://example.org/ns/shop/sa/prober"));
        assert!(!one.matches(b"spiffe://example.org/ns/shop/sa/prober2"));
        let all = Principal::parse("spiffe://example.org/*").unwrap();
        assert!(all.matches(b"spiffe://example.org/ns/shop"));
        assert!(!all.matches(b"spiffe://example.org/"));
    }

    #[test]
    fn a_trust_domain_is_compared_whole() {
        let all = Principal::parse("spiffe://example.org/*").unwrap();
        for id in [
            "spiffe://example.org.evil.com/x",
            "spiffe://example.orgx/x",
            "spiffe://evil.com/spiffe://example.org/x",
            "https://example.org/x",
            "",
        ] {
            assert!(!all.matches(id.as_bytes()), "{id}");
        }
        assert!(Principal::parse("spiffe://example.org*").is_err());
        assert!(Principal::parse("spiffe://*/x").is_err());
        assert!(Principal::parse("spiffe://example.org/a*").is_err());
        assert!(Principal::parse("spiffe://example.org/*/b").is_err());
        assert!(Principal::parse("spiffe:///x").is_err());
        assert!(Principal::parse("example.org/x").is_err());
    }

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
