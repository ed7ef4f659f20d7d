//! Calls of gRPC that the proxy answers, by way of the responder.

use super::*;
use crate::exchange::decision::Decision;
use crate::grpc::{ServingStatus, check_answer, list_answer};
use crate::http::headers::RESPONDER;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

impl Proxy {
    /// With a responder, and one probe for calls.
    fn with_responder(more: &str) -> Self {
        Self::new(&format!(
            r#"{{"probes":[{{"name":"p",{more}}}],"grpc_replies":{{"path":"/replies"}}}}"#
        ))
    }

    /// The messages that the proxy answers a call with.
    fn said(&mut self, method: &str, service: &str) -> Vec<u8> {
        let (mut exchange, decision) = self.called(method, service);
        let Decision::Forward(edits) = decision else { panic!("{decision:?}") };
        assert_eq!(value(&edits, ":path"), Some("/replies"));
        let head = Response::status("200").with(RESPONDER, "1");
        exchange.on_response_headers(&head, Context::at(&self.store, self.now), false);
        match exchange.on_response_body(Vec::new, Context::at(&self.store, self.now), true) {
            BodyEdit::End(body, 0) => body,
            other => panic!("{other:?}"),
        }
    }

    fn is_kept(&mut self, service: &str) -> bool {
        match self.called("Check", service).1 {
            Decision::Forward(edits) => value(&edits, ":path") == Some("/replies"),
            other => panic!("{other:?}"),
        }
    }
}

/// The head of an answer of gRPC.
fn begun() -> Response {
    Response::status("200").with("content-type", "application/grpc").with("cluster", "app")
}

const RESPOND: &str = r#""match":{"grpc":{"services":["orders","shop.*",""]}},"action":"respond""#;
const CACHED_CALLS: &str = r#""match":{"grpc":{}},"action":"cache""#;

#[test]
fn a_service_that_the_rule_is_for_is_as_well_as_its_evidence() {
    let mut proxy = Proxy::with_responder(RESPOND);
    for service in ["orders", "shop.cart", ""] {
        assert_eq!(
            proxy.said("Check", service),
            check_answer(ServingStatus::Serving),
            "{service:?}"
        );
    }
}

#[test]
fn a_watch_that_cannot_be_held_open_is_not_begun() {
    let mut proxy = Proxy::with_responder(RESPOND);
    let Decision::Reply(reply) = proxy.called("Watch", "orders").1 else { panic!() };
    assert_eq!((reply.status, reply.grpc_status), (501, Some(12)));
    assert!(matches!(
        Proxy::with_responder(CACHED_CALLS).called("Watch", "orders").1,
        Decision::Forward(_)
    ));
}

#[test]
fn a_client_behind_a_transcoder_gets_the_status_in_the_head_and_no_trailers() {
    let call = |method: &str| FakeRequest::grpc(method).with("te", "trailers");
    let http1 = FakeRequest::grpc("Check").with("protocol", "HTTP/1.1");
    let transcoded = call("Check").with("x-envoy-original-method", "POST");
    let web = call("Check").with("protocol", "HTTP/1.1");
    for (request, bridged) in
        [(http1, true), (transcoded, true), (web, false), (call("Check"), false)]
    {
        let mut proxy =
            Proxy::new(r#"{"probes":[{"name":"p","match":{"grpc":{}},"via_http":"/h"}]}"#);
        let (mut exchange, _) = proxy.forwards(&request);
        let edits = exchange.on_response_headers(
            &Response::status("200"),
            Context::at(&proxy.store, NOW),
            false,
        );
        assert_eq!(value(&edits, "grpc-status"), bridged.then_some("0"));
        let ends = exchange.on_response_body(Vec::new, Context::at(&proxy.store, NOW), true);
        assert_eq!(matches!(ends, BodyEdit::Replace(_)), bridged, "{ends:?}");
        assert_eq!(exchange.take_signals().log.len(), usize::from(bridged));
    }
}

#[test]
fn a_service_that_nobody_knows_is_not_found() {
    let mut proxy =
        Proxy::with_responder(r#""match":{"grpc":{"services":["orders","*"]}},"action":"respond""#);
    let Decision::Reply(reply) = proxy.called("Check", "cart").1 else { panic!() };
    assert_eq!((reply.grpc_status, reply.details), (Some(5), "heartbeat_respond_unknown"));
}

#[test]
fn a_list_names_the_services_whose_names_are_known() {
    let mut proxy = Proxy::with_responder(
        r#""match":{"grpc":{"services":["orders","shop.*","*"]}},"action":"respond""#,
    );
    let known = ["orders", ""].map(|name| (name.to_owned(), ServingStatus::Serving));
    assert_eq!(proxy.said("List", ""), list_answer(known.into_iter()));
}

#[test]
fn the_answer_to_a_call_is_kept_with_its_status() {
    let mut proxy = Proxy::with_responder(CACHED_CALLS);
    let (mut exchange, _) = proxy.called("Check", "cart");
    exchange.on_response_headers(&begun(), Context::at(&proxy.store, NOW), false);
    let serving = check_answer(ServingStatus::Serving);
    exchange.on_response_body(|| serving.clone(), Context::at(&proxy.store, NOW), false);
    exchange.on_response_trailers(Context::at(&proxy.store, NOW), || Some(b"0".into()));
    assert!(proxy.is_kept("cart"));
    assert_eq!(proxy.said("Check", "cart"), serving);
    assert!(!proxy.is_kept("orders"));
}

#[test]
fn a_call_that_ends_without_a_status_is_kept_for_nobody() {
    let mut proxy = Proxy::with_responder(CACHED_CALLS);
    let (mut exchange, _) = proxy.called("Check", "cart");
    exchange.on_response_headers(&begun(), Context::at(&proxy.store, NOW), false);
    let serving = check_answer(ServingStatus::Serving);
    exchange.on_response_body(|| serving, Context::at(&proxy.store, NOW), true);
    assert_eq!(proxy.ends(&mut exchange, None), "error");
    assert!(!proxy.is_kept("cart"));

    let (mut exchange, _) = proxy.called("Check", "orders");
    exchange.on_response_headers(&begun(), Context::at(&proxy.store, NOW), false);
    exchange.on_response_trailers(Context::at(&proxy.store, NOW), || None);
    assert_eq!(proxy.ends(&mut exchange, None), "error");
    assert!(!proxy.is_kept("orders"));
}

#[test]
fn an_answer_with_a_status_in_its_head_and_a_body_is_kept_for_nobody() {
    let mut proxy = Proxy::with_responder(CACHED_CALLS);
    let (mut exchange, _) = proxy.called("Check", "cart");
    let head = begun().with("grpc-status", "0");
    exchange.on_response_headers(&head, Context::at(&proxy.store, NOW), false);
    let serving = check_answer(ServingStatus::Serving);
    exchange.on_response_body(|| serving, Context::at(&proxy.store, NOW), false);
    exchange.on_response_trailers(Context::at(&proxy.store, NOW), || Some(b"0".into()));
    assert!(!proxy.is_kept("cart"));
}
