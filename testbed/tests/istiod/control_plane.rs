//! A control plane as istiod is one to Envoy: the aggregated discovery service (ADS) over
//! gRPC, in both of its variants. It has one resource, an extension.
//! <https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol>

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result};
use envoy_types::pb::envoy::config::core::v3::TypedExtensionConfig;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use prost::Name;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::wasm_plugin::any;

/// How long Envoy may take to say what it makes of a resource.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A running control plane; it ends with the runtime that it was started in.
#[derive(Debug)]
pub struct ControlPlane {
    /// Where it listens.
    pub address: SocketAddr,
    snapshot: watch::Sender<Snapshot>,
    asked: watch::Receiver<bool>,
    answers: mpsc::UnboundedReceiver<Answer>,
    /// Those that nobody has asked for yet, by version.
    kept: BTreeMap<u64, Verdict>,
}

/// What Envoy makes of what it was sent: an ACK, or the reason of a NACK.
pub type Verdict = std::result::Result<(), String>;

/// What is published.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    /// It rises with every change; none of them is 0.
    version: u64,
    name: String,
    /// `None` once the resource is removed.
    resource: Option<TypedExtensionConfig>,
}

#[derive(Debug)]
struct Answer {
    version: u64,
    verdict: Verdict,
}

impl ControlPlane {
    /// Starts one that has published nothing yet.
    pub async fn start() -> Result<Self> {
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?.with_nodelay(Some(true));
        let address = incoming.local_addr()?;
        let (snapshot, listener) = watch::channel(Snapshot::default());
        let (answer, answers) = mpsc::unbounded_channel();
        let (asks, asked) = watch::channel(false);
        let service = Service { snapshot: listener, asks, answer };
        let service = AggregatedDiscoveryServiceServer::new(service);
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(async move {
            if let Err(error) = server.serve_with_incoming(incoming).await {
                eprintln!("the control plane: {error}");
            }
        });
        Ok(Self { address, snapshot, asked, answers, kept: BTreeMap::new() })
    }

    /// Publishes a resource, in place of the one before; returns its version.
    pub fn publish(&self, resource: TypedExtensionConfig) -> u64 {
        self.change(|snapshot| {
            snapshot.name.clone_from(&resource.name);
            snapshot.resource = Some(resource);
        })
    }

    /// Whether Envoy wants to know of the resource.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Takes the resource away.
    pub fn remove(&self) -> u64 {
        self.change(|snapshot| snapshot.resource = None)
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot)) -> u64 {
        self.snapshot.send_modify(|snapshot| {
            snapshot.version += 1;
            change(snapshot);
        });
        self.snapshot.borrow().version
    }

    /// What Envoy makes of a version.
    pub async fn verdict(&mut self, version: u64) -> Result<Verdict> {
        let wait = async {
            loop {
                if let Some(verdict) = self.kept.remove(&version) {
                    return Ok(verdict);
                }
                let Answer { version, verdict } =
                    self.answers.recv().await.context("the control plane is gone")?;
                self.kept.insert(version, verdict);
            }
        };
        tokio::time::timeout(TIMEOUT, wait)
            .await
            .with_context(|| format!("no word on version {version} within {TIMEOUT:?}"))?
    }
}

#[derive(Clone, Debug)]
struct Service {
    snapshot: watch::Receiver<Snapshot>,
    asks: watch::Sender<bool>,
    answer: mpsc::UnboundedSender<Answer>,
}

type Said<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Said<DiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(Response::new(self.clone().converse(request.into_inner())))
    }

    type DeltaAggregatedResourcesStream = Said<DeltaDiscoveryResponse>;

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(Response::new(self.clone().converse(request.into_inner())))
    }
}

