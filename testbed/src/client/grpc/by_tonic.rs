//! The client by tonic.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use tokio_stream::StreamExt;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::call::{Answer, Call, Method, TIMEOUT, code_name};
use crate::client::http::Version;
use crate::client::peer::Peer;
use crate::grpc_list::{self, HealthListRequest, HealthListResponse};
use crate::latin1;

/// How much before a deadline it may take effect: Envoy and the server know it too, and
/// Envoy's timers start from a clock that is read once for each turn of its loop.
const HASTE: Duration = Duration::from_millis(20);

/// Makes a call with tonic, on a connection of its own.
pub async fn by_tonic(peer: impl Into<Peer>, call: &Call) -> Result<Answer> {
    let peer = peer.into();
    ended(call, async |answer| converse(open(peer).await?, call, answer).await).await
}

/// An open connection, for calls by tonic.
#[derive(Clone, Debug)]
pub struct Tonic(Channel);

impl Tonic {
    /// Connects.
    pub async fn open(peer: impl Into<Peer>) -> Result<Self> {
        open(peer.into()).await.map(Self).map_err(|status| anyhow!("{}", status.message()))
    }

    /// Makes a call.
    pub async fn call(self, call: &Call) -> Result<Answer> {
        ended(call, async |answer| converse(self.0, call, answer).await).await
    }
}

/// How `conversation` ends, which notes in the answer what it hears.
async fn ended(
    call: &Call,
    conversation: impl AsyncFnOnce(&mut Answer) -> Result<(), Box<Status>>,
) -> Result<Answer> {
    let start = Instant::now();
    let mut answer = Answer::default();
    let limit = call.deadline.unwrap_or(TIMEOUT);
    let ended = tokio::time::timeout(limit, conversation(&mut answer)).await;
    let late = call.deadline.is_some_and(|deadline| start.elapsed() + HASTE >= deadline);
    let status = match ended {
        Ok(Ok(())) => Status::ok(""),
        // Whatever broke off at the deadline broke off because of it.
        _ if late => Status::deadline_exceeded("given up by the client"),
        Ok(Err(status)) => *status,
        Err(_) => bail!("no end of {:?} within {limit:?}", call.method),
    };
    answer.code = code_name(status.code());
    answer.message = status.message().to_owned();
    answer.note_metadata(status.metadata());
    answer.elapsed = start.elapsed();
    Ok(answer)
}

async fn open(peer: Peer) -> Result<Channel, Box<Status>> {
    let endpoint = Endpoint::from_shared(format!("http://{}", peer.address))
        .map_err(|error| Status::internal(error.to_string()))?;
    let connect = tower::service_fn(move |_| {
        let peer = peer.clone();
        async move { anyhow::Ok(TokioIo::new(peer.connect(Some(Version::Http2)).await?)) }
    });
    let channel = endpoint.connect_with_connector(connect).await;
    Ok(channel.map_err(|error| Status::unavailable(format!("{error:?}")))?)
}

async fn converse(channel: Channel, call: &Call, answer: &mut Answer) -> Result<(), Box<Status>> {
    let check = HealthCheckRequest { service: call.service.clone() };
    match call.method {
        Method::Check => {
            let response = HealthClient::new(channel).check(request(check, call)?).await?;
            answer.note_metadata(response.metadata());
            answer.note_status(response.get_ref());
        }
        Method::List => {
            let response = list(channel, request(HealthListRequest {}, call)?).await?;
            answer.note_metadata(response.metadata());
            for (service, health) in &response.get_ref().statuses {
                answer.services.insert(service.clone(), status_name(health));
            }
        }
        Method::Watch => {
            let response = HealthClient::new(channel).watch(request(check, call)?).await?;
            answer.note_metadata(response.metadata());
            let mut messages = response.into_inner().take(call.messages);
            while let Some(message) = messages.next().await {
                answer.note_status(&message?);
            }
        }
    }
    Ok(())
}

async fn list(
    channel: Channel,
    request: tonic::Request<HealthListRequest>,
) -> Result<tonic::Response<HealthListResponse>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(format!("{error:?}")))?;
    let path = hyper::http::uri::PathAndQuery::from_static(grpc_list::PATH);
    client.unary(request, path, tonic_prost::ProstCodec::default()).await
}

fn request<T>(message: T, call: &Call) -> Result<tonic::Request<T>, Box<Status>> {
    let headers: Result<HeaderMap> =
        call.metadata.iter().map(|(name, value)| latin1::header(name, value)).collect();
    let headers = headers.map_err(|error| Status::internal(format!("{error:#}")))?;
    let mut request = tonic::Request::new(message);
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    if let Some(deadline) = call.deadline {
        request.set_timeout(deadline);
    }
    Ok(request)
}

impl Answer {
    fn note_status(&mut self, response: &HealthCheckResponse) {
        self.statuses.push(status_name(response));
    }

    fn note_metadata(&mut self, metadata: &MetadataMap) {
        self.metadata.extend(latin1::pairs(metadata.as_ref()));
    }
}

fn status_name(response: &HealthCheckResponse) -> String {
    response.status().as_str_name().to_owned()
}
