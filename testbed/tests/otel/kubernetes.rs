//! So much of a Kubernetes API that pods are found: it lists them, and nothing ever changes.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/>

use std::net::SocketAddr;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio_stream::StreamExt;

/// Serves these pods.
pub async fn serve(pods: Vec<Value>) -> Result<SocketAddr> {
    let pods =
        get(async move |RawQuery(query): RawQuery| answer(&pods, &query.unwrap_or_default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Router::new().route("/api/v1/pods", pods);
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(address)
}

fn answer(pods: &[Value], query: &str) -> Response {
    let version = json!({ "resourceVersion": "1" });
    let asks = |parameter: &str| query.split('&').any(|it| it == parameter);
    let body = if asks("watch=true") || asks("watch=1") {
        let mut events = Vec::new();
        if asks("sendInitialEvents=true") {
            events.extend(pods.iter().map(|pod| json!({ "type": "ADDED", "object": pod })));
            let mut end = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": version });
            end["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
            events.push(json!({ "type": "BOOKMARK", "object": end }));
        }
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let lines = tokio_stream::once(Ok::<_, std::io::Error>(Bytes::from(lines)));
        Body::from_stream(lines.chain(tokio_stream::pending()))
    } else {
        let list =
            json!({ "apiVersion": "v1", "kind": "PodList", "metadata": version, "items": pods });
        Body::from(list.to_string())
    };
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