impl Service {
    /// Sends the resource, at first and whenever it changes, while Envoy wants it.
    fn converse<Q: Asked, S: FromSnapshot>(mut self, mut asked: Streaming<Q>) -> Said<S> {
        let (say, said) = mpsc::channel(8);
        tokio::spawn(async move {
            let mut latest = None; // The version that Envoy has, if it is subscribed.
            loop {
                tokio::select! {
                    message = asked.message() => {
                        let Ok(Some(message)) = message else { return };
                        if message.type_url() != TypedExtensionConfig::type_url() {
                            continue; // Nothing else is to be had here.
                        }
                        if let Ok(version) = message.nonce().parse() {
                            // Nobody listens any more at the end of a test.
                            let _ = self.answer.send(Answer { version, verdict: message.verdict() });
                        }
                        match message.wants() {
                            Some(true) => latest = latest.or(Some(0)),
                            Some(false) => latest = None,
                            None => {}
                        }
                        self.asks.send_replace(latest.is_some());
                    }
                    changed = self.snapshot.changed() => if changed.is_err() { return },
                }
                let snapshot = self.snapshot.borrow_and_update().clone();
                if let Some(version) = &mut latest
                    && *version < snapshot.version
                {
                    *version = snapshot.version;
                    if say.send(Ok(S::response(&snapshot))).await.is_err() {
                        return;
                    }
                }
            }
        });
        Box::pin(ReceiverStream::new(said))
    }
}

/// What Envoy says, in one of the variants of the protocol.
trait Asked: Send + 'static {
    fn type_url(&self) -> &str;
    /// Of the message that this is an answer to, if it is one.
    fn nonce(&self) -> &str;
    fn verdict(&self) -> Verdict;
    /// Whether Envoy subscribes or unsubscribes, if it says either.
    fn wants(&self) -> Option<bool>;
}

/// What is sent, in the same variant. The version serves as nonce, too.
trait FromSnapshot: Send + 'static {
    fn response(snapshot: &Snapshot) -> Self;
}

/// The state of the world: every message has all there is.
impl Asked for DiscoveryRequest {
    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn nonce(&self) -> &str {
        &self.response_nonce
    }

    fn verdict(&self) -> Verdict {
        self.error_detail.as_ref().map_or(Ok(()), |status| Err(status.message.clone()))
    }

    fn wants(&self) -> Option<bool> {
        Some(!self.resource_names.is_empty())
    }
}

impl FromSnapshot for DiscoveryResponse {
    fn response(snapshot: &Snapshot) -> Self {
        Self {
            version_info: snapshot.version.to_string(),
            nonce: snapshot.version.to_string(),
            type_url: TypedExtensionConfig::type_url(),
            resources: snapshot.resource.iter().map(any).collect(),
            ..Self::default()
        }
    }
}

/// Incremental: a message has what has changed. Istio speaks it since 1.22.
impl Asked for DeltaDiscoveryRequest {
    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn nonce(&self) -> &str {
        &self.response_nonce
    }

    fn verdict(&self) -> Verdict {
        self.error_detail.as_ref().map_or(Ok(()), |status| Err(status.message.clone()))
    }

    fn wants(&self) -> Option<bool> {
        match (&*self.resource_names_subscribe, &*self.resource_names_unsubscribe) {
            ([], []) => None,
            (wanted, _) => Some(!wanted.is_empty()),
        }
    }
}

impl FromSnapshot for DeltaDiscoveryResponse {
    fn response(snapshot: &Snapshot) -> Self {
        let resource = |extension| Resource {
            name: snapshot.name.clone(),
            version: snapshot.version.to_string(),
            resource: Some(any(extension)),
            ..Resource::default()
        };
        let removed = snapshot.resource.is_none().then(|| snapshot.name.clone());
        Self {
            system_version_info: snapshot.version.to_string(),
            nonce: snapshot.version.to_string(),
            type_url: TypedExtensionConfig::type_url(),
            resources: snapshot.resource.iter().map(resource).collect(),
            removed_resources: removed.into_iter().collect(),
            ..Self::default()
        }
    }
}
