//! Where it all arrives: a collector that takes OTLP over gRPC, and hands on what it has
//! understood as JSON, to here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use testbed::envoy::port;
use testbed::tools::Tools;

use crate::arrived::{self, Point};
use crate::collector::Collector;

/// A running collector, and what it has got.
pub struct Sink {
    /// Where it takes OTLP.
    pub address: SocketAddr,
    points: Points,
    // It ends when this is dropped.
    _collector: Collector,
}

type Points = Arc<Mutex<Vec<Point>>>;

impl Sink {
    pub async fn start(tools: &Tools) -> Result<Self> {
        Self::start_at(tools, SocketAddr::from(([127, 0, 0, 1], port::choose()?))).await
    }

    pub async fn start_at(tools: &Tools, address: SocketAddr) -> Result<Self> {
        let points = Points::default();
        let here = listen(points.clone()).await?;
        let health = SocketAddr::from(([127, 0, 0, 1], port::choose()?));
        let config = json!({
            "extensions": { "health_check": { "endpoint": health } },
            "receivers": { "otlp": { "protocols": { "grpc": { "endpoint": address } } } },
            "exporters": { "otlp_http": {
                "endpoint": format!("http://{here}"),
                "encoding": "json",
                "compression": "none",
                // What can't be handed on hasn't been taken, and whoever sent it learns of it.
                "sending_queue": { "enabled": false },
            } },
            "service": {
                "extensions": ["health_check"],
                "telemetry": { "metrics": { "level": "none" } },
                "pipelines": { "metrics": { "receivers": ["otlp"], "exporters": ["otlp_http"] } },
            },
        });
        let collector = Collector::start(tools, &[config], health, &[]).await?;
        Ok(Self { address, points, _collector: collector })
    }

    /// All that has arrived, in this order.
    pub fn points(&self) -> Vec<Point> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of a metric.
    pub fn of(&self, metric: &str) -> Vec<Point> {
        self.points().into_iter().filter(|point| point.metric == metric).collect()
    }
}

async fn listen(points: Points) -> Result<SocketAddr> {
    let take = async move |body: Bytes| {
        let request = serde_json::from_slice(&body).map_err(anyhow::Error::from);
        match request.and_then(|request| arrived::points(&request)) {
            Ok(new) => {
                points.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
                (StatusCode::OK, "{}".to_owned())
            }
            Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Router::new().route("/v1/metrics", post(take));
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(address)
}
