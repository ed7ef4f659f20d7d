//! Serves routes on a listener, HTTP/1.1 and HTTP/2 alike.

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::behaviour::OnClose;
use super::by_hand;
use super::connection::Connection;

/// Accepts and serves connections for ever; `by_hand` says how those are served that come
/// next, where hyper can't.
pub async fn serve(listener: TcpListener, routes: Router, by_hand: impl Fn() -> Option<OnClose>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, routes.clone(), by_hand()));
            }
            Err(error) => eprintln!("accept: {error}"),
        }
    }
}

async fn serve_connection(stream: TcpStream, routes: Router, by_hand: Option<OnClose>) {
    // Small answers shall leave at once; where that can't be, they leave later.
    let _ = stream.set_nodelay(true);
    let connection = Connection::default();
    if let Some(on_close) = by_hand {
        tokio::select! {
            _ = by_hand::serve(stream, routes, on_close, &connection) => {}
            () = connection.closed() => {}
        }
        return;
    }
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let routes = routes.clone();
        routes.oneshot(request.map(Body::new))
    });
    let builder = Builder::new(TokioExecutor::new());
    tokio::select! {
        // An error means that the client left or broke the protocol.
        _ = builder.serve_connection(TokioIo::new(stream), service) => {}
        () = connection.closed() => {}
    }
}
