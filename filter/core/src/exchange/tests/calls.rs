//! Calls of gRPC, whose message says what they ask for.

use super::*;
use crate::exchange::decision::Decision;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];
const NOT_SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 2];

/// The body of a call for a service.
fn message(service: &str) -> Vec<u8> {
    crate::grpc::framed(&crate::grpc::request(service))
}

impl Proxy {
    /// A call arrives, and then its message.
    pub(super) fn called(&mut self, method: &str, service: &str) -> (Exchange, Decision) {
        self.probes += 1;
        let request = FakeRequest::grpc(method).with("cluster", "app");
        let matched = self.policy.match_request(&request).unwrap();
        let mut exchange = self.policy.exchange(matched, self.probes, self.now);
        if !exchange.wants_message() {
            let decision =
                exchange.on_request_headers(&request, Context::at(&self.store, self.now), false);
            return (exchange, decision);
        }
        exchange.await_message();
        let body = message(service);
        // Not before the call's own end, which a client may put off.
        assert_eq!(
            exchange.on_message(&body, false, &request, Context::at(&self.store, self.now)),
            None
        );
        assert_eq!(
            exchange.on_message(&body[..4], false, &request, Context::at(&self.store, self.now)),
            None
        );
        assert_eq!(exchange.request_body(), RequestBody::Read);
        let decision =
            exchange.on_message(&body, true, &request, Context::at(&self.store, self.now));
        assert!(exchange.request_body() != RequestBody::Read);
        (exchange, decision.unwrap())
    }

    /// The series that counts how the call ended.
    fn answered_call(&mut self, exchange: &mut Exchange, body: &[u8], status: u32) -> String {
        let head = Response::status("200");
        exchange.on_response_headers(&head, Context::at(&self.store, self.now), false);
        exchange.on_response_body(|| body.to_vec(), Context::at(&self.store, self.now), false);
        let trailer = || Some(status.to_string().into());
        exchange.on_response_trailers(Context::at(&self.store, self.now), trailer);
        self.counted(exchange.on_end(&head, Context::at(&self.store, self.now), trailer))
    }
}

fn grpc_status(decision: &Decision) -> Option<u32> {
    match decision {
        Decision::Reply(reply) => reply.grpc_status,
        Decision::Forward(_) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plain_rule_does_not_wait_for_the_message() {
    let mut proxy = Proxy::with_probe(r#""match":{"grpc":{}}"#);
    let (exchange, decision) = proxy.called("Check", "orders");
    assert!(!exchange.wants_message());
    assert!(matches!(decision, Decision::Forward(_)));
}

#[test]
fn the_first_rule_that_takes_the_service_is_chosen() {
    let mut proxy = Proxy::new(
        r#"{"probes":[{"name":"a","match":{"grpc":{"services":["orders",""]}}},
                      {"name":"b","match":{"grpc":{"services":["shop.*"]}}},
                      {"name":"c","match":{"grpc":{"methods":["List"]}}}]}"#,
    );
    let mut chosen = |method: &str, service: &str| match proxy.called(method, service).1 {
        Decision::Forward(edits) => {
            let set = edits.set.iter().find(|(name, _)| *name == "x-heartbeat-probe");
            set.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap()
        }
        other => format!("{other:?}"),
    };
    assert_eq!(chosen("Check", "orders"), "a");
    assert_eq!(chosen("Watch", ""), "a");
    assert_eq!(chosen("Check", "shop.cart"), "b");
    assert_eq!(chosen("Check", "shop"), "NotAProbe");
    assert_eq!(chosen("List", ""), "c", "a List is for rules that take all services");
}

#[test]
fn a_call_whose_message_cant_be_read_in_time_gets_the_first_rule_for_all() {
    let mut proxy = Proxy::new(
        r#"{"probes":[{"name":"a","match":{"grpc":{"services":["orders"]}}},
                      {"name":"b","match":{"grpc":{}},"breaker":{"failures":1}}]}"#,
    );
    let request = FakeRequest::grpc("Check").with("cluster", "app");
    let matched = proxy.policy.match_request(&request).unwrap();
    let mut exchange = proxy.policy.exchange(matched, 1, proxy.now);
    assert!(exchange.wants_message());
    let decision = exchange.without_message(&request, Context::at(&proxy.store, proxy.now));
    assert!(matches!(decision, Decision::Forward(_)));
    let counted = proxy.answered_call(&mut exchange, &NOT_SERVING, 0);
    assert!(counted.contains("probe=.=b;"), "{counted}");
}

#[test]
fn a_breaker_counts_the_failures_of_each_service() {
    let mut proxy =
        Proxy::with_probe(r#""match":{"grpc":{}},"breaker":{"failures":2,"open_for":"5s"}"#);
    for _ in 0..2 {
        let (mut exchange, decision) = proxy.called("Check", "cart");
        assert_eq!(grpc_status(&decision), None);
        proxy.answered_call(&mut exchange, &NOT_SERVING, 0);
    }
    assert_eq!(grpc_status(&proxy.called("Check", "cart").1), Some(14));
    assert_eq!(grpc_status(&proxy.called("Check", "orders").1), None);
    proxy.now = proxy.now + 5 * SECOND;
    let (mut trial, decision) = proxy.called("Check", "cart");
    assert_eq!(grpc_status(&decision), None);
    assert_eq!(grpc_status(&proxy.called("Check", "cart").1), Some(14), "half-open");
    proxy.answered_call(&mut trial, &SERVING, 0);
    assert_eq!(grpc_status(&proxy.called("Check", "cart").1), None);
}

#[test]
fn what_is_the_callers_fault_opens_no_breaker() {
    let mut proxy = Proxy::with_probe(r#""match":{"grpc":{}},"breaker":{"failures":1}"#);
    for status in [3, 5, 7, 12, 16] {
        let (mut exchange, _) = proxy.called("Check", "x");
        proxy.answered_call(&mut exchange, &[], status);
        assert_eq!(grpc_status(&proxy.called("Check", "x").1), None, "{status}");
    }
    let (mut exchange, _) = proxy.called("Check", "x");
    proxy.answered_call(&mut exchange, &[], 13);
    assert_eq!(grpc_status(&proxy.called("Check", "x").1), Some(14));
}

#[test]
fn a_limit_counts_each_service_that_it_names_and_the_others_together() {
    let mut proxy =
        Proxy::with_probe(r#""match":{"grpc":{"services":["orders","*"]}},"limit":{"rate":"1/m"}"#);
    let mut limited = |service: &str| grpc_status(&proxy.called("Check", service).1);
    assert_eq!(limited("orders"), None);
    assert_eq!(limited("a"), None);
    assert_eq!(limited("b"), Some(8), "an outsider can't get a bucket by inventing names");
    assert_eq!(limited("orders"), Some(8));
}
