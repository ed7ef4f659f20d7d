//! gRPC health clients: one by tonic, one by grpcio, so that no two ends of a
//! test are the same code. Both give the same [`Answer`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::peer::Peer;
use crate::app::grpc_list::{self, HealthListRequest, HealthListResponse};
use crate::latin1;
use crate::tools::Tools;

/// The script behind [`by_grpcio`].
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/grpcio_health.py");

/// No call without a deadline of its own may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A method of `grpc.health.v1.Health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The health of one service.
    Check,
    /// The health of every service.
    List,
    /// The health of one service, now and at every change.
    Watch,
}

/// A call to be made.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The service asked for; empty is the whole server.
    pub service: String,
    /// The call's deadline.
    #[serde(rename = "deadline_ms", serialize_with = "as_millis")]
    pub deadline: Option<Duration>,
    /// Metadata to send; values are Latin-1.
    pub metadata: Vec<(String, String)>,
    /// How many messages of a Watch to wait for before hanging up.
    pub messages: usize,
}

impl Call {
    /// A call about the whole server, without a deadline.
    pub fn new(method: Method) -> Self {
        Self { method, service: String::new(), deadline: None, metadata: vec![], messages: 1 }
    }
}

/// How a call ended.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answer {
    /// The status code's name as the gRPC specification writes it. A Watch that
    /// delivered all messages waited for is `OK`.
    pub code: String,
    /// The status message.
    pub message: String,
    /// The serving statuses received, one a message.
    pub statuses: Vec<String>,
    /// What List told: status by service.
    pub services: BTreeMap<String, String>,
    /// Initial and trailing metadata.
    pub metadata: Vec<(String, String)>,
    /// From connecting to the end of the call.
    #[serde(skip)]
    pub elapsed: Duration,
}

/// Makes a call with grpcio, in a process of its own.
pub async fn by_grpcio(tools: &Tools, address: SocketAddr, call: &Call) -> Result<Answer> {
    let output = tokio::process::Command::new(tools.python()?)
        .arg(SCRIPT)
        .arg(address.to_string())
        .arg(serde_json::to_string(call)?)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output)
        .await
        .with_context(|| format!("no end of {:?} within {PATIENCE:?}", call.method))?
        .context("can't run the grpcio client")?;
    if !output.status.success() {
        bail!("the grpcio client failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    #[derive(Deserialize)]
    struct Report {
        elapsed_ms: u64,
        #[serde(flatten)]
        answer: Answer,
    }
    let report: Report =
        serde_json::from_slice(&output.stdout).context("the grpcio client's report")?;
    Ok(Answer { elapsed: Duration::from_millis(report.elapsed_ms), ..report.answer })
}

/// Makes a call with tonic.
pub async fn by_tonic(peer: impl Into<Peer>, call: &Call) -> Result<Answer> {
    let start = Instant::now();
    let mut answer = Answer::default();
    let patience = call.deadline.unwrap_or(PATIENCE);
    let ended = tokio::time::timeout(patience, converse(peer.into(), call, &mut answer)).await;
    let late = call.deadline.is_some_and(|deadline| start.elapsed() >= deadline);
    let status = match ended {
        Ok(Ok(())) => Status::ok(""),
        // Whatever broke off at the deadline broke off because of it.
        _ if late => Status::deadline_exceeded("given up by the client"),
        Ok(Err(status)) => *status,
        Err(_) => bail!("no end of {:?} within {patience:?}", call.method),
    };
    answer.code = code_name(status.code());
    answer.message = status.message().to_owned();
    answer.note_metadata(status.metadata());
    answer.elapsed = start.elapsed();
    Ok(answer)
}

async fn converse(peer: Peer, call: &Call, answer: &mut Answer) -> Result<(), Box<Status>> {
    let endpoint = Endpoint::from_shared(format!("http://{}", peer.address))
        .map_err(|error| Status::internal(error.to_string()))?;
    let connect = tower::service_fn(move |_| {
        let peer = peer.clone();
        async move { anyhow::Ok(TokioIo::new(peer.connect().await?)) }
    });
    let channel = endpoint
        .connect_with_connector(connect)
        .await
        .map_err(|error| Status::unavailable(format!("{error:?}")))?;
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

/// `DeadlineExceeded` as `DEADLINE_EXCEEDED`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

fn as_millis<S: serde::Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_millis() as u64).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_the_specification_does() {
        assert_eq!(code_name(Code::Ok), "OK");
        assert_eq!(code_name(Code::DeadlineExceeded), "DEADLINE_EXCEEDED");
    }
}
