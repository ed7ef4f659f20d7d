//! Envoy, as a Proxy-Wasm module sees it: every call into it, and what a module needs to
//! be called by it.
//!
//! The imports are declared here and seen nowhere else. Whatever the host refuses is
//! an absent value or a change not made: a panic would kill every stream of the
//! worker. Natively there is no host, and everything is refused.
//!
//! The ABI: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.
#![allow(unsafe_code)] // Calling the host is what this crate is for.

pub mod abi;
mod calls;
mod heads;
pub mod ids;
mod imports;
mod logging;
mod memory;

pub use calls::{Answer, Clusters, call_status, is_calling, watch_message};
pub use heads::{CompletedStream, Request, Response};
pub use memory::allocate;

use crate::abi::{BufferType, LogLevel, MapType, MetricType, Status, StreamType};
use crate::ids::{RootId, StreamId};
use heartbeat_common::base::metric::{Metric, MetricKind};
use heartbeat_common::base::time::{Instant, WallTime};
use heartbeat_common::http::edits::{HeaderEdits, Reply};
use heartbeat_common::http::headers::GRPC_STATUS;
use heartbeat_common::state::{Context, SharedStore, Version};
use imports::*;
use std::ptr::null_mut;
use std::time::Duration;

/// What a module does when Envoy calls its `_initialize`: once, before all else.
pub fn initialize() {
    // SAFETY: nothing has run that it would undo.
    #[cfg(target_arch = "wasm32")]
    unsafe {
        __wasm_call_ctors();
    }
    logging::start();
}

/// Not a gRPC status: the answer is no gRPC answer, or Envoy chooses.
const NO_GRPC_STATUS: i32 = -1;

/// Asks for a value that the host hands over in memory that it has us allocate.
///
/// `call` must be a host call that writes the address and size of such memory,
/// or neither.
fn value_of(call: impl FnOnce(*mut *mut u8, *mut usize) -> Status) -> Option<Vec<u8>> {
    place_of(call).map(|(data, size)| memory::own(data, size))
}

/// Where the host has put that value.
fn place_of(call: impl FnOnce(*mut *mut u8, *mut usize) -> Status) -> Option<(*mut u8, usize)> {
    let mut data: *mut u8 = null_mut();
    let mut size = 0;
    (call(&mut data, &mut size) == Status::OK).then_some((data, size))
}

fn header(map: MapType, name: &str) -> Option<Vec<u8>> {
    // SAFETY: both slices outlive the call; the outputs are `value_of`'s.
    value_of(|value, size| unsafe {
        proxy_get_header_map_value(map, name.as_ptr(), name.len(), value, size)
    })
}

/// All headers of a message, as the ABI writes them, in memory that may be recycled.
fn headers(map: MapType) -> Vec<u8> {
    // SAFETY: the outputs are `place_of`'s.
    let call = || place_of(|value, size| unsafe { proxy_get_header_map_pairs(map, value, size) });
    memory::reuse(call).unwrap_or_default()
}

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

/// The property that says which markers of a request are genuine: filter state, which no
/// client can set, and which other VMs see.
const MARKS: &str = "heartbeat_marks";

/// `DeclarePropertyArguments` for it: its name, and a life as long as that of the request,
/// which goes on where Envoy follows a redirect.
/// <https://github.com/envoyproxy/envoy/blob/main/source/extensions/common/wasm/ext/declare_property.proto>
const MARKS_DECLARED: &[u8] = b"\x0a\x0fheartbeat_marks\x28\x01";

/// Says how long that property lives, for all streams of the root context that is being
/// configured.
pub fn declare_marks() {
    let (name, arguments) = ("declare_property", MARKS_DECLARED);
    // SAFETY: both slices outlive the call; the outputs are `value_of`'s.
    value_of(|value, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            value,
            size,
        )
    });
}

/// Sets that property.
fn mark(marks: &[u8]) {
    // SAFETY: both slices outlive the call.
    unsafe { proxy_set_property(MARKS.as_ptr(), MARKS.len(), marks.as_ptr(), marks.len()) };
}

