//! Evidence as the filter gathers it: its own background work runs, by a clock that doesn't
//! wait, and who is asked answers as is assumed.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use heartbeat_core::background::Background;
use heartbeat_core::base::time::{Instant, nanos};
use heartbeat_core::callout::{
    CallRefusal, CallToken, Caller, HttpCall, Payload, StreamToken, WatchCall,
};
use heartbeat_core::config::Config;
use heartbeat_core::facts::check::{CheckCall, CheckRule, GrpcCheck, HttpCheck};
use heartbeat_core::grpc::{GrpcMethod, ServingStatus};
use heartbeat_core::http::completed::Completed;
use heartbeat_core::policy::loads::Seen;
use heartbeat_core::state::Context;
use heartbeat_core::{Policy, evidence};

use super::assumed::{Application, Assumed, ClusterHealth, Evidence, Server, Target, Traffic, of};
use super::past::Past;
use super::request::Request;
use super::response::Response;
use super::store::Store;

/// What the proxy knows when the request comes, and when that is.
#[derive(Debug)]
pub struct Gathered {
    /// Shared data.
    pub store: Store,
    /// By the monotonic clock.
    pub now: Instant,
}

const MILLISECOND: u64 = 1_000_000;
/// When the proxy starts: an hour after the machine.
const START: Instant = Instant(3_600_000 * MILLISECOND);
/// How long counts of requests and the score take to come out.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);
/// Longer than the longest round of the admin interface and of the score, three times over.
const MORE: Duration = Duration::from_secs(10);
/// The most ticks: a round may be as short as a millisecond, and another as long as a day.
const MOST_TICKS: usize = 200_000;

/// Has the background work of a policy done.
pub fn gather(policy: &Policy, config: &Config, assumed: &Assumed) -> Gathered {
    let store = Store::default();
    let cx = Context::at(&store, START);
    policy.loads().register("heartbeat", &mut Seen::default(), cx);
    let mut work = Work {
        background: Background::new(policy, 1),
        caller: Recorder::default(),
        answers: Answers { config, assumed },
        store,
        now: START,
    };
    if assumed.evidence != Evidence::None {
        work.run(settled_after(config));
        count(policy.evidence(), assumed.traffic);
        work.run(COUNTED_WITHIN);
    }
    let mut now = work.now;
    if assumed.evidence == Evidence::Stale {
        now = now + nanos(stale_after(config));
    }
    Gathered { store: work.store, now }
}

/// When everything was asked often enough to be sure.
fn settled_after(config: &Config) -> Duration {
    let rounds = |check: &CheckRule| {
        let rounds = check.rise.max(check.fall).saturating_add(1);
        (check.interval + check.timeout).saturating_mul(rounds)
    };
    let admin = config.admin.iter().map(|admin| (admin.interval + admin.timeout) * 4);
    config.checks.iter().map(rounds).chain(admin).max().unwrap_or_default() + MORE
}

/// When nothing of it is fresh.
fn stale_after(config: &Config) -> Duration {
    let checks = config.checks.iter().map(|check| check.interval * 3 + check.timeout);
    let admin = config.admin.iter().map(|admin| admin.interval * 3 + admin.timeout);
    checks.chain(admin).max().unwrap_or_default() + MORE
}

/// Has ordinary requests counted.
fn count(evidence: &evidence::Evidence, traffic: Traffic) {
    if !evidence.counts_traffic() {
        return;
    }
    let request = Request::default();
    let [good, bad] = [200, 503]
        .map(|status| Response::of_application(&request, None, Application::Http(status), &[]));
    for number in 0..traffic.requests {
        let response = if number < traffic.failed { &bad } else { &good };
        let past = Past { request: &request, response, took: MILLISECOND };
        evidence.count(&Completed::new(&past, None));
    }
}

struct Work<'a> {
    background: Background,
    caller: Recorder,
    answers: Answers<'a>,
    store: Store,
    now: Instant,
}

impl Work<'_> {
    /// Goes on for so long.
    fn run(&mut self, time: Duration) {
        let until = self.now + nanos(time);
        for _ in 0..MOST_TICKS {
            if self.now >= until {
                break;
            }
            self.background.on_tick(&self.caller, Context::at(&self.store, self.now));
            self.answer();
            let next =
                self.background.next_tick(self.now).map_or(until, |wait| self.now + nanos(wait));
            self.now = next.clamp(self.now + MILLISECOND, until.max(self.now + MILLISECOND));
        }
        self.now = self.now.max(until);
    }

    fn answer(&mut self) {
        for (token, call) in self.caller.calls.take() {
            let Some(answer) = self.answers.to(&call) else { continue };
            self.now = self.now + MILLISECOND;
            self.background.on_answer(token, &answer, Context::at(&self.store, self.now));
        }
        for (token, watch) in self.caller.streams.take() {
            let Some(message) = self.answers.to_watch(&watch) else { continue };
            let cx = Context::at(&self.store, self.now);
            self.background.on_message(token, &message, cx);
        }
        self.background.take_signals();
    }
}

