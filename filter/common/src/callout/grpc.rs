//! Calls of `grpc.health.v1.Health`.
//!
//! A Check is an HTTP call like any other, so that all that Envoy says of those
//! is known of it too. Only a Watch needs a gRPC stream of Envoy's.

use super::{CallAnswer, CheckResponse, TIMEOUT, own_words};
use crate::grpc::{Frame, FrameReader, ServingStatus, code, is_grpc, parse_status, request};
use crate::http::headers::{CONTENT_TYPE, GRPC_MESSAGE, GRPC_STATUS, UPSTREAM_SERVICE_TIME};

/// A Watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchCall {
    /// Where to, as Envoy's `GrpcService`. Envoy would take a cluster's bare name too,
    /// but only one that isn't protocol buffers by accident, and make it the authority.
    /// <https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/grpc_service.proto>
    pub upstream: Vec<u8>,
    /// The HealthCheckRequest.
    pub message: Vec<u8>,
}

/// Tells a stream from all others of its VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamToken(pub u32);

impl WatchCall {
    /// A Watch of a service, through a cluster and with an `:authority`.
    pub fn new(cluster: &str, authority: &str, service: &str) -> Self {
        const ENVOY_GRPC: u8 = 1;
        const CLUSTER_NAME: u8 = 1;
        const AUTHORITY: u8 = 2;
        let mut envoy_grpc = field(CLUSTER_NAME, cluster.as_bytes());
        envoy_grpc.extend_from_slice(&field(AUTHORITY, authority.as_bytes()));
        Self { upstream: field(ENVOY_GRPC, &envoy_grpc), message: request(service) }
    }
}

/// A field of bytes in protocol buffers, below 16 KiB: its length always takes two bytes.
/// <https://protobuf.dev/programming-guides/encoding/#length-types>
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    const BYTES: u8 = 2;
    let size = bytes.len();
    let mut field = vec![number << 3 | BYTES, (size & 0x7f) as u8 | 0x80, (size >> 7 & 0x7f) as u8];
    field.extend_from_slice(bytes);
    field
}

impl CheckResponse {
    pub(super) fn of_check(answer: &impl CallAnswer, http: u16, service: &str) -> Self {
        let status = answer.trailer(GRPC_STATUS).or_else(|| answer.header(GRPC_STATUS));
        if answer.header(UPSTREAM_SERVICE_TIME).is_none() {
            let message = answer.header(GRPC_MESSAGE).unwrap_or_else(|| answer.body());
            match own_words(&message) {
                Some(reason) if reason == TIMEOUT => return Self::Timeout,
                Some(reason) => return Self::Nothing(reason),
                None => {}
            }
        }
        let spoken = answer.header(CONTENT_TYPE).is_some_and(|it| is_grpc(&it));
        let reason = match (http, spoken, status.as_deref().and_then(parse_status)) {
            (200, true, Some(code::OK)) => match read_message(&answer.body()) {
                Ok(health) => return Self::Health(health),
                Err(reason) => reason.to_owned(),
            },
            (200, true, Some(code::NOT_FOUND)) => format!("the service {service:?} is unknown"),
            (200, true, Some(code::UNIMPLEMENTED)) => "has no grpc.health.v1.Health".to_owned(),
            (200, true, Some(code)) => format!("the call ended with {}", code::name(code)),
            (200, true, None) => "the call ended without a status".to_owned(),
            _ => format!("answered {http} without gRPC"),
        };
        Self::Unclear(reason)
    }
}

/// Reads the body of an answer, which must be one message.
fn read_message(body: &[u8]) -> Result<ServingStatus, &'static str> {
    let mut found = None;
    FrameReader::default().feed(body, |frame| found = Some(frame));
    match found {
        None => Err("answered without a whole message"),
        Some(Frame::Unreadable) => Err("its message is compressed or too long"),
        Some(Frame::Message(bytes)) => ServingStatus::read(&bytes).ok_or(UNREADABLE),
    }
}

