//! Who is who, by certificate.

use anyhow::Result;

use crate::client::tls::{Authority, SERVER};
use crate::envoy::EnvoyBuilder;

/// Hosts in the certificates that the shipped configurations speak of.
const HUB: [&str; 2] = ["heartbeat-hub.east.example", "heartbeat-hub.west.example"];
const INSTANCES: &str = "payments.east.example";

/// An authority that has certified a hub (`hub`), a client (`client`), a sidecar
/// (`sidecar`) and the instances that speak TLS (`instances`).
pub fn authority() -> Result<Authority> {
    let authority = Authority::new()?;
    let [east, west] = HUB;
    authority.certify("hub", &[east, west, SERVER, "spiffe://west/hub"])?;
    authority.certify("client", &["spiffe://east/ns/shop/sa/gateway"])?;
    authority.certify("sidecar", &["spiffe://east/ns/shop/sa/payments"])?;
    authority.certify("instances", &[INSTANCES])?;
    Ok(authority)
}

/// Gives an Envoy the certificate of `name` where the shipped configurations have one.
pub(super) fn certified(builder: EnvoyBuilder, authority: &Authority, name: &str) -> EnvoyBuilder {
    let (cert, key) = (format!("{name}.cert"), format!("{name}.key"));
    [("ca", "ca"), ("cert", &cert), ("key", &key)].iter().fold(builder, |builder, (named, file)| {
        builder.file(&format!("/etc/envoy/tls/{named}.pem"), &authority.path(file))
    })
}
