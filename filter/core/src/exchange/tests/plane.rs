//! Calls of gRPC that the proxy answers, by way of the responder.

use super::*;
use crate::grpc::{ServingStatus, check_answer, list_answer};
use crate::headers::RESPONDER;
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
        exchange.on_response_headers(&head, &self.store, self.now, false);
        match exchange.on_response_body(Vec::new, &self.store, self.now, true) {
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
    for method in ["Check", "Watch"] {
        for service in ["orders", "shop.cart", ""] {
            let said = proxy.said(method, service);
            assert_eq!(said, check_answer(ServingStatus::Serving), "{method} of {service:?}");
        }
    }
}

#[test]
fn a_service_that_nobody_knows_is_not_found_and_unknown_to_a_watch() {
    let mut proxy =
        Proxy::with_responder(r#""match":{"grpc":{"services":["orders","*"]}},"action":"respond""#);
    let Decision::Reply(reply) = proxy.called("Check", "cart").1 else { panic!() };
    assert_eq!((reply.grpc_status, reply.details), (Some(5), "heartbeat_respond_unknown"));
    assert_eq!(proxy.said("Watch", "cart"), check_answer(ServingStatus::ServiceUnknown));
    assert_eq!(proxy.said("Watch", "orders"), check_answer(ServingStatus::Serving));
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
    exchange.on_response_headers(&begun(), &proxy.store, NOW, false);
    let serving = check_answer(ServingStatus::Serving);
    exchange.on_response_body(|| serving.clone(), &proxy.store, NOW, false);
    exchange.on_response_trailers(&proxy.store, NOW, || Some(b"0".into()));
    assert!(proxy.is_kept("cart"));
    assert_eq!(proxy.said("Check", "cart"), serving);
    assert!(!proxy.is_kept("orders"));
}

#[test]
fn a_call_that_ends_without_a_status_is_kept_for_nobody() {
    let mut proxy = Proxy::with_responder(CACHED_CALLS);
    let (mut exchange, _) = proxy.called("Check", "cart");
    exchange.on_response_headers(&begun(), &proxy.store, NOW, false);
    let serving = check_answer(ServingStatus::Serving);
    exchange.on_response_body(|| serving, &proxy.store, NOW, true);
    assert_eq!(proxy.ends(&mut exchange, None), "error");
    assert!(!proxy.is_kept("cart"));

    let (mut exchange, _) = proxy.called("Check", "orders");
    exchange.on_response_headers(&begun(), &proxy.store, NOW, false);
    exchange.on_response_trailers(&proxy.store, NOW, || None);
    assert_eq!(proxy.ends(&mut exchange, None), "error");
    assert!(!proxy.is_kept("orders"));
}

#[test]
fn an_answer_with_a_status_in_its_head_and_a_body_is_kept_for_nobody() {
    let mut proxy = Proxy::with_responder(CACHED_CALLS);
    let (mut exchange, _) = proxy.called("Check", "cart");
    let head = begun().with("grpc-status", "0");
    exchange.on_response_headers(&head, &proxy.store, NOW, false);
    let serving = check_answer(ServingStatus::Serving);
    exchange.on_response_body(|| serving, &proxy.store, NOW, false);
    exchange.on_response_trailers(&proxy.store, NOW, || Some(b"0".into()));
    assert!(!proxy.is_kept("cart"));
}
