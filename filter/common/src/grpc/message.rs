//! The messages that the proxy sends.

use super::health::{HealthCheckResponse, ServingStatus, framed};
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

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status as i32 }
}

/// The answer to a Check, and the first of a Watch.
pub fn check_answer(status: ServingStatus) -> Vec<u8> {
    framed(&response(status).encode_to_vec())
}

/// The answer to a List.
pub fn list_answer(services: impl Iterator<Item = (String, ServingStatus)>) -> Vec<u8> {
    let entry = |(key, status)| Entry { key, value: Some(response(status)) };
    framed(&HealthListResponse { statuses: services.map(entry).collect() }.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn an_answer_is_one_message() {
        assert_eq!(check_answer(ServingStatus::Unknown), [0, 0, 0, 0, 0]);
        assert_eq!(check_answer(ServingStatus::Serving), [0, 0, 0, 0, 2, 8, 1]);
        assert_eq!(check_answer(ServingStatus::NotServing), [0, 0, 0, 0, 2, 8, 2]);
        assert_eq!(check_answer(ServingStatus::ServiceUnknown), [0, 0, 0, 0, 2, 8, 3]);
    }

    #[test]
    fn a_list_is_a_map_on_the_wire() {
        let services =
            [(String::new(), ServingStatus::Serving), ("a".to_owned(), ServingStatus::NotServing)];
        assert_eq!(
            list_answer(services.into_iter()),
            [0, 0, 0, 0, 15, 10, 4, 18, 2, 8, 1, 10, 7, 10, 1, b'a', 18, 2, 8, 2]
        );
    }
}
