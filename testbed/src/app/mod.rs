//! The demo application: health routes, a little business, a gRPC health
//! service, and a control port that makes any of it misbehave and reports what
//! the application has seen.
//!
//! It runs as a process of its own ([`Application`]), so that it can be killed
//! or stopped like a real one.

mod addresses;
pub mod behaviour;
mod by_hand;
mod connection;
mod control;
mod grpc;
mod host;
mod http;
mod layer;
mod process;
pub mod record;
mod server;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

pub use self::addresses::Addresses;
use self::layer::BehaviourLayer;
pub use self::process::{Application, HOST_PORTS};

/// Where the application is to listen; port 0 takes a free one.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to bind.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
    /// Port of the HTTP routes (HTTP/1.1 and HTTP/2 without TLS).
    #[arg(long, default_value_t = 0)]
    pub http_port: u16,
    /// Port of the gRPC health service.
    #[arg(long, default_value_t = 0)]
    pub grpc_port: u16,
    /// Port that sets the behaviour and reports what was seen.
    #[arg(long, default_value_t = 0)]
    pub control_port: u16,
}

/// Runs the application for ever. Once all ports are bound it prints
/// [`Addresses`] as a line of JSON.
pub async fn run(options: &Options) -> Result<()> {
    let bind = async |port| {
        let address = SocketAddr::new(options.bind, port);
        TcpListener::bind(address).await.with_context(|| format!("can't bind {address}"))
    };
    let http = bind(options.http_port).await?;
    let grpc = bind(options.grpc_port).await?;
    let control = bind(options.control_port).await?;
    let addresses = Addresses {
        http: http.local_addr()?,
        grpc: grpc.local_addr()?,
        control: control.local_addr()?,
    };
    println!("{}", serde_json::to_string(&addresses)?);

    let layer = Arc::new(BehaviourLayer::default());
    let health = grpc::Health::default();
    tokio::join!(
        server::serve(http, layer::wrap(http::routes(), &layer), || layer.by_hand()),
        server::serve(grpc, layer::wrap(grpc::routes(&health), &layer), || None),
        server::serve(control, control::routes(layer.clone(), health.clone()), || None),
    );
    Ok(())
}
