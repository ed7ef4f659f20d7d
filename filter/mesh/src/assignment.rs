//! What an Envoy gets to know of a service: a `ClusterLoadAssignment` over REST xDS.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#rest-json-polling-subscriptions>

use crate::fusion::Verdict;
use crate::pack::{Packer, Unpacker};
use heartbeat_common::state::fingerprint;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

pub use request::{DiscoveryRequest, Unfit};

mod request;

/// The type of what is asked for.
pub const TYPE_URL: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// Where an instance is, and how it is to be treated beside others.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Region, zone and sub-zone.
    pub locality: [String; 3],
    /// 0 comes before 1.
    pub priority: u32,
    /// Its share among those of its locality, from 1 to 128.
    pub weight: u32,
    /// `core.v3.Metadata.filter_metadata`, as it is in the configuration.
    pub metadata: Rc<Metadata>,
}

/// `core.v3.Metadata.filter_metadata`: an object by the name of a filter.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// An endpoint among those of an assignment.
#[derive(Clone, Copy, Debug)]
pub struct Assigned<'a> {
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// What is to be made of it.
    pub verdict: Verdict,
    /// By what its weight is multiplied; 1 where all count alike.
    pub shares: u32,
}

/// An assignment, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Made of the content, so that two hubs which know the same say the same, and so
    /// does a hub after a restart.
    pub version: String,
    /// The `DiscoveryResponse`, as JSON.
    pub document: Vec<u8>,
}

impl Assignment {
    /// Of all known instances of a service. `None` where there are none: an empty
    /// assignment would leave the client nobody to send traffic to.
    pub fn of<'a>(service: &str, instances: impl Iterator<Item = Assigned<'a>>) -> Option<Self> {
        let mut instances: Vec<_> = instances.collect();
        if instances.is_empty() {
            return None;
        }
        // Whoever comes to know of instances in another order must say the same.
        let place = |it: &Assigned<'a>| {
            let Endpoint { priority, locality, address, .. } = it.endpoint;
            (*priority, locality, *address)
        };
        instances.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        let group = |it: &Assigned<'a>| (it.endpoint.priority, &it.endpoint.locality);
        let same = |one: &Assigned<'a>, other: &Assigned<'a>| group(one) == group(other);
        let endpoints = instances.chunk_by(same).filter_map(LocalityEndpoints::of).collect();
        let resource = Resource { type_url: TYPE_URL, cluster_name: service, endpoints };
        let content = serde_json::to_vec(&resource).ok()?;
        let version = format!("{:016x}", fingerprint(content.as_slice()));
        let response =
            Response { version_info: &version, resources: [&resource], type_url: TYPE_URL };
        let document = serde_json::to_vec(&response).ok()?;
        Some(Self { version, document })
    }
}

impl Assignment {
    /// What is handed to the workers.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Packer::with_capacity(8 + self.version.len() + self.document.len());
        bytes.text(&self.version);
        let mut bytes = bytes.finish();
        bytes.extend_from_slice(&self.document);
        bytes
    }

    /// Version and document of what was handed over.
    pub fn read(bytes: &[u8]) -> Option<(&str, &[u8])> {
        let mut bytes = Unpacker::new(bytes);
        Some((bytes.text()?, bytes.left()))
    }
}

/// `service.discovery.v3.DiscoveryResponse`.
#[derive(Serialize)]
struct Response<'a> {
    version_info: &'a str,
    resources: [&'a Resource<'a>; 1],
    type_url: &'a str,
}

/// `config.endpoint.v3.ClusterLoadAssignment`.
#[derive(Serialize)]
struct Resource<'a> {
    #[serde(rename = "@type")]
    type_url: &'a str,
    cluster_name: &'a str,
    endpoints: Vec<LocalityEndpoints<'a>>,
}

#[derive(Serialize)]
struct LocalityEndpoints<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    locality: Option<Locality<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    priority: u32,
    lb_endpoints: Vec<LbEndpoint<'a>>,
}

#[derive(Serialize)]
struct Locality<'a> {
    region: &'a str,
    zone: &'a str,
    sub_zone: &'a str,
}

#[derive(Serialize)]
struct LbEndpoint<'a> {
    endpoint: Inner,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_status: Option<&'static str>,
    load_balancing_weight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<EndpointMetadata<'a>>,
}

#[derive(Serialize)]
struct EndpointMetadata<'a> {
    filter_metadata: &'a Metadata,
}

#[derive(Serialize)]
struct Inner {
    address: Address,
}

#[derive(Serialize)]
struct Address {
    socket_address: SocketAddress,
}

#[derive(Serialize)]
struct SocketAddress {
    address: IpAddr,
    port_value: u16,
}

impl<'a> LocalityEndpoints<'a> {
    fn of(instances: &[Assigned<'a>]) -> Option<Self> {
        let first = instances.first()?.endpoint;
        let [region, zone, sub_zone] = &first.locality;
        let locality = first.locality.iter().any(|part| !part.is_empty());
        Some(Self {
            locality: locality.then_some(Locality { region, zone, sub_zone }),
            priority: first.priority,
            lb_endpoints: instances.iter().map(LbEndpoint::of).collect(),
        })
    }
}

impl<'a> LbEndpoint<'a> {
    fn of(assigned: &Assigned<'a>) -> Self {
        let Assigned { endpoint, verdict, shares } = *assigned;
        let (address, port_value) = (endpoint.address.ip(), endpoint.address.port());
        let metadata = Some(&*endpoint.metadata).filter(|metadata| !metadata.is_empty());
        Self {
            endpoint: Inner {
                address: Address { socket_address: SocketAddress { address, port_value } },
            },
            health_status: health_status(verdict),
            load_balancing_weight: endpoint.weight.clamp(1, 128) * shares.max(1),
            metadata: metadata.map(|filter_metadata| EndpointMetadata { filter_metadata }),
        }
    }
}

/// `core.v3.HealthStatus`; `None` where it need not be said, as traffic goes there.
fn health_status(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Unknown | Verdict::Alive => None,
        // Envoy sends a degraded host traffic only where the healthy ones can't carry it.
        Verdict::Degraded | Verdict::Suspected => Some("DEGRADED"),
        Verdict::Draining => Some("DRAINING"),
        Verdict::Dead => Some("UNHEALTHY"),
    }
}

fn is_zero(priority: &u32) -> bool {
    *priority == 0
}

#[cfg(test)]
mod tests;
