//! The way of a request through the filter and back, as the plugin leads it: see
//! `filter/plugin/src/arrival.rs` and `stream.rs`.

use heartbeat_core::background::Background;
use heartbeat_core::base::metric::Measurement;
use heartbeat_core::base::time::Instant;
use heartbeat_core::evidence::report::Report;
use heartbeat_core::exchange::Overdue;
use heartbeat_core::grpc::{GrpcMethod, ServingStatus};
use heartbeat_core::http::completed::Completed;
use heartbeat_core::inspect::{self, Inspector};
use heartbeat_core::policy::forged_markers;
use heartbeat_core::state::Context;
use heartbeat_core::{BodyEdit, Decision, Exchange, Policy, RequestHead};

use super::assumed::{Application, Assumed};
use super::gathered::Gathered;
use super::past::Past;
use super::request::{Request, edit, set, value};
use super::response::Response;
use super::store::Store;

/// Everything that a request meets.
pub struct World<'a> {
    /// The configuration, compiled.
    pub policy: &'a Policy,
    /// The path that leads to the loopback responder.
    pub responder: Option<&'a str>,
    /// What the proxy knows.
    pub gathered: Gathered,
    /// What is assumed of others.
    pub assumed: &'a Assumed,
}

/// What has become of a request.
pub struct Travelled {
    /// The rule that has taken it, or would have; none where no rule matches it.
    pub matched: Option<String>,
    /// It was ordinary traffic.
    pub ordinary: bool,
    /// The request as it went on, and to whom.
    pub arrival: Option<(Request, By)>,
    /// The answer as its prober sees it.
    pub response: Response,
    /// What the answer of `respond` rests on, and whether its prober may see that.
    pub evidence: Option<(Report, bool)>,
    /// What metrics have taken.
    pub measured: Vec<Measurement>,
    /// What the log has got.
    pub log: Vec<String>,
    /// Whether the application was asked anything.
    pub asked: bool,
}

/// Who answers a request that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The application.
    Application,
    /// The loopback responder.
    Responder,
}

/// A proxy that has just started: it has counted nothing.
struct Started;

impl inspect::Proxy for Started {
    fn value(&self, _: usize) -> u64 {
        0
    }

    fn node(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// No other probe has it.
const TOKEN: u64 = 1;
const MILLISECOND: u64 = 1_000_000;

impl World<'_> {
    fn at(&self, now: Instant) -> Context<'_, Store> {
        Context::at(&self.gathered.store, now)
    }

    /// Leads a request there and back.
    pub fn lead(&self, request: &Request) -> Travelled {
        let now = self.gathered.now;
        let path = self.policy.path_to_keep(request);
        let mut travelled = match self.policy.match_request(request) {
            Some(matched) => {
                let call = matched.call.as_ref().map(|call| call.method);
                let exchange = self.policy.exchange(matched, TOKEN, now);
                Trip { world: self, exchange, call, now, request: request.clone() }.probe()
            }
            None => self.ordinary(request, None),
        };
        let last = travelled.arrival.as_ref().map_or(request, |(request, _)| request);
        let past = Past { request: last, response: &travelled.response, took: MILLISECOND };
        let completed = Completed::new(&past, path);
        let counted: Vec<_> = self.policy.counted(&completed).collect();
        travelled.measured.extend(counted);
        travelled
    }

    /// It passes as it is, but for markers that only a client can have set.
    fn ordinary(&self, request: &Request, matched: Option<String>) -> Travelled {
        let forged: Vec<_> = forged_markers(request).collect();
        let mut request = request.clone();
        request.headers.retain(|(name, _)| !forged.contains(&name.as_str()));
        let response = self.application(&request, None);
        Travelled {
            matched,
            ordinary: true,
            arrival: Some((request, By::Application)),
            response,
            evidence: None,
            measured: Vec::new(),
            log: Vec::new(),
            asked: true,
        }
    }

    /// What the application answers.
    fn application(&self, request: &Request, call: Option<GrpcMethod>) -> Response {
        let well = match call {
            Some(_) => Application::Health(ServingStatus::Serving),
            None => Application::Http(200),
        };
        let answer = self.assumed.application.unwrap_or(well);
        Response::of_application(request, call, answer, &self.assumed.headers)
    }
}

/// A probe under way.
struct Trip<'a> {
    world: &'a World<'a>,
    exchange: Exchange,
    call: Option<GrpcMethod>,
    now: Instant,
    request: Request,
}

