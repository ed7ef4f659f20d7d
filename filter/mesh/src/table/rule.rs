//! A service as it is configured.

use crate::assignment::{Endpoint, Metadata};
use crate::event::Place;
use crate::fusion::FusionRule;
use heartbeat_common::base::time::Nanos;
use heartbeat_common::clients::cidr::Cidr;
use std::net::{IpAddr, SocketAddr};
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
        let address = address.to_canonical();
        let is_link_local = match address {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        match () {
            () if address.is_unspecified() => Self::Nowhere,
            () if address.is_loopback() => Self::Host,
            () if is_link_local => Self::Link,
            () if address.is_multicast() => Self::Multicast,
            () => Self::Global,
        }
    }
}

impl ServiceRule {
    /// Whether an instance may be learnt that says it is there.
    pub fn may_learn(&self, id: &str, place: &Place<'_>) -> bool {
        self.rule_for(id, place).is_some()
    }

    /// The rule by which it is, and where.
    fn rule_for(&self, id: &str, place: &Place<'_>) -> Option<(usize, SocketAddr)> {
        let address = place.address.or_else(|| id.parse::<SocketAddr>().ok())?;
        let number = self.learn.iter().position(|rule| rule.admits(address.ip()))?;
        Some((number, address))
    }

    /// The rule by which it is, and what is then known of it; `None` where none lets it.
    pub fn learns(&self, id: &str, place: &Place<'_>) -> Option<(usize, Endpoint)> {
        let (number, address) = self.rule_for(id, place)?;
        let endpoint = Endpoint {
            address,
            locality: place.locality.each_ref().map(|part| part.clone().into_owned()),
            priority: place.priority,
            weight: place.weight,
            metadata: Rc::clone(&self.learn.get(number)?.metadata),
        };
        Some((number, endpoint))
    }
}
