//! The hub as a Proxy-Wasm module.
//!
//! This crate moves bytes between Envoy and `heartbeat-mesh`, which decides. Here stand the
//! callbacks, by the names that the ABI gives them; `heartbeat-host` alone names host calls.
//!
//! The ABI: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.
#![allow(unsafe_code)] // A name that the host finds a function by is one that the linker can't check.

mod body_access;
mod dispatch;
mod hub;
mod owned;
mod setup;
mod stream;

use heartbeat_common::callout::{CallToken, StreamToken};
use heartbeat_host as host;
use heartbeat_host::abi::Action;
use heartbeat_host::ids::{QueueId, RootId, StreamId};
use heartbeat_mesh::config::ConfigErrors;
use hub::Hub;

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
    let root = RootId(root);
    match Hub::configure(root) {
        Ok(hub) => {
            dispatch::configure(root, hub);
            true
        }
        Err(errors) => {
            log_refusal(&errors);
            false
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    if let Some(hub) = dispatch::hub(RootId(root)) {
        hub.on_tick();
    }
}

/// There are messages in a queue that this VM has registered.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(root: u32, queue: u32) {
    if let Some(hub) = dispatch::hub(RootId(root)) {
        hub.on_queue_ready(QueueId(queue));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    _headers: usize,
    body_size: usize,
    _trailers: usize,
) {
    if let Some(hub) = dispatch::hub(RootId(root)) {
        hub.on_answer(CallToken(token), &host::Answer { body_size });
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(root: u32, token: u32, size: usize) {
    if let Some(hub) = dispatch::hub(RootId(root)) {
        hub.on_watch_message(StreamToken(token), &host::watch_message(size));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(root: u32, token: u32, status: u32) {
    if let Some(hub) = dispatch::hub(RootId(root)) {
        hub.on_watch_close(StreamToken(token), status, &host::call_status());
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(stream: u32, _count: usize, end_of_stream: u32) -> Action {
    let id = StreamId(stream);
    let hub = dispatch::begin(id);
    hub.map_or(Action::Continue, |hub| stream::on_request_headers(id, hub, end_of_stream != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(stream: u32, size: usize, end_of_stream: u32) -> Action {
    let found = stream::find(StreamId(stream));
    found.map_or(Action::Continue, |it| it.on_request_body(size, end_of_stream != 0))
}

/// The end of a body that has trailers behind it.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(stream: u32, _count: usize) -> Action {
    let found = stream::find(StreamId(stream));
    found.map_or(Action::Continue, |it| it.on_request_trailers())
}

/// Called once for every context, however it ended.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    if let Some(hub) = dispatch::dismiss(RootId(context)) {
        hub.on_delete();
        // The timer of a context that is gone Envoy would go on with.
        host::tick_every(None);
    }
    let id = StreamId(context);
    // It may be over before it has begun.
    dispatch::begin(id);
    stream::forget(id);
}

fn log_refusal(errors: &ConfigErrors) {
    let count = errors.0.len();
    let mistakes = if count == 1 { "mistake" } else { "mistakes" };
    log::error!("heartbeat-hub: configuration refused, {count} {mistakes}:");
    for error in &errors.0 {
        log::error!("heartbeat-hub: {error}");
    }
}
