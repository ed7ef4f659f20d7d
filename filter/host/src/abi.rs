//! The words of the Proxy-Wasm ABI 0.2.1 that the modules use, by their numbers.
//!
//! The crate `proxy-wasm` has them too, but whoever links it gets its dispatcher:
//! an export for every callback there is, under the names that a module's own
//! must have. `docs/architecture.md` has what that would cost, and a test holds these
//! to its numbers (`filter/trim/tests/abi.rs`).

/// What becomes of a stream after a callback: `proxy_action_t`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Continue = 0,
    /// It waits.
    Pause = 1,
}

/// How much a line of the log matters: `proxy_log_level_t`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// A developer's detail.
    Trace = 0,
    /// What helps to find a fault.
    Debug = 1,
    /// What goes well.
    Info = 2,
    /// What will want attention.
    Warn = 3,
    /// What wants attention.
    Error = 4,
    /// The end of the module.
    Critical = 5,
}

/// What of a stream is meant: `proxy_stream_type_t`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// The request of an HTTP stream.
    HttpRequest = 0,
}

/// Bytes that the host holds: `proxy_buffer_type_t`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferType {
    /// The body of the stream's request.
    HttpRequestBody = 0,
    /// The body of the stream's response.
    HttpResponseBody = 1,
    /// The body of the answer to a call.
    HttpCallResponseBody = 4,
    /// A message of a gRPC stream.
    GrpcReceiveBuffer = 5,
    /// The plugin's configuration.
    PluginConfiguration = 7,
}

/// Headers or trailers that the host holds: `proxy_map_type_t`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapType {
    /// The headers of the stream's request.
    HttpRequestHeaders = 0,
    /// The headers of the stream's response.
    HttpResponseHeaders = 2,
    /// The trailers of the stream's response.
    HttpResponseTrailers = 3,
    /// The headers of the answer to a call.
    HttpCallResponseHeaders = 6,
    /// The trailers of the answer to a call.
    HttpCallResponseTrailers = 7,
}

/// What a metric is: `proxy_metric_type_t`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    /// A number that only grows.
    Counter = 0,
    /// A number that comes and goes.
    Gauge = 1,
    /// Numbers, counted by size.
    Histogram = 2,
}

/// What the host makes of a call: `proxy_status_t`. Every number but `OK` is a
/// refusal, also one that isn't here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(pub u32);

impl Status {
    /// It was done.
    pub const OK: Self = Self(0);
    /// The host could not do it.
    pub const INTERNAL_FAILURE: Self = Self(10);
}
