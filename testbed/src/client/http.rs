//! An HTTP/1.1 and HTTP/2 client that hides nothing: no redirects, no retries,
//! no pooling, header values as the bytes they are.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;

use super::connection::Connection;
pub use super::message::{Request, Response, Version};
use super::peer::Peer;

/// Sends one request over HTTP/1.1 on a connection of its own.
pub async fn fetch(address: SocketAddr, request: &Request) -> Result<Response> {
    fetch_as(Version::Http1, address, request).await
}

/// Sends one request on a connection of its own.
pub async fn fetch_as(
    version: Version,
    peer: impl Into<Peer>,
    request: &Request,
) -> Result<Response> {
    let start = Instant::now();
    let mut response = Connection::open(version, peer).await?.send(request).await?;
    response.elapsed = start.elapsed();
    Ok(response)
}
