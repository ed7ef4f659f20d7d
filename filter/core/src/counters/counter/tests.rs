//! What a request that is over adds to the counters.

use super::*;
use crate::base::environment::Environment;
use crate::http::fake::FakeRequest;
use crate::http::request::{RequestHead, ResponseHead};
use crate::policy::Policy;
use std::borrow::Cow;
use std::cell::RefCell;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The headers of a message, and what was asked of them.
struct Head(FakeRequest, RefCell<Vec<String>>);

impl Head {
    fn note(&self, what: &str) {
        self.1.borrow_mut().push(what.to_owned());
    }
}

impl RequestHead for Head {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.note(name);
        self.0.header(name)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.note(&format!("all of {name}"));
        self.0.header_values(name)
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        None
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.note("the cluster");
        self.0.cluster()
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        None
    }

    fn marks(&self) -> Option<Vec<u8>> {
        None
    }
}

impl ResponseHead for Head {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        RequestHead::header(self, name).map(Cow::into_owned)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        RequestHead::header_values(self, name)
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        None
    }
}

/// A request that is over.
struct CompletedStream {
    request: Head,
    response: Head,
    grpc_status: Option<u32>,
    route: &'static str,
    duration: Option<u64>,
    bytes: [Option<u64>; 2],
    numbers_read: RefCell<usize>,
}

impl CompletedStream {
    fn new(request: FakeRequest) -> Self {
        Self {
            request: Head(request, RefCell::default()),
            response: Head(FakeRequest(Vec::new()), RefCell::default()),
            grpc_status: None,
            route: "",
            duration: None,
            bytes: [None; 2],
            numbers_read: RefCell::default(),
        }
    }

    fn answered(mut self, status: &str) -> Self {
        self.response.0.0.push((":status", status.into()));
        self
    }

    fn saying(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.response.0.0.push((name, value.into()));
        self
    }

    fn number(&self, number: Option<u64>) -> Option<u64> {
        *self.numbers_read.borrow_mut() += 1;
        number
    }
}

impl Ending for CompletedStream {
    fn request(&self) -> &impl RequestHead {
        &self.request
    }

    fn response(&self) -> &impl ResponseHead {
        &self.response
    }

    fn grpc_status(&self) -> Option<u32> {
        self.response.note("the gRPC status");
        self.grpc_status
    }

    fn route(&self) -> Option<Vec<u8>> {
        Some(self.route.into())
    }

    fn duration(&self) -> Option<u64> {
        self.number(self.duration)
    }

    fn request_bytes(&self) -> Option<u64> {
        self.number(self.bytes[0])
    }

    fn response_bytes(&self) -> Option<u64> {
        self.number(self.bytes[1])
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None // Nothing is counted by it.
    }

    fn is_mtls(&self) -> bool {
        false
    }
}

