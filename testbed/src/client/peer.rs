//! The other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use super::http::PATIENCE;
use super::tls::SERVER;

/// Where to connect to, and what to show of oneself.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The client's own address; the system chooses one otherwise.
    pub from: Option<IpAddr>,
    /// How to speak TLS, if at all.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { address, from: None, tls: None }
    }
}

impl Peer {
    /// Connects.
    pub async fn connect(&self) -> Result<Box<dyn Stream>> {
        tokio::time::timeout(PATIENCE, self.open())
            .await
            .unwrap_or_else(|_| Err(anyhow!("no connection within {PATIENCE:?}")))
            .with_context(|| format!("can't connect to {}", self.address))
    }

    async fn open(&self) -> Result<Box<dyn Stream>> {
        let stream = self.dial().await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let connector = TlsConnector::from(tls.clone());
                Box::new(connector.connect(SERVER.try_into()?, stream).await?)
            }
        })
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
