//! Ranges of addresses.

use crate::base::units::parse_digits;
use std::net::IpAddr;

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

    /// Its first address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// Whether an address lies in the range. An IPv4 address that is mapped into
    /// IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.network)
            && self.prefix_of(address) == self.prefix_of(self.network)
    }

    /// Whether any address lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
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
    fn ranges_overlap_where_one_holds_the_other() {
        for (one, other, overlap) in [
            ("10.0.0.0/8", "10.9.0.0/16", true),
            ("10.9.0.0/16", "10.9.0.0/16", true),
            ("10.8.0.0/16", "10.9.0.0/16", false),
            ("0.0.0.0/0", "::/0", false),
            ("fd00::/8", "fd12::7", true),
        ] {
            let [one, other] = [one, other].map(|range| Cidr::parse(range).unwrap());
            assert_eq!((one.overlaps(&other), other.overlaps(&one)), (overlap, overlap));
        }
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
}
