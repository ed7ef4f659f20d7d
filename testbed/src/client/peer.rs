//! The other end of a connection.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use tokio::net::{TcpSocket, TcpStream};

/// Where to connect to, and what to show of oneself.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The client's own address; the system chooses one otherwise.
    pub from: Option<IpAddr>,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { address, from: None }
    }
}

impl Peer {
    /// Connects.
    pub async fn connect(&self) -> Result<TcpStream> {
        self.dial().await.with_context(|| format!("can't connect to {}", self.address))
    }

    async fn dial(&self) -> Result<TcpStream> {
        let socket =
            if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(from) = self.from {
            socket
                .bind(SocketAddr::new(from, 0))
                .with_context(|| format!("{from} is no address of this machine"))?;
        }
        let stream = socket.connect(self.address).await?;
        // Probes are small; none shall wait for more to be sent along with it.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
