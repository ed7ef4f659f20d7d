//! The host calls that the modules make, as the ABI declares them. A module imports those
//! that it comes to call.

use crate::abi::{BufferType, LogLevel, MapType, MetricType, Status, StreamType};

/// `__wasi_clockid_t`: a clock that is never set.
pub const CLOCK_MONOTONIC: u32 = 1;

/// `__wasi_errno_t`: there is no such function.
#[cfg(not(target_arch = "wasm32"))]
const ENOSYS: u32 = 52;

/// Declares the calls that an import module has. Outside of WebAssembly there is no host:
/// every call returns `$refused`, so that what stands above can be linked into native tests.
macro_rules! imports {
    ($module:literal, or $refused:expr;
     $($(#[$note:meta])* fn $name:ident($($parameter:ident: $type:ty),* $(,)?) -> $result:ty;)+) => {
        #[cfg(target_arch = "wasm32")]
        #[link(wasm_import_module = $module)]
        unsafe extern "C" {
            $($(#[$note])* pub fn $name($($parameter: $type),*) -> $result;)+
        }
        $(
            $(#[$note])*
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(clippy::too_many_arguments)] // They are the ABI's.
            pub unsafe fn $name($(_: $type),*) -> $result {
                $refused
            }
        )+
    };
}

#[cfg(target_arch = "wasm32")]
unsafe extern "C" {
    /// Runs what must run before anything else; the linker makes it.
    pub fn __wasm_call_ctors();
}

imports! {
    "wasi_snapshot_preview1", or ENOSYS;

    /// The return value is an `__wasi_errno_t`, 0 for success. `std` has the same call,
    /// and panics where it fails.
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

imports! {
    "env", or Status::INTERNAL_FAILURE;

    fn proxy_log(level: LogLevel, message: *const u8, size: usize) -> Status;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status;
    fn proxy_get_header_map_value(
        map: MapType,
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> Status;
    fn proxy_get_header_map_pairs(
        map: MapType,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> Status;
    fn proxy_replace_header_map_value(
        map: MapType,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_add_header_map_value(
        map: MapType,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_remove_header_map_value(map: MapType, key: *const u8, key_size: usize) -> Status;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> Status;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        results: *mut *mut u8,
        results_size: *mut usize,
    ) -> Status;
    fn proxy_get_buffer_bytes(
        buffer: BufferType,
        start: usize,
        max_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> Status;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> Status;
    fn proxy_define_metric(
        kind: MetricType,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> Status;
    fn proxy_increment_metric(id: u32, offset: i64) -> Status;
    fn proxy_record_metric(id: u32, value: u64) -> Status;
    fn proxy_get_metric(id: u32, value: *mut u64) -> Status;
    fn proxy_set_buffer_bytes(
        buffer: BufferType,
        start: usize,
        size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        version: *mut u32,
    ) -> Status;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> Status;
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, id: *mut u32) -> Status;
    fn proxy_resolve_shared_queue(
        vm_id: *const u8,
        vm_id_size: usize,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> Status;
    fn proxy_enqueue_shared_queue(id: u32, value: *const u8, value_size: usize) -> Status;
    fn proxy_dequeue_shared_queue(
        id: u32,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> Status;
    fn proxy_set_tick_period_milliseconds(period: u32) -> Status;
    fn proxy_set_effective_context(context_id: u32) -> Status;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_milliseconds: u32,
        token: *mut u32,
    ) -> Status;
    fn proxy_grpc_stream(
        upstream: *const u8,
        upstream_size: usize,
        service: *const u8,
        service_size: usize,
        method: *const u8,
        method_size: usize,
        metadata: *const u8,
        metadata_size: usize,
        stream: *mut u32,
    ) -> Status;
    fn proxy_grpc_send(
        stream: u32,
        message: *const u8,
        message_size: usize,
        end_stream: bool,
    ) -> Status;
    fn proxy_grpc_close(stream: u32) -> Status;
    fn proxy_grpc_cancel(stream: u32) -> Status;
    fn proxy_get_status(
        code: *mut u32,
        message: *mut *mut u8,
        message_size: *mut usize,
    ) -> Status;
    fn proxy_continue_stream(stream: StreamType) -> Status;
    fn proxy_close_stream(stream: StreamType) -> Status;
}