/// A property of Envoy's.
/// <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>
fn property(path: &[&str]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    // SAFETY: the slice outlives the call; the outputs are `value_of`'s.
    value_of(|value, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), value, size) })
}

/// A property that is a number, or a duration in nanoseconds.
fn number(path: &[&str]) -> Option<u64> {
    property(path)?.first_chunk().map(|number| u64::from_le_bytes(*number))
}

fn buffer(buffer: BufferType, size: usize) -> Vec<u8> {
    // SAFETY: the outputs are `value_of`'s.
    value_of(|value, len| unsafe { proxy_get_buffer_bytes(buffer, 0, size, value, len) })
        .unwrap_or_default()
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
    heartbeat_common::grpc::parse_status(&status)
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

/// The bytes of `pluginConfig`; empty where there are none.
pub fn plugin_configuration() -> Vec<u8> {
    buffer(BufferType::PluginConfiguration, usize::MAX)
}

/// The proxy's own service cluster, `node.cluster`; empty where it has none.
pub fn service_cluster() -> String {
    let bytes = property(&["xds", "node", "cluster"]).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// What tells the plugin apart from the others of the proxy: its name and the id
/// of its root context.
pub fn plugin_name() -> String {
    let part = |name| property(&[name]).unwrap_or_default();
    let bytes = [part("plugin_name"), part("plugin_root_id")].join(&b'/');
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Has the root context ticked so often, at most every millisecond; never, for
/// no period. Other root contexts keep their own ticks.
pub fn tick_every(period: Option<Duration>) {
    let milliseconds = period.map_or(0, |period| period.as_nanos().div_ceil(1_000_000).max(1));
    // SAFETY: passes a plain number.
    unsafe {
        proxy_set_tick_period_milliseconds(u32::try_from(milliseconds).unwrap_or(u32::MAX));
    }
}

/// Envoy's shared data: one map for all workers.
pub struct SharedData;

impl SharedStore for SharedData {
    fn read(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let mut version = 0;
        // SAFETY: the slice and the version outlive the call; the other outputs
        // are `value_of`'s.
        let value = value_of(|value, size| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), value, size, &mut version)
        })?;
        Some((value, Version(version)))
    }

    fn write(&self, key: &str, value: &[u8], version: Version) -> bool {
        // SAFETY: both slices outlive the call.
        let status = unsafe {
            proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version.0)
        };
        status == Status::OK
    }
}

/// Shared data as it is now.
pub fn shared() -> Context<'static, SharedData> {
    Context::at(&SharedData, now())
}

/// The monotonic clock: one for the process, whatever becomes of wall time.
pub fn now() -> Instant {
    let mut time = 0;
    // SAFETY: the output outlives the call; it stays 0 where the host refuses.
    unsafe { clock_time_get(CLOCK_MONOTONIC, 0, &mut time) };
    Instant(time)
}

/// Wall time.
pub fn wall_time() -> WallTime {
    let mut time = 0;
    // SAFETY: the output outlives the call; it stays 0 where the host refuses.
    unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    WallTime(time)
}

/// A metric that Envoy knows.
#[derive(Clone, Copy)]
pub struct MetricId(u32);

/// Defines a metric; one that is known already keeps its value.
pub fn define(metric: &Metric) -> Option<MetricId> {
    let kind = match metric.kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    };
    let mut id = 0;
    // SAFETY: the slice and the output outlive the call.
    let status =
        unsafe { proxy_define_metric(kind, metric.name.as_ptr(), metric.name.len(), &mut id) };
    (status == Status::OK).then_some(MetricId(id))
}

/// Raises a counter by a value.
pub fn increment(counter: MetricId, value: u64) {
    // SAFETY: passes plain numbers.
    unsafe { proxy_increment_metric(counter.0, value.cast_signed()) };
}

/// Sets a gauge to a value, or has a histogram count it.
pub fn record(metric: MetricId, value: u64) {
    // SAFETY: passes plain numbers.
    unsafe { proxy_record_metric(metric.0, value) };
}

/// Writes a line to Envoy's log.
pub fn write_log(level: LogLevel, message: &str) {
    // SAFETY: the slice outlives the call.
    unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}
