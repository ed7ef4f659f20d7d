//! The other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::message::{TIMEOUT, Version};
use super::tls::{ClientTls, SERVER};

/// Where to connect to, and what to show of oneself.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The client's own address; the system chooses one otherwise.
    pub from: Option<IpAddr>,
    /// How to speak TLS, if at all.
    pub tls: Option<Arc<ClientTls>>,
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
    /// Connects. Over TLS it offers `version` by ALPN, and HTTP/2 is only spoken
    /// where both have agreed on it; without a version ALPN isn't used.
    pub async fn connect(&self, version: Option<Version>) -> Result<Box<dyn Stream>> {
        tokio::time::timeout(TIMEOUT, self.open(version))
            .await
            .unwrap_or_else(|_| Err(anyhow!("no connection within {TIMEOUT:?}")))
            .with_context(|| format!("can't connect to {}", self.address))
    }

    async fn open(&self, version: Option<Version>) -> Result<Box<dyn Stream>> {
        let stream = self.dial().await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let mut config = tls.config.clone();
                config.alpn_protocols = version.iter().map(|version| version.alpn()).collect();
                let connector = TlsConnector::from(Arc::new(config));
                let stream = connector.connect(SERVER.try_into()?, stream).await?;
                let agreed = stream.get_ref().1.alpn_protocol().is_some();
                ensure!(agreed || version != Some(Version::Http2), "the peer didn't agree on h2");
                Box::new(stream)
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
