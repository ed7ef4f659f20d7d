//! The control port.
//!
//! `PUT /behaviour` takes a [`Behaviour`]; `GET /seen` and `DELETE /seen` list
//! the latest requests, the latter forgets them; `GET /counts` says how many
//! there have been by path, and `GET /arrivals/{since}` when those came that
//! came since a moment of the machine's clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use hyper::StatusCode;

use super::behaviour::Behaviour;
use super::grpc::Health;
use super::layer::BehaviourLayer;
use super::record::Seen;

type Shared = State<(Arc<BehaviourLayer>, Health)>;

/// The routes of the control port.
pub fn routes(layer: Arc<BehaviourLayer>, health: Health) -> Router {
    Router::new()
        .route("/behaviour", put(set_behaviour))
        .route("/seen", get(seen).delete(take_seen))
        .route("/counts", get(counts))
        .route("/arrivals/{since}", get(arrivals))
        .with_state((layer, health))
}

async fn set_behaviour(
    State((layer, health)): Shared,
    Json(behaviour): Json<Behaviour>,
) -> StatusCode {
    health.set(&behaviour.grpc);
    layer.set(behaviour);
    StatusCode::NO_CONTENT
}

async fn seen(State((layer, _)): Shared) -> Json<Vec<Seen>> {
    Json(layer.recorder(|recorder| recorder.seen().cloned().collect()))
}

async fn take_seen(State((layer, _)): Shared) -> Json<Vec<Seen>> {
    Json(layer.recorder(|recorder| recorder.take()))
}

async fn counts(State((layer, _)): Shared) -> Json<BTreeMap<String, u64>> {
    Json(layer.recorder(|recorder| recorder.counts()))
}

/// All moments are nanoseconds.
async fn arrivals(
    State((layer, _)): Shared,
    Path(since): Path<u64>,
) -> Json<BTreeMap<String, Vec<u128>>> {
    let arrivals = layer.recorder(|recorder| recorder.arrivals(Duration::from_nanos(since)));
    let nanos = |moments: Vec<Duration>| moments.iter().map(Duration::as_nanos).collect();
    Json(arrivals.into_iter().map(|(path, moments)| (path, nanos(moments))).collect())
}
