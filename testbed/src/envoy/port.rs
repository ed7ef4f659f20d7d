//! Ports chosen in advance: for a configuration that names its own admin port
//! in a cluster, where Envoy can't pick one, and for a person who knows the
//! usual ports by heart.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

/// Below the ports that the system gives to connections and to port 0, so that
/// nothing takes a chosen port by chance before Envoy binds it.
const FIRST: u16 = 12_000;
const COUNT: u16 = 16_000;

/// A loopback port that nobody uses; never the same twice in this process.
pub fn choose() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes side by side begin apart from each other.
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    (0..COUNT)
        .map(|_| {
            let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
            FIRST + (u32::from(begin) + u32::from(step)).rem_euclid(u32::from(COUNT)) as u16
        })
        .find(|port| is_free(*port))
        .context("no free port")
}

/// Whether a loopback port can be bound now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
