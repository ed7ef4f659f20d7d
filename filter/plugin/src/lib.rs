//! Heartbeat Filter as a Proxy-Wasm module.
//!
//! This crate moves bytes between Envoy and `heartbeat-core`, which decides. Here
//! stand the callbacks, by the names that the ABI gives them; a callback that isn't
//! here costs nothing, because Envoy doesn't come for it. `heartbeat-host` alone names
//! host calls.
//!
//! The ABI: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.
#![allow(unsafe_code)] // A name that the host finds a function by is one that the linker can't check.

mod arrival;
mod body_access;
mod dispatch;
mod plugin;
mod root;
mod stream;
mod waiting;

use heartbeat_core::callout::{CallToken, StreamToken};
use heartbeat_core::grpc::LONGEST_CALL;
use heartbeat_host as host;
use heartbeat_host::abi::Action;
use heartbeat_host::ids::{RootId, StreamId};

/// The version of the ABI is the name of this function.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    host::initialize();
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    host::allocate(size)
}

/// A root context has no parent.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    if parent != 0 {
        dispatch::announce(StreamId(context), RootId(parent));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, _size: usize) -> bool {
    root::on_configure(RootId(root))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    root::on_tick(RootId(root));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    _headers: usize,
    body_size: usize,
    _trailers: usize,
) {
    root::on_answer(RootId(root), CallToken(token), &host::Answer { body_size });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(root: u32, token: u32, size: usize) {
    if let Some(plugin) = dispatch::plugin(RootId(root)) {
        plugin.on_watch_message(StreamToken(token), &host::watch_message(size));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(root: u32, token: u32, status: u32) {
    if let Some(plugin) = dispatch::plugin(RootId(root)) {
        plugin.on_watch_close(StreamToken(token), status, &host::call_status());
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(stream: u32, _count: usize, end_of_stream: u32) -> Action {
    let id = StreamId(stream);
    let plugin = dispatch::begin(id);
    plugin.map_or(Action::Continue, |it| arrival::on_request_headers(id, it, end_of_stream != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(stream: u32, size: usize, end_of_stream: u32) -> Action {
    let found = stream::find(StreamId(stream));
    found.map_or(Action::Continue, |it| it.on_request_body(size, end_of_stream != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(stream: u32, _count: usize) -> Action {
    let found = stream::find(StreamId(stream));
    found.map_or(Action::Continue, |it| it.on_request_body(LONGEST_CALL, true))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(stream: u32, _count: usize, end_of_stream: u32) -> Action {
    let found = stream::find(StreamId(stream));
    found.map_or(Action::Continue, |it| it.on_response_headers(end_of_stream != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(stream: u32, size: usize, end_of_stream: u32) -> Action {
    if let Some(stream) = stream::find(StreamId(stream)) {
        stream.on_response_body(size, end_of_stream != 0);
    }
    Action::Continue
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(stream: u32, _count: usize) -> Action {
    if let Some(stream) = stream::find(StreamId(stream)) {
        stream.on_response_trailers();
    }
    Action::Continue
}

/// Called once for every stream, however it ended.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(stream: u32) {
    if let Some(stream) = dispatch::end(StreamId(stream)) {
        stream.on_log();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    root::on_delete(RootId(context));
    dispatch::end(StreamId(context));
}
