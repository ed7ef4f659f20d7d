//! Instances that say who they are.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::tls::Authority;
use crate::envoy::port;

/// As many instances as there are addresses in 127.128.0.0/16: one server has them all.
/// Each answers every request with its address. It ends when this is dropped.
#[derive(Debug)]
pub struct Instances {
    port: u16,
    server: AbortHandle,
}

impl Instances {
    /// Starts them, on the current runtime.
    pub async fn start() -> Result<Self> {
        Self::serve(None).await
    }

    /// Instances that speak TLS, and nothing else.
    pub async fn over_tls(authority: &Authority) -> Result<Self> {
        let certificate = CertificateDer::from_pem_file(authority.path("instances.cert"))?;
        let key = PrivateKeyDer::from_pem_file(authority.path("instances.key"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Self::serve(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// The address of one of them.
    pub fn address(&self, number: u16) -> SocketAddr {
        let [high, low] = number.to_be_bytes();
        SocketAddr::from(([127, 128, high, low], self.port))
    }

    async fn serve(tls: Option<TlsAcceptor>) -> Result<Self> {
        let port = port::choose()?;
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await;
        let listener = listener.with_context(|| format!("can't bind port {port}"))?;
        let server = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let Ok(address) = stream.local_addr() else { continue };
                // Answers shall leave at once; where that can't be, they leave later.
                let _ = stream.set_nodelay(true);
                match tls.clone() {
                    None => drop(tokio::spawn(answer(stream, address))),
                    Some(tls) => drop(tokio::spawn(async move {
                        // Whoever speaks no TLS is left.
                        if let Ok(stream) = tls.accept(stream).await {
                            answer(stream, address).await;
                        }
                    })),
                }
            }
        });
        Ok(Self { port, server: server.abort_handle() })
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer<S>(stream: S, address: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let body = Bytes::from(address.to_string());
    let service = service_fn(move |_: Request<hyper::body::Incoming>| {
        let answer = Response::new(Full::new(body.clone()));
        async { Ok::<_, Infallible>(answer) }
    });
    // An error means that the client has left.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::http::{Request, fetch};

    #[tokio::test]
    async fn each_says_who_it_is() {
        let instances = Instances::start().await.unwrap();
        for number in [0, 1, 300] {
            let address = instances.address(number);
            let answer = fetch(address, &Request::new("GET", "/")).await.unwrap();
            assert_eq!(answer.text(), address.to_string());
        }
        let authority = super::super::authority::authority().unwrap();
        let secret = Instances::over_tls(&authority).await.unwrap();
        assert!(fetch(secret.address(1), &Request::new("GET", "/")).await.is_err());
    }
}
