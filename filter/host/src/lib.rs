//! Envoy, as a Proxy-Wasm module sees it: every call into it, and what a module needs to
//! be called by it.
//!
//! The imports are declared here and seen nowhere else. Whatever the host refuses is
//! an absent value or a change not made: a panic would kill every stream of the
//! worker. Natively there is no host, and everything is refused.
//!
//! The ABI: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.
#![allow(unsafe_code)] // What runs before all else is a call of its own.

pub mod abi;
mod calls;
mod clock;
mod contexts;
mod heads;
pub mod ids;
mod imports;
mod logging;
mod marks;
mod memory;
mod metrics;
mod plugin;
mod queue;
mod shared;
mod stream;
mod values;

pub use calls::{Answer, Clusters, call_status, is_calling, watch_message};
pub use clock::{now, wall_time};
pub use contexts::{Contexts, Streams};
pub use heads::{CompletedStream, Request, Response};
pub use marks::declare_marks;
pub use memory::allocate;
pub use metrics::{DefinedMetrics, define, increment};
pub use plugin::{node_id, plugin_configuration, plugin_name, service_cluster, tick_every};
pub use plugin::{variable, vm_id};
pub use queue::Queue;
pub use shared::{SharedData, shared};
pub use stream::{close_stream, connection_id, continue_request, forward, on_behalf_of, reply};
pub use stream::{drop_request_body, remove_request_header};
pub use stream::{edit_response, replace_response_body, response_body};
pub use stream::{grpc_status, grpc_status_trailer, set_grpc_status};
pub use stream::{request_body, request_body_from, request_size};

/// What a module does when Envoy calls its `_initialize`: once, before all else.
pub fn initialize() {
    // SAFETY: nothing has run that it would undo.
    #[cfg(target_arch = "wasm32")]
    unsafe {
        imports::__wasm_call_ctors();
    }
    logging::start();
}
