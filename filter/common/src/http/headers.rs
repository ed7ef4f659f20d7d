//! Names of the headers that the filter reads and writes.

/// Marks a request as a matched probe, for the application.
pub const UPSTREAM_HEALTH_CHECK: &str = "x-envoy-upstream-health-check";
/// Names the probe rule that matched the request, for the application.
pub const PROBE: &str = "x-heartbeat-probe";
/// The proxy's own service cluster (`node.cluster`), for the prober: Envoy's
/// active health checker compares it with the service that it expects.
pub const UPSTREAM_HEALTHCHECKED_CLUSTER: &str = "x-envoy-upstream-healthchecked-cluster";
/// Tells Envoy's active health checker to take the host out at once.
pub const IMMEDIATE_HEALTH_CHECK_FAIL: &str = "x-envoy-immediate-health-check-fail";
/// Tells Envoy's active health checker that the host is degraded.
pub const DEGRADED: &str = "x-envoy-degraded";
/// `ready` or `not-ready`, for readiness-gate controllers.
pub const STATUS: &str = "x-heartbeat-status";
/// The health score, from 0 to 1000.
pub const SCORE: &str = "x-heartbeat-score";

/// How long Envoy's router waits for the upstream, in milliseconds; 0 lifts the
/// route's limit.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter>
pub const UPSTREAM_RQ_TIMEOUT_MS: &str = "x-envoy-upstream-rq-timeout-ms";
/// How long the upstream took, in milliseconds: Envoy's router puts it on every
/// answer that isn't its own.
pub const UPSTREAM_SERVICE_TIME: &str = "x-envoy-upstream-service-time";
/// How often Envoy's router may retry the request.
pub const MAX_RETRIES: &str = "x-envoy-max-retries";
/// On which failures Envoy's router retries an HTTP request.
pub const RETRY_ON: &str = "x-envoy-retry-on";
/// On which statuses Envoy's router retries a gRPC request.
pub const RETRY_GRPC_ON: &str = "x-envoy-retry-grpc-on";

/// How long the stream to the application may go on, its request included.
pub const UPSTREAM_STREAM_DURATION_MS: &str = "x-envoy-upstream-stream-duration-ms";

/// Headers by which a client could bend what the filter decides for a probe:
/// another deadline, or a timeout that is answered as a success.
pub const CLIENT_OVERRIDES: [&str; 3] = [
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    UPSTREAM_STREAM_DURATION_MS,
];

/// HTTP/1.1 connection management (RFC 9110, section 7.6.1).
pub const CONNECTION: &str = "connection";
/// Another protocol that the client asks for (RFC 9110, section 7.8). Envoy leaves it only
/// where the request is an upgrade, and makes one of an extended CONNECT (RFC 8441).
pub const UPGRADE: &str = "upgrade";
/// Headers that only an answer over HTTP/1.1 can have (RFC 9113, section 8.2.2), as far as
/// Envoy shows them to filters: `keep-alive` it doesn't.
pub const OF_HTTP1: [&str; 2] = [CONNECTION, "transfer-encoding"];
/// The method, as HTTP/2 and Envoy write it.
pub const METHOD: &str = ":method";
/// The path with its query, as HTTP/2 and Envoy write it.
pub const PATH: &str = ":path";
/// The method as it was before a transcoder made a call of gRPC of the request.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_json_transcoder_filter>
pub const ORIGINAL_METHOD: &str = "x-envoy-original-method";
/// The host, as HTTP/2 and Envoy write it.
pub const AUTHORITY: &str = ":authority";
/// The addresses that a request has come by, as whoever passed it on says.
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// The scheme, as HTTP/2 and Envoy write it.
pub const SCHEME: &str = ":scheme";
/// The scheme that the first of the proxies was spoken to in.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// RFC 9110, section 10.1.5.
pub const USER_AGENT: &str = "user-agent";
/// The status, as HTTP/2 and Envoy write it.
pub const STATUS_CODE: &str = ":status";
/// RFC 9110, section 8.6.
pub const CONTENT_LENGTH: &str = "content-length";
/// RFC 9110, section 8.4.
pub const CONTENT_ENCODING: &str = "content-encoding";
/// RFC 9110, section 8.3.
pub const CONTENT_TYPE: &str = "content-type";
/// Keeps browsers from taking a text for a page.
/// <https://fetch.spec.whatwg.org/#x-content-type-options-header>
pub const CONTENT_TYPE_OPTIONS: &str = "x-content-type-options";
/// What a page may load and run (<https://www.w3.org/TR/CSP3/>).
pub const CONTENT_SECURITY_POLICY: &str = "content-security-policy";
/// RFC 9110, section 12.5.1.
pub const ACCEPT: &str = "accept";
/// RFC 9111, section 5.2.
pub const CACHE_CONTROL: &str = "cache-control";
/// RFC 9111, section 5.1.
pub const AGE: &str = "age";
/// RFC 9110, section 10.2.3.
pub const RETRY_AFTER: &str = "retry-after";
/// RFC 9110, section 12.5.3.
pub const ACCEPT_ENCODING: &str = "accept-encoding";
/// RFC 9110, section 12.5.5.
pub const VARY: &str = "vary";

/// The deadline of a gRPC call.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The status of a gRPC call: a trailer, or a header of a trailers-only answer.
pub const GRPC_STATUS: &str = "grpc-status";
/// What went wrong with a gRPC call, in words.
pub const GRPC_MESSAGE: &str = "grpc-message";
/// What a caller takes beside the body: `trailers`, for gRPC.
pub const TE: &str = "te";
/// Headers that make a request one of gRPC.
pub const OF_GRPC: [&str; 6] =
    [CONTENT_TYPE, TE, CONTENT_LENGTH, GRPC_TIMEOUT, GRPC_ENCODING, GRPC_ACCEPT_ENCODING];
/// Stands on the answer of the loopback responder, and on no other.
pub const RESPONDER: &str = "x-heartbeat-responder";
/// How the messages of a gRPC call are compressed.
pub const GRPC_ENCODING: &str = "grpc-encoding";
/// The compressions that a gRPC caller understands.
pub const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";
