//! Calls of a module's own, through Envoy's clusters.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::{BufferType, MapType, Status};
use crate::imports::*;
use crate::values::{buffer, header, value_of};
use heartbeat_common::callout::{CallAnswer, CallRefusal, CallToken, Caller, HttpCall, Payload};
use heartbeat_common::callout::{StreamToken, WatchCall};
use heartbeat_common::grpc::LONGEST_MESSAGE;
use heartbeat_common::http::header_map;
use heartbeat_common::http::headers::{AUTHORITY, CONTENT_TYPE, METHOD, PATH, PROBE, TE};
use heartbeat_common::http::headers::{UPSTREAM_HEALTH_CHECK, USER_AGENT};
use heartbeat_common::http::request::ResponseHead;
use std::cell::Cell;

thread_local! {
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a call is being made just now: the module is asked from within, as a filter
/// of the cluster that the call goes to. Envoy keeps the call's answer for the end of
/// the callback that made it, and looks at what it keeps at the end of every callback:
/// an answer that comes meanwhile it finds again and again, and never goes on.
pub fn is_calling() -> bool {
    CALLING.get()
}

fn calling<T>(call: impl FnOnce() -> T) -> T {
    let before = CALLING.replace(true);
    let done = call();
    CALLING.set(before);
    done
}

/// Envoy's clusters, called by a module of this name.
pub struct Clusters {
    /// The `user-agent` of its calls.
    pub user_agent: &'static str,
}

impl Caller for Clusters {
    fn http_call(&self, call: &HttpCall) -> Result<CallToken, CallRefusal> {
        let mut headers = vec![
            (METHOD, call.payload.method().into()),
            (PATH, call.path.as_bytes().to_vec()),
            (AUTHORITY, call.host.as_bytes().to_vec()),
            (USER_AGENT, self.user_agent.into()),
        ];
        if let Some(probe) = &call.probe {
            headers.push((PROBE, probe.as_bytes().to_vec()));
            headers.push((UPSTREAM_HEALTH_CHECK, "true".into()));
        }
        match &call.payload {
            Payload::Nothing => {}
            Payload::Json(_) => headers.push((CONTENT_TYPE, "application/json".into())),
            Payload::Grpc(_) => {
                headers.extend([(CONTENT_TYPE, "application/grpc".into()), (TE, "trailers".into())])
            }
        }
        for (name, value) in &call.headers {
            headers.push((name, value.as_bytes().to_vec()));
        }
        let (headers, trailers) = (header_map::serialize(&headers), header_map::serialize(&[]));
        let body = call.payload.body();
        let mut token = 0;
        // SAFETY: all slices and the token outlive the call.
        let status = calling(|| unsafe {
            proxy_http_call(
                call.cluster.as_ptr(),
                call.cluster.len(),
                headers.as_ptr(),
                headers.len(),
                body.as_ptr(),
                body.len(),
                trailers.as_ptr(),
                trailers.len(),
                u32::try_from(call.timeout.as_millis()).unwrap_or(u32::MAX),
                &mut token,
            )
        });
        match status {
            Status::OK => Ok(CallToken(token)),
            Status::INTERNAL_FAILURE => Err(CallRefusal::NotSent),
            _ => Err(CallRefusal::UnknownCluster),
        }
    }

    fn open_watch(&self, call: &WatchCall) -> Option<StreamToken> {
        let (service, method) = ("grpc.health.v1.Health", "Watch");
        let metadata = header_map::serialize(&[]);
        let mut token = 0;
        // SAFETY: all slices and the token outlive the call.
        let opened = calling(|| unsafe {
            proxy_grpc_stream(
                call.upstream.as_ptr(),
                call.upstream.len(),
                service.as_ptr(),
                service.len(),
                method.as_ptr(),
                method.len(),
                metadata.as_ptr(),
                metadata.len(),
                &mut token,
            )
        });
        if opened != Status::OK {
            return None;
        }
        let message = &call.message;
        // Envoy forgets a stream that has ended on the other side only where it was
        // closed on this one; closing it with the message would not count.
        // SAFETY: the slice outlives the call; the rest are plain numbers.
        let sent = calling(|| unsafe {
            proxy_grpc_send(token, message.as_ptr(), message.len(), false) == Status::OK
                && proxy_grpc_close(token) == Status::OK
        });
        let stream = StreamToken(token);
        if !sent {
            self.cancel(stream);
        }
        sent.then_some(stream)
    }

    fn cancel(&self, stream: StreamToken) {
        // SAFETY: passes a plain number.
        calling(|| unsafe { proxy_grpc_cancel(stream.0) });
    }
}

/// The answer to a call. It can be read while it is handed over.
pub struct Answer {
    /// How long its body is, in bytes.
    pub body_size: usize,
}

impl ResponseHead for Answer {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        header(MapType::HttpCallResponseHeaders, name)
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        None // Envoy has none for calls.
    }
}

impl CallAnswer for Answer {
    fn body_size(&self) -> usize {
        self.body_size
    }

    fn body(&self) -> Vec<u8> {
        buffer(BufferType::HttpCallResponseBody, self.body_size)
    }

    fn trailer(&self, name: &str) -> Option<Vec<u8>> {
        header(MapType::HttpCallResponseTrailers, name)
    }
}

/// The message of a stream that is being handed over, or of a long one a little
/// more than is read.
pub fn watch_message(size: usize) -> Vec<u8> {
    buffer(BufferType::GrpcReceiveBuffer, size.min(LONGEST_MESSAGE + 1))
}

/// What is said of the end of a stream, while it is handed over.
pub fn call_status() -> Vec<u8> {
    let mut code = 0;
    // SAFETY: the code outlives the call; the other outputs are `value_of`'s.
    value_of(|message, size| unsafe { proxy_get_status(&mut code, message, size) })
        .unwrap_or_default()
}
