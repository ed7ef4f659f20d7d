//! Who made an answer, and whose fault it is where it is a bad one.

use crate::base::outcome::Verdict;
use crate::grpc::{self, code};
use crate::http::headers::{DEGRADED, GRPC_STATUS, IMMEDIATE_HEALTH_CHECK_FAIL};
use crate::http::request::ResponseHead;

/// No server, or no answer of one.
pub const SERVICE_UNAVAILABLE: u16 = 503;
/// No answer in time.
pub const GATEWAY_TIMEOUT: u16 = 504;

/// Whose fault it is that a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It didn't fail.
    None,
    /// Its client's: so too a method that the server doesn't know, and a version.
    Client,
    /// The server's.
    Server,
}

impl Fault {
    /// What a server's own HTTP status says.
    pub const fn of(status: u16) -> Self {
        const NOT_IMPLEMENTED: u16 = 501;
        const VERSION_NOT_SUPPORTED: u16 = 505;
        match status {
            ..400 => Self::None,
            400..=499 | NOT_IMPLEMENTED | VERSION_NOT_SUPPORTED => Self::Client,
            _ => Self::Server,
        }
    }
}

/// Who made an answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The application.
    Application,
    /// Envoy gave up on the application.
    Timeout,
    /// The stream went on for too long: where its request never ended, its client is why.
    Overlong,
    /// The application couldn't make sense of the request, or Envoy of its answer.
    ProtocolError,
    /// The application ended the connection without an answer.
    Terminated,
    /// Envoy couldn't reach the application, or its answer broke off.
    Unreachable,
    /// Another filter, Envoy's configuration or what clients bring about: it says nothing
    /// about the application.
    Elsewhere,
}

/// Envoy's reasons for a response of its own, and what each tells.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details>
const DETAILS: [(&[u8], Origin); 6] = [
    (b"via_upstream", Origin::Application),
    (b"response_timeout", Origin::Timeout),
    (b"upstream_per_try_timeout", Origin::Timeout),
    (b"upstream_max_stream_duration_reached", Origin::Overlong),
    (b"no_healthy_upstream", Origin::Unreachable),
    (b"upstream_per_try_idle_timeout", Origin::Unreachable),
];

/// The same where a stream to the application was reset. More requests than the cluster's
/// circuit breakers allow (`overflow`), Envoy's own resets and its overload manager's are
/// not the application's doing.
const RESETS: [(&[u8], Origin); 9] = [
    (b"protocol_error", Origin::ProtocolError),
    (b"connection_termination", Origin::Terminated),
    (b"connection_failure", Origin::Unreachable),
    (b"remote_connection_failure", Origin::Unreachable),
    (b"local_connection_failure", Origin::Unreachable),
    (b"connection_timeout", Origin::Unreachable),
    (b"remote_reset", Origin::Unreachable),
    (b"remote_refused_stream_reset", Origin::Unreachable),
    (b"connect_error", Origin::Unreachable),
];

impl Origin {
    /// Reads Envoy's reason for a response.
    #[inline(never)]
    pub fn of(response: &impl ResponseHead) -> Self {
        let details = response.code_details().unwrap_or_default();
        let (table, reason) = match reset_reason(&details) {
            Some(reason) => (&RESETS[..], reason),
            None => (&DETAILS[..], &*details),
        };
        let known = table.iter().find(|(known, _)| *known == reason);
        known.map_or(Self::Elsewhere, |(_, origin)| *origin)
    }

    /// Whether it took too long.
    pub const fn is_late(self) -> bool {
        matches!(self, Self::Timeout | Self::Overlong)
    }

    /// Whether it is the application's doing that there is no answer of its own.
    pub const fn is_upstreams_fault(self) -> bool {
        !matches!(self, Self::Application | Self::Elsewhere)
    }

    /// The HTTP status that an answer means. To a request with a gRPC content type
    /// Envoy reports its own errors as 200 with a gRPC status, whoever the request
    /// was for.
    pub fn status(self, response: &impl ResponseHead) -> u16 {
        match self {
            Self::Application => response.status().unwrap_or_default(),
            _ if response.header(GRPC_STATUS).is_none() => response.status().unwrap_or_default(),
            Self::Timeout => GATEWAY_TIMEOUT,
            _ => SERVICE_UNAVAILABLE,
        }
    }
}

/// The status of a call that Envoy has answered in HTTP, as it does where a filter before
/// this one has made the call.
pub fn envoys_own_status(response: &impl ResponseHead) -> Option<u32> {
    let said = match response.status().filter(|status| *status != 200)? {
        ..500 => code::PERMISSION_DENIED,
        _ => code::UNAVAILABLE,
    };
    (Origin::of(response) != Origin::Application).then_some(said)
}

/// Why a stream was reset: `upstream_reset_before_response_started{remote_reset}`, with
/// more detail behind `|` or a comma.
fn reset_reason(details: &[u8]) -> Option<&[u8]> {
    let text = details.strip_prefix(b"upstream_reset_")?;
    let begin = text.iter().position(|&byte| byte == b'{')?.saturating_add(1);
    text.get(begin..)?.split(|byte| matches!(byte, b'|' | b',' | b'}')).next()
}

/// The HTTP status that stands for the failure of a call.
pub fn status_of_call(grpc_status: u32) -> u16 {
    if grpc_status == grpc::code::DEADLINE_EXCEEDED { GATEWAY_TIMEOUT } else { SERVICE_UNAVAILABLE }
}

/// What the application says of itself by Envoy's own markers.
pub fn marked(response: &impl ResponseHead) -> Verdict {
    if response.header(IMMEDIATE_HEALTH_CHECK_FAIL).is_some() {
        Verdict::Fail
    } else if response.header(DEGRADED).is_some() {
        Verdict::Warn
    } else {
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_status_tells_whose_fault_it_is() {
        for (statuses, fault) in [
            (&[0, 100, 200, 302, 399][..], Fault::None),
            (&[400, 404, 499, 501, 505], Fault::Client),
            (&[500, 502, 503, 504, 599, 999], Fault::Server),
        ] {
            assert!(statuses.iter().all(|status| Fault::of(*status) == fault), "{fault:?}");
        }
    }
}
