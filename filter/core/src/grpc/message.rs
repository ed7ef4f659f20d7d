//! The messages that the proxy sends.

use super::health::{HealthCheckResponse, ServingStatus, framed};
use crate::outcome::Verdict;
use prost::Message;

/// `grpc.health.v1.HealthListResponse`, whose map is a list of entries on the wire
/// (<https://protobuf.dev/programming-guides/encoding/#maps>).
#[derive(Clone, PartialEq, Message)]
struct HealthListResponse {
    #[prost(message, repeated, tag = "1")]
    statuses: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<HealthCheckResponse>,
}

/// `SERVING` unless the verdict is `fail`.
fn status(verdict: Verdict) -> HealthCheckResponse {
    let status = match verdict {
        Verdict::Pass | Verdict::Warn => ServingStatus::Serving,
        Verdict::Fail => ServingStatus::NotServing,
    };
    HealthCheckResponse { status: status as i32 }
}

/// The answer to a Check, and the first of a Watch.
pub fn check_answer(verdict: Verdict) -> Vec<u8> {
    framed(&status(verdict).encode_to_vec())
}

/// The first answer to a Watch of a service that nobody knows.
pub fn unknown_to_watch() -> Vec<u8> {
    let message = HealthCheckResponse { status: ServingStatus::ServiceUnknown as i32 };
    framed(&message.encode_to_vec())
}

/// The answer to a List.
pub fn list_answer(services: impl Iterator<Item = (String, Verdict)>) -> Vec<u8> {
    let entry = |(key, verdict)| Entry { key, value: Some(status(verdict)) };
    framed(&HealthListResponse { statuses: services.map(entry).collect() }.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn warn_is_serving_and_fail_is_not() {
        assert_eq!(check_answer(Verdict::Pass), [0, 0, 0, 0, 2, 8, 1]);
        assert_eq!(check_answer(Verdict::Warn), [0, 0, 0, 0, 2, 8, 1]);
        assert_eq!(check_answer(Verdict::Fail), [0, 0, 0, 0, 2, 8, 2]);
        assert_eq!(unknown_to_watch(), [0, 0, 0, 0, 2, 8, 3]);
    }

    #[test]
    fn a_list_is_a_map_on_the_wire() {
        let services = [(String::new(), Verdict::Pass), ("a".to_owned(), Verdict::Fail)];
        assert_eq!(
            list_answer(services.into_iter()),
            [0, 0, 0, 0, 15, 10, 4, 18, 2, 8, 1, 10, 7, 10, 1, b'a', 18, 2, 8, 2]
        );
    }
}