/// Of a message that isn't a HealthCheckResponse.
pub const UNREADABLE: &str = "its message isn't a HealthCheckResponse";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::ResponseHead;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Default)]
    struct Answer {
        status: &'static str,
        content_type: &'static str,
        grpc_status: &'static str,
        body: &'static [u8],
        trailers_only: bool,
        envoys: &'static str,
    }

    impl ResponseHead for Answer {
        fn header(&self, name: &str) -> Option<Vec<u8>> {
            let value = match name {
                ":status" => self.status,
                "content-type" => self.content_type,
                "grpc-status" if self.trailers_only => self.grpc_status,
                "grpc-message" => self.envoys,
                "x-envoy-upstream-service-time" if self.envoys.is_empty() => "1",
                _ => "",
            };
            (!value.is_empty()).then(|| value.into())
        }

        fn code_details(&self) -> Option<Vec<u8>> {
            None
        }
    }

    impl CallAnswer for Answer {
        fn body_size(&self) -> usize {
            self.body.len()
        }

        fn body(&self) -> Vec<u8> {
            self.body.into()
        }

        fn trailer(&self, name: &str) -> Option<Vec<u8>> {
            let there = name == GRPC_STATUS && !self.trailers_only && !self.grpc_status.is_empty();
            there.then(|| self.grpc_status.into())
        }
    }

    fn answer(grpc_status: &'static str, body: &'static [u8]) -> Answer {
        let content_type = "application/grpc";
        Answer { status: "200", content_type, grpc_status, body, ..Answer::default() }
    }

    fn response(answer: Answer) -> CheckResponse {
        CheckResponse::read(&answer, Some("orders"))
    }

    fn reason(answer: Answer) -> String {
        match response(answer) {
            CheckResponse::Nothing(reason) | CheckResponse::Unclear(reason) => reason,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_a_service_says_of_itself_is_heard() {
        let serving = response(answer("0", &[0, 0, 0, 0, 2, 8, 1]));
        assert_eq!(serving, CheckResponse::Health(ServingStatus::Serving));
        let not_serving = response(answer("0", &[0, 0, 0, 0, 2, 8, 2]));
        assert_eq!(not_serving, CheckResponse::Health(ServingStatus::NotServing));
    }

    #[test]
    fn each_way_to_say_nothing_has_its_own_words() {
        let only = |status| Answer { trailers_only: true, ..answer(status, &[]) };
        assert_eq!(reason(only("5")), "the service \"orders\" is unknown");
        assert_eq!(reason(only("12")), "has no grpc.health.v1.Health");
        assert_eq!(reason(answer("4", &[])), "the call ended with DEADLINE_EXCEEDED");
        assert_eq!(reason(answer("99", &[])), "the call ended with an unknown status");
        assert_eq!(reason(answer("", &[0, 0, 0, 0, 0])), "the call ended without a status");
        assert_eq!(reason(answer("0", &[])), "answered without a whole message");
        assert_eq!(reason(answer("0", &[0, 0, 0, 0, 2, 8])), "answered without a whole message");
        assert_eq!(reason(answer("0", &[0, 0, 0, 0, 2, 8, 0xff])), UNREADABLE);
        let compressed = &[1, 0, 0, 0, 2, 8, 1];
        assert_eq!(reason(answer("0", compressed)), "its message is compressed or too long");
        let http = Answer { status: "404", body: b"not found", ..Answer::default() };
        assert_eq!(reason(http), "answered 404 without gRPC");
        let http = Answer { status: "200", body: b"ok", ..Answer::default() };
        assert_eq!(reason(http), "answered 200 without gRPC");
        assert_eq!(reason(Answer::default()), "Envoy reset the call");
    }

    #[test]
    fn envoys_own_answers_are_told_from_the_services() {
        let own = |envoys| Answer { envoys, trailers_only: true, ..answer("14", &[]) };
        let refused = "upstream connect error or disconnect/reset before headers. reset reason: \
                       remote connection failure, transport failure reason: delayed connect \
                       error: Connection refused";
        assert_eq!(reason(own(refused)), "connection refused");
        assert_eq!(reason(own("no healthy upstream")), "the cluster has no healthy host");
        assert_eq!(response(own("upstream request timeout")), CheckResponse::Timeout);
    }

    #[test]
    fn a_watch_names_its_cluster_in_protocol_buffers() {
        let call = WatchCall::new("app", "app.example", "");
        let named = b"\x0a\x94\0\x0a\x83\0app\x12\x8b\0app.example";
        assert_eq!(call.upstream, named);
        let long = WatchCall::new(&"c".repeat(200), "localhost", "").upstream;
        assert_eq!(long.get(..6), Some(&[10, 0xd7, 1, 10, 0xc8, 1][..]));
    }
}
