//! Hubs as they are shipped, Envoys that follow them, instances that are judged, and
//! sources that judge them.
//!
//! Sources are told apart by the address that they connect from, each of its own within
//! 127.0.0.0/8, as [`Source`] does; who follows a hub shows a certificate, as in the shipped
//! configurations.

mod client;
mod events;
mod hub;
mod instances;

pub use self::client::{Client, Sampler};
pub use self::events::{Source, event};
pub use self::hub::{Hub, Place, envoy_of_hub};
pub use self::instances::Instances;

use anyhow::Result;

use crate::client::tls::Authority;
use crate::envoy::EnvoyBuilder;

/// Hosts in the certificates that the shipped configurations speak of.
const HUB: [&str; 2] = ["heartbeat-hub.east.example", "heartbeat-hub.west.example"];
const INSTANCES: &str = "payments.east.example";

/// An authority that has certified a hub (`hub`), a client (`client`) and the instances
/// that speak TLS (`instances`).
pub fn authority() -> Result<Authority> {
    let authority = Authority::new()?;
    let [east, west] = HUB;
    authority.certify("hub", &[east, west, "spiffe://west/hub"])?;
    authority.certify("client", &["spiffe://east/ns/shop/sa/gateway"])?;
    authority.certify("instances", &[INSTANCES])?;
    Ok(authority)
}

/// Gives an Envoy the certificate of `name` where the shipped configurations have one.
fn certified(builder: EnvoyBuilder, authority: &Authority, name: &str) -> EnvoyBuilder {
    let (cert, key) = (format!("{name}.cert"), format!("{name}.key"));
    [("ca", "ca"), ("cert", &cert), ("key", &key)].iter().fold(builder, |builder, (named, file)| {
        builder.file(&format!("/etc/envoy/tls/{named}.pem"), &authority.path(file))
    })
}
