//! A service as it is configured.

use crate::assignment::{Endpoint, Metadata};
use crate::event::Place;
use crate::fusion::FusionRule;
use heartbeat_common::base::time::Nanos;
use heartbeat_common::clients::cidr::Cidr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

/// A service as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRule {
    /// Its name.
    pub name: String,
    /// The instances that it has for good.
    pub members: Vec<Member>,
    /// How more may be learnt from events.
    pub learn: Vec<LearnRule>,
    /// After what time without a word of anybody nothing is known any more.
    pub forget: Nanos,
    /// How it judges.
    pub fusion: FusionRule,
    /// Whether an endpoint's share of the traffic follows how well its health is known.
    pub weigh_by_trust: bool,
}

/// An instance that is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub id: String,
    /// Where it is.
    pub endpoint: Endpoint,
}

/// Which instances are learnt from events.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnRule {
    /// Where they must be.
    pub addresses: Vec<Cidr>,
    /// After what time nobody has named one it is removed.
    pub forget: Nanos,
    /// How many there may be.
    pub most: usize,
    /// What is said of each of them in assignments.
    pub metadata: Rc<Metadata>,
}

impl LearnRule {
    /// Whether an instance may be learnt that is there. What leads to the client's own host
    /// or link must be listed as such: a range that merely has it isn't meant so.
    pub fn admits(&self, address: IpAddr) -> bool {
        let scope = Scope::of(address);
        let meant = |range: &Cidr| scope == Scope::Global || scope == Scope::of(range.network());
        scope != Scope::Nowhere
            && self.addresses.iter().any(|range| range.contains(address) && meant(range))
    }
}

/// How far an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Nowhere,
    Host,
    Link,
    Multicast,
    Global,
}

impl Scope {
    fn of(address: IpAddr) -> Self {
        let is_link_local = match address {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        match (address, embedded(address)) {
            _ if address.is_unspecified() || is_reserved(address) => Self::Nowhere,
            _ if address.is_loopback() => Self::Host,
            _ if is_link_local => Self::Link,
            _ if address.is_multicast() => Self::Multicast,
            (_, Some(inner)) => Self::of(IpAddr::V4(inner)),
            (_, None) => Self::Global,
        }
    }
}

/// 240.0.0.0/4 with the broadcast address (RFC 1112, section 4).
fn is_reserved(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(ip) if ip.octets()[0] >= 240)
}

/// The IPv4 address to which one of IPv6 leads: mapped, compatible (RFC 4291, section 2.5.5),
/// by NAT64 (RFC 6052) or by 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = address else { return None };
    let number = u128::from(ip);
    let low = || Ipv4Addr::from(number as u32);
    match (number >> 32, number >> 112) {
        (0 | 0xffff, _) => Some(low()),
        (0x0064_ff9b_0000_0000_0000_0000, _) => Some(low()),
        (_, 0x2002) => Some(Ipv4Addr::from((number >> 80) as u32)),
        _ => None,
    }
}

/// The same place by the one name that it has among others: an address of IPv4 that is mapped
/// into IPv6 as itself.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address,
        ip => SocketAddr::new(ip, address.port()),
    }
}

/// Whether traffic can be sent there: a port, an address of one host, and no zone, which means
/// nothing on another machine.
pub fn is_destination(address: SocketAddr) -> bool {
    let has_zone = matches!(address, SocketAddr::V6(it) if it.scope_id() != 0);
    let scope = Scope::of(address.ip());
    address.port() > 0 && !has_zone && !matches!(scope, Scope::Nowhere | Scope::Multicast)
}

impl ServiceRule {
    /// Whether an instance may be learnt that says it is there.
    pub fn may_learn(&self, id: &str, place: &Place<'_>) -> bool {
        self.rule_for(id, place).is_some()
    }

    /// The rule by which it is, and where.
    fn rule_for(&self, id: &str, place: &Place<'_>) -> Option<(usize, SocketAddr)> {
        let address = place.address.or_else(|| id.parse::<SocketAddr>().ok())?;
        let address = canonical(address);
        if !is_destination(address) {
            return None;
        }
        let number = self.learn.iter().position(|rule| rule.admits(address.ip()))?;
        Some((number, address))
    }

    /// The rule by which it is, and what is then known of it; `None` where none lets it.
    pub fn learns(&self, id: &str, place: &Place<'_>) -> Option<(usize, Endpoint)> {
        let (number, address) = self.rule_for(id, place)?;
        let endpoint = Endpoint {
            address,
            locality: place.locality.each_ref().map(|part| part.clone().into_owned()),
            priority: place.priority.unwrap_or(0),
            weight: place.weight.unwrap_or(1),
            metadata: Rc::clone(&self.learn.get(number)?.metadata),
        };
        Some((number, endpoint))
    }
}
