//! What a probe takes of the state that all workers share is given back, whichever way its
//! stream ends.

use super::*;
use crate::exchange::decision::Decision;
use crate::guards::breaker::Breaker;
use crate::guards::cache::CacheEntry;
use crate::guards::upstream::Upstream;
use crate::state::State;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A probe of this rule takes all that there is.
const CACHED: &str = r#"{"probes":[{"name":"p","match":{"path":"/h"},"action":"cache",
    "cache":{"ttl":"1s"},"breaker":{"failures":1,"open_for":"1s"},"retries":0}]}"#;
/// The proxy asks by itself before it forwards.
const VIA_HTTP: &str = r#"{"probes":[{"name":"p","match":{"grpc":{}},"via_http":"/h",
    "breaker":{"failures":1,"open_for":"1s"}}],"grpc_replies":{"path":"/r"}}"#;

const RESET: &str = "upstream_reset_before_response_started{connection_failure}";

/// How a stream ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Nothing comes back: its client goes away.
    Early,
    /// Envoy goes on with it in another stream, in which nothing comes back either.
    Redirected,
    /// The answer breaks off behind its head.
    BrokenOff,
    /// The application answers with this status.
    Answered(&'static str),
    /// Envoy answers, for this reason.
    Failed(&'static str),
    /// It has gone where the probers' own requests don't go.
    Astray,
}

const ENDS: [End; 12] = [
    End::Early,
    End::Redirected,
    End::BrokenOff,
    End::Answered("200"),
    End::Answered("304"),
    End::Answered("404"),
    End::Answered("500"),
    End::Failed(RESET),
    End::Failed("upstream_reset_before_response_started{connection_termination}"),
    End::Failed("response_timeout"),
    End::Failed("local_rate_limited"),
    End::Astray,
];

/// What a probe can hold.
type Holds = [bool; 3];

fn http() -> FakeRequest {
    let request = get().with("cluster", "c").with("protocol", "HTTP/1.1");
    request.with("user-agent", "kube-probe/1.31").with("x-request-id", "1")
}

fn call() -> FakeRequest {
    FakeRequest::grpc("Check").with("cluster", "c").with(":authority", "app").with("te", "trailers")
}

fn of(cluster: &'static str, status: &'static str) -> Response {
    Response::status(status).with("cluster", cluster).with("transfer-encoding", "chunked")
}

impl Proxy {
    fn cx(&self) -> Context<'_, FakeStore> {
        Context::at(&self.store, self.now)
    }

    /// Whether a probe holds the refresh, the breaker's trial and that of its cluster.
    fn holds(&self, exchange: &Exchange) -> Holds {
        fn leased<S: State + std::fmt::Debug>(cell: &Cell, proxy: &Proxy, token: u64) -> bool {
            let state = format!("{:?}", cell.read::<S>(&proxy.store));
            state.contains(&format!("token: {token},"))
        }
        let token = exchange.token;
        let (_, breakers) = exchange.probe.breaker.as_ref().unwrap();
        [
            exchange.memory.as_ref().is_some_and(|it| leased::<CacheEntry>(it, self, token)),
            leased::<Breaker>(&exchange.breaker_cell(breakers), self, token),
            leased::<Upstream>(&exchange.upstream(), self, token),
        ]
    }

    /// A probe that has taken everything: nothing is kept, the breaker awaits a trial, and
    /// the cluster is known to speak HTTP/1.1.
    fn takes_everything(&mut self) -> (Exchange, Decision) {
        let (mut first, _) = self.arrives(&http());
        self.ends_so(&mut first, End::Answered("200"));
        self.now = self.now + 2 * SECOND;
        let (mut second, _) = self.arrives(&http());
        self.ends_so(&mut second, End::Failed(RESET));
        self.now = self.now + 2 * SECOND;
        self.arrives(&http())
    }

    /// A call for which the application is to be asked, as the breaker's trial.
    fn waits_for_a_call(&mut self) -> Exchange {
        let (mut first, _) = self.arrives(&call());
        exchange_goes_on(self, &mut first);
        self.ends_so(&mut first, End::Failed(RESET));
        self.now = self.now + 2 * SECOND;
        let (exchange, decision) = self.arrives(&call());
        assert!(matches!(decision, Decision::Ask(_)), "{decision:?}");
        exchange
    }

    /// Ends the stream of a probe in a way.
    fn ends_so(&self, exchange: &mut Exchange, end: End) {
        let cx = self.cx();
        let mut response = Response::default().because("downstream_remote_disconnect");
        match end {
            End::Early => {}
            End::Redirected => {
                exchange.on_redirect(&http());
            }
            End::BrokenOff => {
                exchange.on_response_headers(&of("c", "200"), cx, false);
                exchange.on_response_body(|| b"we".to_vec(), cx, false);
            }
            End::Answered(status) => {
                response = of("c", status);
                exchange.on_response_headers(&response, cx, false);
                exchange.on_response_body(|| b"well".to_vec(), cx, true);
            }
            End::Failed(details) => {
                response = of("c", "503").because(details);
                exchange.on_response_headers(&response, cx, true);
            }
            End::Astray => {
                response = of("d", "200");
                exchange.on_response_headers(&response, cx, true);
            }
        }
        let _ = exchange.on_end(&response, cx, || None);
    }
}