impl Trip<'_> {
    fn probe(mut self) -> Travelled {
        let mut decision = self.decide();
        let mut asked = false;
        if let Decision::Ask(call) = &decision {
            // In HTTP, whatever its prober speaks.
            let mut question =
                Request { cluster: call.cluster.clone().into(), ..Request::default() };
            set(&mut question.headers, ":method", b"GET".to_vec());
            let answer = self.world.application(&question, None);
            decision =
                self.exchange.on_call_answer(Some(&answer), &self.request, self.world.at(self.now));
            asked = true;
        }
        if let Decision::Inspect(medium) = decision {
            let cx = self.world.at(self.now);
            let background = Background::new(self.world.policy, TOKEN);
            let page =
                Inspector::default().page(self.world.policy, &background, &Started, medium, cx);
            decision = self.exchange.show(page, medium);
        }
        let matched = Some(self.exchange.probe().name().to_owned());
        if decision == Decision::NotAProbe {
            self.exchange.leave();
            return self.world.ordinary(&self.request, matched);
        }
        let evidence = self.rests_on_evidence();
        let (arrival, response) = match decision {
            Decision::Forward(edits) => {
                edit(&mut self.request.headers, edits);
                let (by, response) = self.answer();
                (Some((self.request.clone(), by)), self.back(response))
            }
            Decision::Reply(reply) => {
                let response = Response::of_reply(reply, &self.request);
                (None, self.back(response))
            }
            // Nobody else is there to wait for.
            Decision::Wait | Decision::Ask(_) | Decision::Inspect(_) | Decision::NotAProbe => {
                (None, Response::default())
            }
        };
        let cx = self.world.at(self.now);
        let status = || value(&response.trailers, "grpc-status").map(<[u8]>::to_vec);
        let counts = self.exchange.on_end(&response, cx, status);
        let signals = self.exchange.take_signals();
        let measured = signals.measurements().chain(counts).collect();
        let asked = asked || matches!(arrival, Some((_, By::Application)));
        Travelled {
            matched,
            ordinary: false,
            arrival,
            response,
            evidence,
            measured,
            log: signals.log,
            asked,
        }
    }

    fn decide(&mut self) -> Decision {
        let (exchange, request) = (&mut self.exchange, &self.request);
        let cx = self.world.at(self.now);
        let body = request.body.as_deref();
        let waits = exchange.wants_message() || (body.is_some() && exchange.wants_end(request));
        if !waits {
            return exchange.on_request_headers(request, cx, body.is_none());
        }
        exchange.await_message();
        if request.is_hidden {
            return exchange.without_message(request, cx);
        }
        let decision = exchange.on_message(body.unwrap_or_default(), true, request, cx);
        decision.unwrap_or(Decision::NotAProbe)
    }

    /// The evidence, where the rule's answer rests on it.
    fn rests_on_evidence(&self) -> Option<(Report, bool)> {
        let cx = self.world.at(self.now);
        self.exchange
            .probe()
            .responds()
            .then(|| (self.exchange.report(cx), self.exchange.shows_details()))
    }

    /// What comes back to the request as it went on.
    fn answer(&mut self) -> (By, Response) {
        let target = self.request.path().unwrap_or_default();
        if self.world.responder.is_some_and(|path| *target == *path.as_bytes()) {
            return (By::Responder, Response::of_responder());
        }
        // What is made a GET is answered as one.
        let is_call = self.request.header("content-type").is_some();
        let call = self.call.filter(|_| is_call);
        if self.world.assumed.application == Some(Application::Timeout) {
            self.now = self.now + self.timeout();
            if self.call == Some(GrpcMethod::Watch)
                && let Some(response) = self.overdue()
            {
                return (By::Application, response);
            }
        }
        (By::Application, self.world.application(&self.request, call))
    }

    /// How long the application has, in nanoseconds.
    fn timeout(&self) -> u64 {
        let header = self.request.header("x-envoy-upstream-rq-timeout-ms");
        let text = header.map(|value| String::from_utf8_lossy(&value).into_owned());
        text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default() * MILLISECOND
    }

    /// A Watch is bounded by the filter, not by Envoy.
    fn overdue(&mut self) -> Option<Response> {
        let overdue = self.exchange.on_overdue(&self.request, self.world.at(self.now));
        let decided = match overdue {
            Overdue::Later(until) => {
                self.now = until;
                self.exchange.on_overdue(&self.request, self.world.at(until))
            }
            other => other,
        };
        match decided {
            Overdue::Decided(Decision::Reply(reply)) => {
                Some(Response::of_reply(reply, &self.request))
            }
            _ => None,
        }
    }

    /// An answer on its way to the prober.
    fn back(&mut self, mut response: Response) -> Response {
        if !self.exchange.needs_response() {
            return response;
        }
        let cx = self.world.at(self.now);
        let is_whole = response.body.is_empty() && response.trailers.is_empty();
        let edits = self.exchange.on_response_headers(&response, cx, is_whole);
        edit(&mut response.headers, edits);
        if is_whole {
            return response;
        }
        let ends = response.trailers.is_empty();
        let body = response.body.clone();
        match self.exchange.on_response_body(|| body, cx, ends) {
            BodyEdit::Keep => {}
            BodyEdit::Replace(bytes) => response.body = bytes,
            BodyEdit::End(bytes, status) => {
                response.body = bytes;
                set(&mut response.trailers, "grpc-status", status.to_string().into_bytes());
            }
        }
        if !ends {
            let status = value(&response.trailers, "grpc-status").map(<[u8]>::to_vec);
            self.exchange.on_response_trailers(cx, || status);
            if let Some(status) = self.exchange.translated_status() {
                set(&mut response.trailers, "grpc-status", status.to_string().into_bytes());
            }
        }
        response
    }
}
