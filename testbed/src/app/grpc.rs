//! The gRPC health service, `grpc.health.v1.Health`, whole: Check, List, Watch.

use std::collections::BTreeMap;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::post;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use prost::Message;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Status};
use tonic_health::pb::health_check_response::ServingStatus as Wire;
use tonic_health::pb::health_server::{self, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::behaviour::ServingStatus;
use crate::grpc_list::{self, HealthListResponse};

type Statuses = BTreeMap<String, Wire>;

/// The statuses of all services, shared by the service and the control port.
#[derive(Clone, Debug)]
pub struct Health {
    statuses: watch::Sender<Statuses>,
}

impl Default for Health {
    fn default() -> Self {
        let health = Self { statuses: watch::Sender::new(Statuses::new()) };
        health.set(&BTreeMap::new());
        health
    }
}

impl Health {
    /// Replaces all statuses; the server as a whole serves unless it is set otherwise.
    pub fn set(&self, statuses: &BTreeMap<String, ServingStatus>) {
        let mut wire = Statuses::from([(String::new(), Wire::Serving)]);
        wire.extend(statuses.iter().map(|(name, status)| (name.clone(), Wire::from(*status))));
        self.statuses.send_replace(wire);
    }

    fn list(&self) -> HealthListResponse {
        let statuses = self.statuses.borrow();
        HealthListResponse {
            statuses: statuses
                .iter()
                .map(|(name, status)| (name.clone(), response(*status)))
                .collect(),
        }
    }
}

/// The routes of the service. tonic-health doesn't know List yet, so that one
/// is answered by hand.
pub fn routes(health: &Health) -> Router {
    let lister = health.clone();
    tonic::service::Routes::new(HealthServer::new(health.clone()))
        .into_axum_router()
        .route(grpc_list::PATH, post(async move || unary(&lister.list())))
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        match self.statuses.borrow().get(&request.get_ref().service) {
            Some(status) => Ok(tonic::Response::new(response(*status))),
            None => Err(Status::not_found("unknown service")),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let mut last = None;
        let changes = WatchStream::new(self.statuses.subscribe()).filter_map(move |statuses| {
            let status = statuses.get(&service).copied().unwrap_or(Wire::ServiceUnknown);
            (last.replace(status) != Some(status)).then(|| Ok(response(status)))
        });
        Ok(tonic::Response::new(Box::pin(changes)))
    }
}

fn response(status: Wire) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// A successful unary gRPC answer: one frame (flag, length, message) and OK.
fn unary(message: &impl Message) -> Response {
    let message = message.encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(&message);
    let trailers = HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body =
        Full::<Bytes>::from(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut answer = Response::new(Body::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    answer
}

impl From<ServingStatus> for Wire {
    fn from(status: ServingStatus) -> Self {
        match status {
            ServingStatus::Unknown => Self::Unknown,
            ServingStatus::Serving => Self::Serving,
            ServingStatus::NotServing => Self::NotServing,
            ServingStatus::ServiceUnknown => Self::ServiceUnknown,
        }
    }
}
