//! Calls of the filter's own, through Envoy's clusters.

use super::imports::*;
use super::{OK, buffer, header, value_of};
use heartbeat_core::ResponseHead;
use heartbeat_core::callout::{CallAnswer, CallToken, Caller, HttpCall, Refusal};
use heartbeat_core::callout::{StreamToken, WatchCall};
use heartbeat_core::grpc::LONGEST_MESSAGE;
use heartbeat_core::headers::{AUTHORITY, CONTENT_TYPE, METHOD, PATH, TE, USER_AGENT};
use proxy_wasm::types::{BufferType, MapType, Status as SdkStatus};

/// Envoy's clusters.
pub struct Clusters;

impl Caller for Clusters {
    // Only the SDK's own call makes its dispatcher pass the answer on. The statuses
    // that it panics on aren't Envoy's: it gives these two, or OK.
    #[allow(clippy::disallowed_methods)]
    fn http_call(&self, call: &HttpCall) -> Result<CallToken, Refusal> {
        let method = if call.grpc.is_some() { "POST" } else { "GET" };
        let mut headers = vec![
            (METHOD, method),
            (PATH, &*call.path),
            (AUTHORITY, &*call.host),
            (USER_AGENT, "heartbeat-filter"),
        ];
        if call.grpc.is_some() {
            headers.extend([(CONTENT_TYPE, "application/grpc"), (TE, "trailers")]);
        }
        proxy_wasm::hostcalls::dispatch_http_call(
            &call.cluster,
            headers,
            call.grpc.as_deref(),
            vec![],
            call.timeout,
        )
        .map(CallToken)
        .map_err(|status| match status {
            SdkStatus::InternalFailure => Refusal::NotSent,
            _ => Refusal::UnknownCluster,
        })
    }

    // As above; Envoy refuses a stream with ParseFailure or InternalFailure.
    #[allow(clippy::disallowed_methods)]
    fn open_watch(&self, call: &WatchCall) -> Option<StreamToken> {
        let token = proxy_wasm::hostcalls::open_grpc_stream(
            &call.upstream,
            "grpc.health.v1.Health",
            "Watch",
            vec![],
        )
        .ok()?;
        let message = &call.message;
        // Envoy forgets a stream that has ended on the other side only where it was
        // closed on this one; closing it with the message would not count.
        // SAFETY: the slice outlives the call; the rest are plain numbers.
        let sent = unsafe {
            proxy_grpc_send(token, message.as_ptr(), message.len(), false) == OK
                && proxy_grpc_close(token) == OK
        };
        let stream = StreamToken(token);
        if !sent {
            self.cancel(stream);
        }
        sent.then_some(stream)
    }

    fn cancel(&self, stream: StreamToken) {
        // SAFETY: passes a plain number.
        unsafe { proxy_grpc_cancel(stream.0) };
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