/// The call for it was not made.
fn exchange_goes_on(proxy: &Proxy, exchange: &mut Exchange) {
    let nothing: Option<&NoAnswer> = None;
    let decision = exchange.on_call_answer(nothing, &call(), proxy.cx());
    assert!(matches!(decision, Decision::Forward(_)), "{decision:?}");
}

struct NoAnswer;

impl ResponseHead for NoAnswer {
    fn header(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        None
    }
}

impl crate::callout::CallAnswer for NoAnswer {
    fn body_size(&self) -> usize {
        0
    }

    fn body(&self) -> Vec<u8> {
        Vec::new()
    }

    fn trailer(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_forwarded_probe_gives_everything_back_however_it_ends() {
    for end in ENDS {
        let mut proxy = Proxy::new(CACHED);
        let (mut exchange, decision) = proxy.takes_everything();
        assert!(matches!(decision, Decision::Forward(_)), "{decision:?}");
        assert_eq!(proxy.holds(&exchange), [true; 3], "{end:?}");
        proxy.ends_so(&mut exchange, end);
        assert_eq!(proxy.holds(&exchange), [false; 3], "{end:?}");
    }
}

#[test]
fn a_probe_that_the_breaker_keeps_back_gives_up_the_refresh() {
    let mut proxy = Proxy::new(CACHED);
    let (exchange, _) = proxy.takes_everything();
    assert_eq!(proxy.holds(&exchange), [true; 3]);
    let mut elsewhere = http().with(":authority", "other");
    elsewhere.0.retain(|(name, _)| *name != "x-request-id");
    let (other, decision) = proxy.arrives(&elsewhere);
    assert!(matches!(decision, Decision::Reply(_)), "{decision:?}");
    assert_eq!(proxy.holds(&other), [false; 3]);
}

#[test]
fn a_call_for_which_the_application_is_asked_gives_everything_back_however_it_ends() {
    for end in ENDS {
        for asked in [true, false] {
            let mut proxy = Proxy::new(VIA_HTTP);
            let mut exchange = proxy.waits_for_a_call();
            assert_eq!(proxy.holds(&exchange), [false, true, false], "{end:?}");
            if asked {
                exchange_goes_on(&proxy, &mut exchange);
            }
            proxy.ends_so(&mut exchange, end);
            assert_eq!(proxy.holds(&exchange), [false; 3], "{end:?}, asked: {asked}");
        }
    }
}

#[test]
fn a_call_that_the_application_does_not_answer_gives_everything_back() {
    let mut proxy = Proxy::new(VIA_HTTP);
    let mut exchange = proxy.waits_for_a_call();
    exchange_goes_on(&proxy, &mut exchange);
    let _ = exchange.on_overdue(&call(), proxy.cx());
    proxy.ends_so(&mut exchange, End::Early);
    assert_eq!(proxy.holds(&exchange), [false; 3]);
}
