//! The application behind the Envoy that is measured: it costs little, runs on the
//! other cores, and speaks HTTP/1.1 and HTTP/2.
//!
//! It is part of this program, because a second Envoy or a web server can't send the
//! trailers of a gRPC answer, and would have to be installed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// What everyone gets who doesn't speak gRPC: about as much as an API says.
const BODY: &str = r#"{"order":17,"items":[{"sku":"a-100","count":1},{"sku":"b-200","count":2}],"state":"paid","currency":"EUR","total":"42.00"}"#;

/// A gRPC message in its frame: the HealthCheckResponse that says SERVING.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

/// A running application; it lives as long as the program.
#[derive(Clone, Debug)]
pub struct CountingUpstream {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl CountingUpstream {
    /// Starts it on a thread of its own, on the cores of the present one.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let upstream = Self { address: listener.local_addr()?, requests: Arc::default() };
        let requests = Arc::clone(&upstream.requests);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("upstream".into())
            .spawn(move || runtime.block_on(serve(listener, requests)))
            .context("can't start the application")?;
        Ok(upstream)
    }

    /// How many requests it has seen.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn serve(listener: std::net::TcpListener, requests: Arc<AtomicU64>) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                requests.fetch_add(1, Ordering::Relaxed);
                answer(request)
            });
            let builder = Builder::new(TokioExecutor::new());
            // An error means that Envoy has closed the connection.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let kind = request.headers().get(CONTENT_TYPE).cloned();
    let grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = if grpc {
        let trailers = HeaderMap::from_iter([(
            hyper::header::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let body = Full::new(Bytes::from_static(MESSAGE));
        Response::new(body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed_unsync())
    } else {
        Response::new(Full::new(Bytes::from_static(BODY.as_bytes())).boxed_unsync())
    };
    let kind = if grpc { "application/grpc" } else { "application/json" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}
