//! A layer over the HTTP and the gRPC routes that notes every request on arrival, insists
//! on a valid host, and deviates as the control port has set.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_LENGTH;

use super::behaviour::{Behaviour, Deviation, OnClose};
use super::by_hand::Raw;
use super::connection::Connection;
use super::host;
use super::record::{Recorder, Seen};
use crate::latin1;

/// What the layer shares with the control port.
#[derive(Debug, Default)]
pub struct BehaviourLayer {
    behaviour: Mutex<Behaviour>,
    recorder: Mutex<Recorder>,
}

impl BehaviourLayer {
    /// Changes the behaviour of every request from now on.
    pub fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Calls `read` with the recorder.
    pub fn recorder<T>(&self, read: impl FnOnce(&mut Recorder) -> T) -> T {
        read(&mut self.recorder.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How new connections are served by hand; `None` where hyper can do it.
    pub fn by_hand(&self) -> Option<OnClose> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).by_hand()
    }

    fn deviation(&self, path: &str) -> Option<Deviation> {
        let mut behaviour = self.behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        behaviour.paths.get_mut(path)?.for_next_request()
    }
}

/// Puts it over `routes`.
pub fn wrap(routes: Router, layer: &Arc<BehaviourLayer>) -> Router {
    routes.layer(middleware::from_fn_with_state(layer.clone(), note_and_deviate))
}

async fn note_and_deviate(
    State(layer): State<Arc<BehaviourLayer>>,
    request: Request,
    next: Next,
) -> Response {
    layer.recorder(|recorder| recorder.note(Seen::from(&request)));
    if !host::is_named_well(&request) {
        return (StatusCode::BAD_REQUEST, "no valid host\n").into_response();
    }
    let Some(deviation) = layer.deviation(request.uri().path()) else {
        return next.run(request).await;
    };
    tokio::time::sleep(Duration::from_millis(deviation.delay_ms)).await;
    if deviation.reset
        && let Some(connection) = request.extensions().get::<Connection>()
    {
        connection.close();
    }
    if deviation.hang || deviation.reset {
        return std::future::pending().await;
    }
    let answer = next.run(request).await;
    replace_parts(answer, &deviation)
        .unwrap_or_else(|error| (StatusCode::NOT_IMPLEMENTED, format!("{error:#}")).into_response())
}

fn replace_parts(mut answer: Response, deviation: &Deviation) -> anyhow::Result<Response> {
    if let Some(raw) = &deviation.raw {
        answer.extensions_mut().insert(Raw(latin1::encode(raw)?));
    }
    if let Some(status) = deviation.status {
        *answer.status_mut() = StatusCode::from_u16(status)?;
    }
    let body = match deviation.body_size {
        _ if deviation.stall => {
            Some(Body::from_stream(tokio_stream::pending::<std::io::Result<Vec<u8>>>()))
        }
        Some(size) => Some(Body::from(vec![b'a'; usize::try_from(size.0)?])),
        None => deviation.body.clone().map(Body::from),
    };
    if let Some(body) = body {
        answer.headers_mut().remove(CONTENT_LENGTH);
        *answer.body_mut() = body;
    }
    for (name, value) in &deviation.headers {
        let (name, value) = latin1::header(name, value)?;
        answer.headers_mut().insert(name, value);
    }
    Ok(answer)
}
