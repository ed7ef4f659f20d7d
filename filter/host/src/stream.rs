//! What is done with a stream.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::{BufferType, MapType, Status, StreamType};
use crate::ids::{RootId, StreamId};
use crate::imports::*;
use crate::marks::mark;
use crate::values::{buffer, buffer_from, header, number};
use heartbeat_common::grpc::parse_status;
use heartbeat_common::http::edits::{HeaderEdits, Reply};
use heartbeat_common::http::headers::GRPC_STATUS;

/// Not a gRPC status: the answer is no gRPC answer, or Envoy chooses.
const NO_GRPC_STATUS: i32 = -1;

fn remove_header(map: MapType, name: &str) {
    // SAFETY: the slice outlives the call.
    unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
}

fn set_header(map: MapType, name: &str, value: &[u8]) {
    // SAFETY: both slices outlive the call.
    unsafe {
        proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    };
}

fn edit(map: MapType, edits: &HeaderEdits) {
    edits.remove.iter().for_each(|name| remove_header(map, name));
    edits.set.iter().for_each(|(name, value)| set_header(map, name, value));
}

/// The request's headers, changed, and its markers made known as genuine. Envoy will
/// choose the route anew.
pub fn forward(edits: &HeaderEdits, marks: Option<Vec<u8>>) {
    marks.iter().for_each(|marks| mark(marks));
    edit(MapType::HttpRequestHeaders, edits);
}

/// A header of the request, removed. Envoy will choose the route anew.
pub fn remove_request_header(name: &str) {
    remove_header(MapType::HttpRequestHeaders, name);
}

/// The response's headers, changed.
pub fn edit_response(edits: &HeaderEdits) {
    edit(MapType::HttpResponseHeaders, edits);
}

/// The first bytes of the request's body, as far as it has come while the request
/// is paused.
pub fn request_body(size: usize) -> Vec<u8> {
    buffer(BufferType::HttpRequestBody, size)
}

/// The bytes of the request's body from `start` on, as far as they have come while the
/// request is paused; empty beyond the end.
pub fn request_body_from(start: usize, size: usize) -> Vec<u8> {
    buffer_from(BufferType::HttpRequestBody, start, size)
}

/// Takes away the request's body, as far as it has come.
pub fn drop_request_body() {
    // SAFETY: passes plain numbers, and no bytes.
    unsafe {
        proxy_set_buffer_bytes(BufferType::HttpRequestBody, 0, u32::MAX as usize, [].as_ptr(), 0)
    };
}

/// How much of the request has come, in bytes: also what Envoy holds back.
pub fn request_size() -> u64 {
    number(&["request", "total_size"]).unwrap_or_default()
}

/// The number of the connection that the request came on: no other of the process has had
/// it.
pub fn connection_id() -> Option<u64> {
    number(&["connection", "id"])
}

/// The piece of the response's body that is passing by.
pub fn response_body(size: usize) -> Vec<u8> {
    buffer(BufferType::HttpResponseBody, size)
}

/// Puts `bytes` in the place of the piece of the response's body that is passing by.
pub fn replace_response_body(size: usize, bytes: &[u8]) {
    // SAFETY: the slice outlives the call.
    unsafe {
        proxy_set_buffer_bytes(BufferType::HttpResponseBody, 0, size, bytes.as_ptr(), bytes.len())
    };
}

/// Runs `act` as if the stream's own callback were running, from its root context.
pub fn on_behalf_of<T>(stream: StreamId, root: RootId, act: impl FnOnce() -> T) -> Option<T> {
    // SAFETY: passes a plain number.
    let set = |context| unsafe { proxy_set_effective_context(context) };
    let done = (set(stream.0) == Status::OK).then(act);
    // A call that is made after this one is the root's: what a stream has asked, Envoy
    // gives up when the stream ends.
    set(root.0);
    done
}

/// Lets the stream's request go on that was paused.
pub fn continue_request() {
    // SAFETY: passes a plain number.
    unsafe { proxy_continue_stream(StreamType::HttpRequest) };
}

/// Breaks the stream off.
pub fn close_stream() {
    // SAFETY: passes a plain number.
    unsafe { proxy_close_stream(StreamType::HttpRequest) };
}

/// Sets the response's `grpc-status` trailer; at the end of a body this makes the
/// trailers.
pub fn set_grpc_status(status: u32) {
    let (key, value) = (GRPC_STATUS, status.to_string());
    let map = MapType::HttpResponseTrailers;
    // SAFETY: both slices outlive the call.
    unsafe {
        proxy_add_header_map_value(map, key.as_ptr(), key.len(), value.as_ptr(), value.len())
    };
}

/// The response's `grpc-status` trailer. It can be read in `on_log`.
pub fn grpc_status_trailer() -> Option<Vec<u8>> {
    header(MapType::HttpResponseTrailers, GRPC_STATUS)
}

/// The status of a gRPC call that is over, from its trailers, or from its head
/// where it has no other. It can be read in `on_log`.
pub fn grpc_status() -> Option<u32> {
    let status =
        grpc_status_trailer().or_else(|| header(MapType::HttpResponseHeaders, GRPC_STATUS))?;
    parse_status(&status)
}

/// Answers the stream's request; it must then be paused.
pub fn reply(reply: &Reply) {
    let headers = reply.headers.as_bytes();
    // SAFETY: all slices outlive the call.
    unsafe {
        proxy_send_local_response(
            u32::from(reply.status),
            reply.details.as_ptr(),
            reply.details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            reply.grpc_status.and_then(|code| i32::try_from(code).ok()).unwrap_or(NO_GRPC_STATUS),
        )
    };
}