/// Takes every call, and keeps it until it is answered.
#[derive(Default)]
struct Recorder {
    calls: RefCell<Vec<(CallToken, HttpCall)>>,
    streams: RefCell<Vec<(StreamToken, WatchCall)>>,
    next: Cell<u32>,
}

impl Recorder {
    fn number(&self) -> u32 {
        self.next.replace(self.next.get().wrapping_add(1))
    }
}

impl Caller for Recorder {
    fn http_call(&self, call: &HttpCall) -> Result<CallToken, CallRefusal> {
        let token = CallToken(self.number());
        self.calls.borrow_mut().push((token, call.clone()));
        Ok(token)
    }

    fn open_watch(&self, call: &WatchCall) -> Option<StreamToken> {
        let token = StreamToken(self.number());
        self.streams.borrow_mut().push((token, call.clone()));
        Some(token)
    }

    fn cancel(&self, _stream: StreamToken) {}
}

/// What is answered to the calls of the background.
struct Answers<'a> {
    config: &'a Config,
    assumed: &'a Assumed,
}

impl Answers<'_> {
    /// `None` where nothing comes back: hubs say nothing.
    fn to(&self, call: &HttpCall) -> Option<Response> {
        let admin = self.config.admin.as_ref();
        if admin.is_some_and(|admin| admin.cluster == call.cluster)
            && call.path.starts_with("/stats?")
        {
            return Some(self.statistics());
        }
        // Two checks that ask the same get the same answer.
        let check = self.config.checks.iter().find(|check| is_of(check, call))?;
        Some(self.of_check(check))
    }

    fn of_check(&self, check: &CheckRule) -> Response {
        let call = matches!(check.call, CheckCall::Grpc(_)).then_some(GrpcMethod::Check);
        let answer = match (of(&self.assumed.checks, &check.name), &check.call) {
            (Target::Timeout, _) => Application::Timeout,
            (Target::Unreachable, _) => Application::Refused,
            (Target::Pass, CheckCall::Grpc(_)) => Application::Health(ServingStatus::Serving),
            (Target::Fail, CheckCall::Grpc(_)) => Application::Health(ServingStatus::NotServing),
            (Target::Pass, CheckCall::Http(http)) => Application::Http(status(http, true)),
            (Target::Fail, CheckCall::Http(http)) => Application::Http(status(http, false)),
        };
        Response::of_application(&Request::default(), call, answer, &[])
    }

    /// The first message of a Watch.
    fn to_watch(&self, watch: &WatchCall) -> Option<Vec<u8>> {
        let check = self.config.checks.iter().find(|check| match &check.call {
            CheckCall::Grpc(GrpcCheck { cluster, service, authority, watch: true }) => {
                WatchCall::new(cluster, authority, service) == *watch
            }
            _ => false,
        })?;
        const FRAME: usize = 5;
        match of(&self.assumed.checks, &check.name) {
            Target::Pass | Target::Fail => {
                self.of_check(check).body.get(FRAME..).map(<[u8]>::to_vec)
            }
            Target::Timeout | Target::Unreachable => None,
        }
    }

    fn statistics(&self) -> Response {
        if self.assumed.server == Server::Unreachable {
            return Response::of_application(&Request::default(), None, Application::Timeout, &[]);
        }
        let live = u64::from(self.assumed.server == Server::Live);
        let mut all = vec![("server.live".to_owned(), live)];
        for cluster in super::clusters(self.config) {
            let ClusterHealth { healthy, total } = of(&self.assumed.clusters, &cluster);
            let name = cluster.replace(':', "_");
            for (what, value) in [
                ("membership_total", total),
                ("membership_healthy", healthy),
                ("membership_degraded", 0),
                ("update_attempt", 1),
            ] {
                all.push((format!("cluster.{name}.{what}"), value));
            }
        }
        let stats: Vec<_> = all
            .iter()
            .map(|(name, value)| serde_json::json!({ "name": name, "value": value }))
            .collect();
        let body = serde_json::json!({ "stats": stats }).to_string();
        let answer = Application::Http(200);
        let response = Response::of_application(&Request::default(), None, answer, &[]);
        Response { body: body.into_bytes(), ..response }
    }
}

fn is_of(check: &CheckRule, call: &HttpCall) -> bool {
    let expected = match &check.call {
        CheckCall::Http(http) => HttpCall::get(&http.cluster, &http.host, &http.path, call.timeout),
        CheckCall::Grpc(grpc) => {
            HttpCall::check(&grpc.cluster, &grpc.authority, &grpc.service, call.timeout)
        }
    };
    let same = |one: &Payload, other: &Payload| one == other;
    (&expected.cluster, &expected.host, &expected.path) == (&call.cluster, &call.host, &call.path)
        && same(&expected.payload, &call.payload)
}

/// A status that is expected, or one that isn't.
fn status(check: &HttpCheck, expected: bool) -> u16 {
    let is_expected = |status: &u16| check.expect.iter().any(|one| one.matches(*status));
    let likely = [200, 204, 503, 500, 404];
    let all = likely.into_iter().chain(200..600);
    all.into_iter().find(|status| is_expected(status) == expected).unwrap_or(503)
}
