//! What most of these tests stand on.

use std::net::SocketAddr;

use anyhow::Result;
use testbed::mesh::Place;

/// An address where nobody listens.
pub fn nowhere() -> Result<SocketAddr> {
    Ok(Place::choose()?.mesh())
}
