//! The gRPC health protocol, as far as a proxy in the middle needs it.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>,
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

mod answer;
mod call;
mod deadline;
mod frames;
mod health;
mod message;
mod method;

pub use answer::GrpcAnswer;
pub use call::{LONGEST_CALL, Violation, read_service};
pub use deadline::parse_timeout;
pub use frames::{Frame, FrameReader, LONGEST_MESSAGE};
pub use health::{ServingStatus, framed, request};
pub use message::{check_answer, list_answer};
pub use method::GrpcMethod;

/// The numbers of the gRPC statuses that the filter knows by name.
/// <https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>
pub mod code {
    /// The call succeeded.
    pub const OK: u32 = 0;
    /// Nobody knows what went wrong, but the server.
    pub const UNKNOWN: u32 = 2;
    /// The deadline passed before the call was complete.
    pub const DEADLINE_EXCEEDED: u32 = 4;
    /// What was asked for isn't there.
    pub const NOT_FOUND: u32 = 5;
    /// The caller isn't allowed to do that.
    pub const PERMISSION_DENIED: u32 = 7;
    /// There were too many calls, or too long ones.
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    /// The server doesn't do that.
    pub const UNIMPLEMENTED: u32 = 12;
    /// The protocol was broken, or something in the server.
    pub const INTERNAL: u32 = 13;
    /// The server can't be reached at the moment.
    pub const UNAVAILABLE: u32 = 14;
    /// Data were lost for good.
    pub const DATA_LOSS: u32 = 15;

    /// The HTTP status that says the same, for who doesn't read that of gRPC.
    /// <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>
    pub fn http_status(code: u32) -> u16 {
        match code {
            OK => 200,
            NOT_FOUND => 404,
            PERMISSION_DENIED => 403,
            RESOURCE_EXHAUSTED => 429,
            UNIMPLEMENTED => 501,
            UNAVAILABLE => 503,
            DEADLINE_EXCEEDED => 504,
            _ => 500,
        }
    }

    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];

    /// Its name.
    pub fn name(code: u32) -> &'static str {
        let place = usize::try_from(code).unwrap_or(usize::MAX);
        NAMES.get(place).copied().unwrap_or("an unknown status")
    }

    /// The status of that name.
    pub fn by_name(name: &str) -> Option<u32> {
        NAMES.iter().zip(0..).find(|(known, _)| **known == name).map(|(_, code)| code)
    }
}

/// Whether a status is the server's fault rather than its caller's.
pub fn is_servers_fault(status: u32) -> bool {
    use code::{DATA_LOSS, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, UNKNOWN};
    matches!(status, UNKNOWN | DEADLINE_EXCEEDED | INTERNAL | UNAVAILABLE | DATA_LOSS)
}

const SERVICE: &[u8] = b"/grpc.health.v1.Health/";

/// The path of a Check.
pub const CHECK_PATH: &str = "/grpc.health.v1.Health/Check";

/// How long the longest path of a health call is.
pub const LONGEST_PATH: usize = CHECK_PATH.len();

/// The method of `grpc.health.v1.Health` that a path calls: exactly these two
/// segments, with case.
pub fn health_method(path: &[u8]) -> Option<GrpcMethod> {
    match path.strip_prefix(SERVICE)? {
        b"Check" => Some(GrpcMethod::Check),
        b"List" => Some(GrpcMethod::List),
        b"Watch" => Some(GrpcMethod::Watch),
        _ => None,
    }
}

/// Whether a content type is gRPC's: `application/grpc`, alone or with a codec
/// (`application/grpc+proto`). gRPC-Web is another protocol.
pub fn is_grpc(content_type: &[u8]) -> bool {
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => rest.first().is_none_or(|&next| next == b'+' || next == b';'),
        None => false,
    }
}

/// Reads the value of a `grpc-status` header or trailer.
pub fn parse_status(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_health_call_has_exactly_two_segments() {
        assert_eq!(health_method(b"/grpc.health.v1.Health/Check"), Some(GrpcMethod::Check));
        assert_eq!(health_method(b"/grpc.health.v1.Health/Watch"), Some(GrpcMethod::Watch));
        for path in [
            "/grpc.health.v1.Health/Check/",
            "/grpc.health.v1.Health/Check/x",
            "/grpc.health.v1.Health",
            "/grpc.health.v1.Health/",
            "/grpc.health.v1.Health/check",
            "/x/grpc.health.v1.Health/Check",
            "/grpc.health.v1.HealthX/Check",
        ] {
            assert_eq!(health_method(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for yes in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"]
        {
            assert!(is_grpc(yes.as_bytes()), "{yes}");
        }
        for no in ["application/grpc-web", "application/grpcx", "application/json", ""] {
            assert!(!is_grpc(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn a_status_is_a_number_and_nothing_else() {
        assert_eq!(parse_status(b"14"), Some(14));
        for odd in [&b""[..], b"-1", b"4 ", b"\xff", b"99999999999"] {
            assert_eq!(parse_status(odd), None, "{odd:?}");
        }
    }
}