fn policy(counters: &str) -> Policy {
    let json = format!(r#"{{"counters":[{counters}],"probes":[]}}"#);
    Policy::from_bytes(json.as_bytes(), &Environment::default()).unwrap()
}

/// What a request adds, by the names of the series.
fn counted(policy: &Policy, over: &CompletedStream) -> Vec<(String, u64)> {
    policy.counted(&Completed::new(over, None)).map(|it| policy.series_of(it)).collect()
}

fn counts(when: &str, over: &CompletedStream) -> bool {
    !counted(&policy(&format!(r#"{{"name":"c","when":{when}}}"#)), over).is_empty()
}

/// What one counter records, by its further keys.
fn value(keys: &str, over: &CompletedStream) -> Option<u64> {
    let policy = policy(&format!(r#"{{"name":"c","when":{{}},{keys}}}"#));
    counted(&policy, over).first().map(|(_, value)| *value)
}

fn post(path: &str) -> FakeRequest {
    FakeRequest::new("POST", path)
}

const PAYMENT: &str = r#"{"request":{"headers":[{"name":"X-Payment-Id","present":true}]},
                          "response":{"status":["200","3xx"]}}"#;

#[test]
fn a_counter_counts_when_every_condition_holds() {
    let payment =
        |status| CompletedStream::new(post("/pay").with("x-payment-id", "p-1")).answered(status);
    assert!(counts(PAYMENT, &payment("200")));
    assert!(counts(PAYMENT, &payment("302")));
    assert!(!counts(PAYMENT, &payment("201")));
    assert!(!counts(PAYMENT, &payment("500")));
    assert!(!counts(PAYMENT, &CompletedStream::new(post("/pay")).answered("200")));
}

#[test]
fn a_request_without_an_answer_has_no_status_to_match() {
    let payment = CompletedStream::new(post("/pay").with("x-payment-id", "p-1"));
    assert!(!counts(PAYMENT, &payment));
    assert!(counts(
        r#"{"request":{"headers":[{"name":"x-payment-id","present":true}]}}"#,
        &payment
    ));
}

#[test]
fn methods_and_paths_are_compared_as_those_of_probes_are() {
    let exact = r#"{"request":{"methods":["POST","PUT"],"path":"/pay"}}"#;
    assert!(counts(exact, &CompletedStream::new(post("/pay?order=1"))));
    assert!(counts(exact, &CompletedStream::new(FakeRequest::new("PUT", "/pay"))));
    for (method, path) in [("GET", "/pay"), ("POST", "/pay/1"), ("POST", "/PAY"), ("POST", "/")] {
        assert!(
            !counts(exact, &CompletedStream::new(FakeRequest::new(method, path))),
            "{method} {path}"
        );
    }
    let below = r#"{"request":{"path_prefix":"/pay/"}}"#;
    for (path, is_below) in [("/pay", true), ("/pay/1?x=/pa", true), ("/payments", false)] {
        assert_eq!(counts(below, &CompletedStream::new(post(path))), is_below, "{path}");
    }
}

#[test]
fn a_path_is_compared_as_the_request_came() {
    let when = r#"{"name":"c","when":{"request":{"path":"/pay"}}}"#;
    let below = r#"{"name":"d","when":{"request":{"path_prefix":"/orders/of"}}}"#;
    let policy = policy(&[when, below].join(","));
    let forged = "x-envoy-original-path";
    for (came, names) in [
        ("/pay?order=1", &["c"][..]),
        ("/other", &[]),
        ("/orders/of/me/and/everyone/else", &["d"]),
        ("/orders/offer", &[]),
    ] {
        let kept = policy.path_to_keep(&post(came));
        let over = CompletedStream::new(post("/rewritten").with(forged, "/pay"));
        let completed = Completed::new(&over, kept);
        let counted = policy.counted(&completed);
        let counted: Vec<_> = counted.map(|it| policy.series_of(it).0).collect();
        assert_eq!(counted, names, "{came}");
    }
}

#[test]
fn a_request_that_was_over_before_it_came_has_the_path_that_it_has() {
    let forged = post("/other").with("x-envoy-original-path", "/pay");
    assert!(!counts(r#"{"request":{"path":"/pay"}}"#, &CompletedStream::new(forged)));
    assert!(counts(r#"{"request":{"path":"/other"}}"#, &CompletedStream::new(post("/other"))));
}

#[test]
fn of_a_path_no_more_is_kept_than_counters_ask_for() {
    let policy = policy(r#"{"name":"c","when":{"request":{"path_prefix":"/pay"}}}"#);
    let kept = policy.path_to_keep(&post(&format!("/pay/{}", "x".repeat(8_000))));
    assert_eq!(kept.as_deref(), Some(&b"/pay/"[..]));
    assert_eq!(self::policy(r#"{"name":"c","when":{}}"#).path_to_keep(&post("/pay")), None);
}

#[test]
fn a_request_without_method_or_path_fulfils_no_condition_on_them() {
    let nothing = || CompletedStream::new(FakeRequest(Vec::new()));
    assert!(!counts(r#"{"request":{"methods":["GET"]}}"#, &nothing()));
    assert!(!counts(r#"{"request":{"path_prefix":"/pay"}}"#, &nothing()));
    assert!(counts("{}", &nothing()));
}

#[test]
fn headers_of_the_response_are_matched_like_those_of_the_request() {
    let when = r#"{"response":{"headers":[{"name":"X-Paid","exact":"yes"}]}}"#;
    let over = || CompletedStream::new(post("/pay").with("x-paid", "yes")).answered("200");
    assert!(!counts(when, &over()), "it is the request's");
    assert!(counts(when, &over().saying("x-paid", "yes")));
    assert!(counts(when, &over().saying("x-paid", "no").saying("x-paid", "yes")));
    let not = r#"{"response":{"headers":[{"name":"x-paid","exact":"yes","not":true}]}}"#;
    assert!(counts(not, &over()));
}

#[test]
fn a_grpc_status_is_matched_by_its_name() {
    let when = r#"{"response":{"grpc_status":["OK","UNAVAILABLE"]}}"#;
    for (status, matches) in
        [(Some(0), true), (Some(14), true), (Some(2), false), (Some(99), false), (None, false)]
    {
        let over = CompletedStream {
            grpc_status: status,
            ..CompletedStream::new(post("/shop.Orders/Place"))
        };
        assert_eq!(counts(when, &over), matches, "{status:?}");
    }
}

const ORDERS: &str = r#"{"name":"c","when":{},"labels":{
    "order_type":{"request_header":"x-order-type","values":["retail","wholesale"]},
    "tier":{"response_header":"x-tier","values":["gold"]},
    "cluster":{"attribute":"xds.cluster_name","values":["outbound|80||app"]},
    "route":{"attribute":"xds.route_name","values":["pay"]}}}"#;

#[test]
fn every_series_exists_from_the_start_and_is_found_by_its_labels() {
    let policy = policy(&format!(r#"{{"name":"before","when":{{}}}},{ORDERS}"#));
    let names: Vec<_> = policy.metrics().iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.ends_with(";.;c")).count(), 3 * 2 * 2 * 2);
    for order_type in ["retail", "wholesale", "other"] {
        for tier in ["gold", "other"] {
            for cluster in ["outbound|80||app", "other"] {
                for route in ["pay", "other"] {
                    let series = format!(
                        "order_type=.={order_type};.;tier=.={tier};.;cluster=.={cluster};.;route=.={route};.;c"
                    );
                    assert!(names.contains(&series.as_str()), "{series}");
                    let request =
                        post("/pay").with("x-order-type", order_type).with("cluster", cluster);
                    let over = CompletedStream {
                        route,
                        ..CompletedStream::new(request).saying("x-tier", tier)
                    };
                    let before = ("before".to_owned(), 1);
                    assert_eq!(counted(&policy, &over), [before, (series, 1)]);
                }
            }
        }
    }
}

#[test]
fn a_value_that_is_not_listed_is_other() {
    let series =
        |request: FakeRequest| counted(&policy(ORDERS), &CompletedStream::new(request)).remove(0).0;
    for value in [&b"Retail"[..], b"retail ", b"", b"retail\xff", b"retail;.;", b"other"] {
        let named = series(post("/pay").with("x-order-type", value));
        assert!(named.starts_with("order_type=.=other;.;"), "{value:?}");
    }
    assert!(series(post("/pay")).starts_with("order_type=.=other;.;"));
    let repeated = post("/pay").with("x-order-type", "retail").with("x-order-type", "wholesale");
    assert!(series(repeated).starts_with("order_type=.=retail;.;"), "the first one");
}

#[test]
fn methods_and_classes_of_statuses_divide_a_counter() {
    let policy = policy(
        r#"{"name":"c","when":{},"labels":{
            "method":{"attribute":"request.method","values":["GET","POST"]},
            "code_class":{"attribute":"response.code_class","values":["2xx","5xx"]}}}"#,
    );
    for (method, status, series) in [
        ("GET", "204", "method=.=GET;.;code_class=.=2xx;.;c"),
        ("POST", "503", "method=.=POST;.;code_class=.=5xx;.;c"),
        ("PUT", "404", "method=.=other;.;code_class=.=other;.;c"),
    ] {
        let over = CompletedStream::new(FakeRequest::new(method, "/pay")).answered(status);
        assert_eq!(counted(&policy, &over), [(series.to_owned(), 1)]);
    }
    let unanswered = CompletedStream::new(post("/pay"));
    assert_eq!(counted(&policy, &unanswered)[0].0, "method=.=POST;.;code_class=.=other;.;c");
}

#[test]
fn host_is_the_authority() {
    let over = || CompletedStream::new(post("/pay").with(":authority", "shop.example.com"));
    for name in ["host", "Host", ":authority"] {
        let condition =
            |more: &str| format!(r#"{{"request":{{"headers":[{{"name":"{name}",{more}}}]}}}}"#);
        assert!(counts(&condition(r#""exact":"shop.example.com""#), &over()), "{name}");
        assert!(!counts(&condition(r#""present":true,"not":true"#), &over()), "{name}");
    }
}

#[test]
fn a_value_is_a_duration_a_size_or_a_header() {
    let over = || {
        CompletedStream {
            duration: Some(12_500_000),
            bytes: [Some(3), Some(0)],
            ..CompletedStream::new(post("/pay"))
        }
        .saying("x-amount", "12.5")
    };
    for (source, expected) in [
        (r#""duration_ms""#, Some(13)),
        (r#""request_bytes""#, Some(3)),
        (r#"{"response_header":"X-Amount"}"#, Some(13)),
        (r#"{"response_header":"x-none"}"#, None),
    ] {
        for kind in ["counter", "gauge", "histogram"] {
            let keys = format!(r#""type":"{kind}","value":{source}"#);
            assert_eq!(value(&keys, &over()), expected, "{keys}");
        }
    }
}

#[test]
fn nothing_is_recorded_of_zero_on_a_counter_alone() {
    let over = || CompletedStream { bytes: [None, Some(0)], ..CompletedStream::new(post("/pay")) };
    for (kind, expected) in [("counter", None), ("gauge", Some(0)), ("histogram", Some(0))] {
        let keys = format!(r#""type":"{kind}","value":"response_bytes""#);
        assert_eq!(value(&keys, &over()), expected, "{kind}");
    }
}

#[test]
fn what_is_no_number_or_beyond_exactness_is_not_recorded() {
    let keys = r#""type":"gauge","value":{"response_header":"x-amount"}"#;
    let over = |amount: &[u8]| CompletedStream::new(post("/pay")).saying("x-amount", amount);
    for amount in [&b"many"[..], b"-1", b"\xff", b"", b"9007199254740993", b"18446744073709551616"]
    {
        assert_eq!(value(keys, &over(amount)), None, "{amount:?}");
    }
    assert_eq!(value(keys, &over(b"9007199254740992")), Some(1 << 53));
}

#[test]
fn every_fact_is_read_once_for_all_counters() {
    let counter = |name: &str| {
        format!(
            r#"{{"name":"{name}","type":"histogram","value":"duration_ms",
                 "when":{{"request":{{"methods":["POST"],"path":"/pay",
                                      "headers":[{{"name":"x-a","exact":"2"}}]}},
                          "response":{{"status":["200"],"grpc_status":["OK"]}}}},
                 "labels":{{"cluster":{{"attribute":"xds.cluster_name","values":["app"]}},
                            "a":{{"request_header":"x-a","values":["1"]}}}}}}"#
        )
    };
    let policy = policy(&[counter("a"), counter("b"), counter("c")].join(","));
    let request = post("/pay").with("x-a", "1").with("x-a", "2");
    let over = CompletedStream {
        grpc_status: Some(0),
        duration: Some(1),
        ..CompletedStream::new(request)
    };
    let over = over.answered("200");
    assert_eq!(counted(&policy, &over).len(), 3);
    let asked = ["x-a", "all of x-a", ":method", ":path", "the cluster"];
    assert_eq!(*over.request.1.borrow(), asked);
    assert_eq!(*over.response.1.borrow(), [":status", "the gRPC status"]);
    assert_eq!(*over.numbers_read.borrow(), 1);
}

#[test]
fn a_request_that_lacks_a_header_costs_that_one_look() {
    let counters = [("total", "{}"), ("success", r#"{"status":["200"]}"#)].map(|(name, response)| {
        let response = if response == "{}" { String::new() } else { format!(r#","response":{response}"#) };
        format!(
            r#"{{"name":"{name}","when":{{"request":{{"methods":["POST"],"path":"/pay",
                "headers":[{{"name":"x-payment-id","present":true}}]}}{response}}},
                "labels":{{"order_type":{{"request_header":"x-order-type","values":["retail"]}}}}}}"#
        )
    });
    let over = CompletedStream::new(FakeRequest::new("GET", "/orders/1")).answered("200");
    assert_eq!(counted(&policy(&counters.join(",")), &over), []);
    assert_eq!(*over.request.1.borrow(), ["x-payment-id"]);
    assert_eq!(*over.response.1.borrow(), [""; 0]);
}
