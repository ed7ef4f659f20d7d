//! Several VMs of one process, and what they ask.

mod publish;
mod turns;
mod watch;

use super::*;
use crate::base::environment::Environment;
use crate::base::time::Instant;
use crate::callout::{CallRefusal, HttpCall, StreamToken, WatchCall};
use crate::evidence::Detail;
use crate::facts::check::{Check, CheckResult};
use crate::guards::upstream::{CloseRequest, Upstream};
use crate::http::request::ResponseHead;
use crate::policy::Policy;
use crate::policy::loads::Seen;
use crate::state::fake::FakeStore;
use crate::state::{Cells, Change, update};
use std::cell::{Cell, RefCell};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;
const START: Instant = Instant(1_000 * SECOND);

/// How the other side behaves.
#[derive(Clone, Copy)]
enum Manner {
    /// It answers with a status, after a time.
    Answers(&'static str, Nanos),
    /// Envoy refuses the call.
    Refused(CallRefusal),
    /// Envoy answers in its place, after the call's own timeout.
    Hangs,
    /// Envoy answers at once: nobody listens.
    Closed,
}

/// A process with some VMs, and with one other side for all calls.
struct Process {
    policy_text: &'static str,
    store: FakeStore,
    vms: Vec<Option<Vm>>,
    now: Instant,
    manner: Manner,
    admin: &'static str,
    /// How the hub behaves, and what it says.
    hub: Manner,
    hub_says: &'static str,
    /// What the hub was sent, and when.
    posts: RefCell<Vec<(Instant, String)>>,
    /// When each call was begun.
    asked: RefCell<Vec<Instant>>,
    log: Vec<String>,
    gauges: Vec<u64>,
    /// How often asking has come to each result.
    results: [usize; 5],
    /// Whether Envoy opens streams.
    takes_watches: bool,
    /// When it was to open one.
    opened: RefCell<Vec<Instant>>,
    /// The streams that are open.
    open: RefCell<Vec<StreamToken>>,
    next_call: Cell<u32>,
}

struct Vm {
    background: Background,
    ticks_at: Option<Instant>,
    /// How often it has ticked.
    ticks: usize,
    /// Answers on their way.
    coming: Vec<(Instant, CallToken, Answer)>,
}

impl Vm {
    /// Has it tick when something is due, as the plugin does after each tick and answer.
    fn sleep(&mut self, now: Instant) {
        // Envoy's timer counts whole milliseconds.
        let wait = self.background.next_tick(now).map(|wait| nanos(wait).div_ceil(MS).max(1) * MS);
        self.ticks_at = wait.map(|wait| now + wait);
    }
}

#[derive(Clone)]
struct Answer {
    status: &'static str,
    body: Vec<u8>,
    envoys: bool,
}

impl ResponseHead for Answer {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            ":status" => Some(self.status.into()),
            "content-type" => Some(b"application/grpc".into()),
            "x-envoy-upstream-service-time" => (!self.envoys).then(|| b"1".to_vec()),
            _ => None,
        }
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
        self.body.clone()
    }

    fn trailer(&self, _: &str) -> Option<Vec<u8>> {
        Some(b"0".into())
    }
}

/// Takes the calls of one tick.
struct Taker<'a> {
    process: &'a Process,
    begun: RefCell<Vec<(Instant, CallToken, Answer)>>,
}

impl Caller for Taker<'_> {
    fn http_call(&self, call: &HttpCall) -> Result<CallToken, CallRefusal> {
        let Process { now, mut manner, .. } = *self.process;
        let mut says = self.process.admin;
        let is_post = call.cluster == "hub";
        if is_post {
            (manner, says) = (self.process.hub, self.process.hub_says);
            let body = String::from_utf8(call.payload.body().to_vec()).unwrap();
            self.process.posts.borrow_mut().push((now, body));
        }
        let own = |status, body: &str| Answer { status, body: body.into(), envoys: true };
        let (after, answer) = match manner {
            Manner::Refused(refusal) => return Err(refusal),
            Manner::Answers(_, after) if after >= nanos(call.timeout) => {
                (nanos(call.timeout), own("504", "upstream request timeout"))
            }
            Manner::Answers(status, after) => {
                (after, Answer { status, body: says.into(), envoys: false })
            }
            Manner::Hangs => (nanos(call.timeout), own("504", "upstream request timeout")),
            Manner::Closed => {
                let reason = "upstream connect error or disconnect/reset before headers. reset \
                              reason: remote connection failure, transport failure reason: \
                              delayed connect error: Connection refused";
                (MS, own("503", reason))
            }
        };
        if !is_post {
            self.process.asked.borrow_mut().push(now);
        }
        let token = CallToken(self.process.next_call.get());
        self.process.next_call.set(token.0 + 1);
        self.begun.borrow_mut().push((now + after, token, answer));
        Ok(token)
    }

    fn open_watch(&self, call: &WatchCall) -> Option<StreamToken> {
        assert_eq!(call.upstream, WatchCall::new("app", "app", "").upstream);
        let Process { now, takes_watches, .. } = *self.process;
        let token = StreamToken(self.process.next_call.get());
        self.process.next_call.set(token.0 + 1);
        self.process.opened.borrow_mut().push(now);
        takes_watches.then(|| self.process.open.borrow_mut().push(token)).map(|()| token)
    }

    fn cancel(&self, stream: StreamToken) {
        self.process.open.borrow_mut().retain(|open| *open != stream);
    }
}

impl Process {
    fn new(policy_text: &'static str, vms: usize) -> Self {
        let mut process = Self {
            policy_text,
            store: FakeStore::default(),
            vms: Vec::new(),
            now: START,
            manner: Manner::Answers("200", 3 * MS),
            admin: "",
            hub: Manner::Answers("202", MS),
            hub_says: r#"{"accepted":1,"refused":[]}"#,
            posts: RefCell::default(),
            asked: RefCell::default(),
            log: Vec::new(),
            gauges: Vec::new(),
            results: [0; 5],
            takes_watches: true,
            opened: RefCell::default(),
            open: RefCell::default(),
            next_call: Cell::new(0),
        };
        (0..vms).for_each(|_| process.start_vm());
        process
    }

    fn start_vm(&mut self) {
        let environment = Environment { plugin: "hb".into(), ..Environment::default() };
        let policy = Policy::from_bytes(self.policy_text.as_bytes(), &environment).unwrap();
        policy.loads().register("hb", &mut Seen::default(), Context::at(&self.store, self.now));
        let token = 7_919 * (self.vms.len() as u64 + 1);
        let background = Background::new(&policy, token);
        let ticks_at = background.next_tick(Instant::ZERO).map(|_| self.now);
        self.vms.push(Some(Vm { background, ticks_at, ticks: 0, coming: Vec::new() }));
    }

    /// Lets time pass, in steps of a millisecond.
    fn run(&mut self, time: Nanos) {
        let end = self.now + time;
        while self.now < end {
            for place in 0..self.vms.len() {
                let Some(mut vm) = self.vms[place].take() else { continue };
                self.step(&mut vm);
                self.vms[place] = Some(vm);
            }
            self.now = self.now + MS;
        }
    }

    fn step(&mut self, vm: &mut Vm) {
        let now = self.now;
        let (due, later) = vm.coming.drain(..).partition(|(at, ..)| *at <= now);
        vm.coming = later;
        let due: Vec<_> = due;
        for (_, token, answer) in due {
            vm.background.on_answer(token, &answer, Context::at(&self.store, now));
            vm.sleep(now);
        }
        if vm.ticks_at.is_some_and(|at| at <= now) {
            let taker = Taker { process: self, begun: RefCell::default() };
            vm.background.on_tick(&taker, Context::at(&self.store, now));
            vm.coming.extend(taker.begun.into_inner());
            vm.ticks += 1;
            vm.sleep(now);
        }
        let signals = vm.background.take_signals();
        self.log.extend(signals.log);
        self.gauges.extend(signals.set.into_iter().map(|(_, value)| value));
        for metric in signals.raise {
            let place_in = |check: &Rc<Check>| {
                CheckResult::ALL.into_iter().position(|it| check.metrics.results.of(it) == metric)
            };
            let place = vm.background.evidence.checks.iter().find_map(place_in);
            place.into_iter().for_each(|place| self.results[place] += 1);
        }
    }

    /// The times between the calls.
    fn gaps(&self) -> Vec<Nanos> {
        let asked = self.asked.borrow();
        asked.iter().zip(asked.iter().skip(1)).map(|(one, next)| next.since(*one)).collect()
    }

    /// The VM that has asked.
    fn holder(&self) -> usize {
        let holds = |vm: &Option<Vm>| vm.as_ref().is_some_and(|vm| vm.background.lease.is_held());
        let holders: Vec<usize> =
            (0..self.vms.len()).filter(|place| holds(&self.vms[*place])).collect();
        assert_eq!(holders.len(), 1, "{holders:?}");
        holders[0]
    }

    /// How long it takes until the log says something.
    fn until(&mut self, line: &str) -> Nanos {
        let begun = self.now;
        while !self.log.iter().any(|logged| logged.contains(line)) {
            assert!(self.now < begun + 60 * SECOND, "{line}: {:?}", self.log);
            self.run(MS);
        }
        self.now.since(begun)
    }
}

/// A check with an interval of 1 s, a timeout of 200 ms, `rise` 2 and `fall` 3.
const CHECK: &str = r#"{"checks":[{"name":"db","http":{"cluster":"db","path":"/ping"},
    "interval":"1s","timeout":"200ms","rise":2,"fall":3}]}"#;

#[test]
fn nothing_is_done_where_nothing_is_configured() {
    let process = Process::new("{}", 1);
    assert!(process.vms[0].as_ref().unwrap().ticks_at.is_none());
}

#[test]
fn every_answer_of_a_check_is_counted_once_and_so_is_every_refusal() {
    let mut process = Process::new(CHECK, 3);
    process.run(20 * SECOND);
    let asked = process.asked.borrow().len();
    assert_eq!(process.results, [asked, 0, 0, 0, 0]);

    process.manner = Manner::Hangs;
    process.run(20 * SECOND);
    let awaits = |vm: &Vm| vm.background.polls.iter().any(|poll| poll.call.is_under_way());
    while awaits(process.vms[process.holder()].as_ref().unwrap()) {
        process.run(MS);
    }
    let [passed, failed, timed_out, ..] = process.results;
    let asked = process.asked.borrow().len();
    assert_eq!((passed + timed_out, failed), (asked, 0), "late answers count no more");
    assert!(timed_out >= 20, "{timed_out}");

    let before = process.results;
    process.manner = Manner::Refused(CallRefusal::NotSent);
    process.run(20 * SECOND);
    let [passed, failed, timed_out, unreachable, _] = process.results;
    assert!(unreachable >= 20, "{unreachable}");
    assert_eq!([passed, failed, timed_out, 0, 0], before);
    process.manner = Manner::Refused(CallRefusal::UnknownCluster);
    process.run(20 * SECOND);
    assert!(process.results[4] >= 20, "{:?}", process.results);
    process.manner = Manner::Answers("503", MS);
    let asked = process.asked.borrow().len();
    process.run(20 * SECOND);
    assert_eq!(process.results[1], process.asked.borrow().len() - asked);
}

#[test]
fn of_several_vms_one_asks() {
    let mut process = Process::new(CHECK, 3);
    process.run(60 * SECOND);
    let calls = process.asked.borrow().len();
    assert!((60..=67).contains(&calls), "{calls}");
    let (shortest, longest) = (process.gaps().into_iter().min(), process.gaps().into_iter().max());
    assert!(shortest >= Some(890 * MS) && longest <= Some(SECOND), "{shortest:?} {longest:?}");
    process.holder();
}

#[test]
fn when_the_one_that_asks_is_gone_another_takes_over_within_two_intervals() {
    for lifetime in [1, 300, 950, 1_777, 2_500] {
        let mut process = Process::new(CHECK, 3);
        process.run(5 * SECOND);
        for _ in 0..5 {
            process.run(lifetime * MS);
            let holder = process.holder();
            process.vms[holder] = None;
            process.start_vm();
            process.run(2 * SECOND);
        }
        let longest = process.gaps().into_iter().max();
        assert!(longest <= Some(2 * SECOND), "{lifetime}: {longest:?}");
        let shortest = process.gaps().into_iter().min();
        assert!(shortest >= Some(800 * MS), "{lifetime}: {shortest:?}");
    }
}

#[test]
fn a_vm_that_lost_the_lease_without_knowing_does_not_ask_twice() {
    let mut process = Process::new(CHECK, 2);
    process.run(5 * SECOND);
    for vm in process.vms.iter_mut().flatten() {
        // It believes so: it has looked at another.
        let mut lease = LeaseKeeper::new(1, 2 * SECOND);
        let cx = Context::at(&process.store, process.now);
        lease.look(&Cells::new("other".into(), 0).scope(&[]), &mut Jitter::new(1), cx);
        vm.background.lease = lease;
    }
    process.run(SECOND);
    assert!(process.gaps().into_iter().min() >= Some(890 * MS));
}

#[test]
fn it_goes_down_after_fall_rounds_and_a_timeout_and_comes_back_after_rise_rounds() {
    for moment in [0, 1, 250, 499, 730, 999] {
        let mut process = Process::new(CHECK, 3);
        process.run(5 * SECOND + moment * MS);
        process.manner = Manner::Hangs;
        let down = process.until("check \"db\" is down: no answer within 200 ms");
        assert!(down <= 3 * SECOND + 200 * MS, "{moment}: {down}");
        process.manner = Manner::Answers("200", 3 * MS);
        let up = process.until("check \"db\" is up");
        // A call that hangs already is not taken back.
        assert!(up <= 2 * SECOND + 3 * MS + SECOND, "{moment}: {up}");
        assert_eq!(process.gauges.last(), Some(&1));
        assert!(process.gauges.contains(&0));
    }
}

#[test]
fn a_slow_one_is_told_from_a_dead_one() {
    let mut process = Process::new(CHECK, 1);
    process.manner = Manner::Answers("200", 300 * MS);
    process.run(SECOND);
    assert!(process.log[0].contains("down: no answer within 200 ms"), "{:?}", process.log);
    let evidence = &process.vms[0].as_ref().unwrap().background.evidence;
    let last =
        evidence.checks[0].state.read(Context::at(&process.store, process.now)).last.unwrap();
    assert_eq!(last.output, "answered 200 after 300 ms, beyond its 200 ms");
    assert!(!last.healthy);
}

#[test]
fn a_refused_call_is_a_failed_check_and_is_tried_again_soon_while_nothing_is_up() {
    let mut process = Process::new(CHECK, 1);
    process.manner = Manner::Refused(CallRefusal::UnknownCluster);
    process.run(2 * MS);
    assert_eq!(process.log, ["check \"db\" is down: Envoy has no such cluster"]);
    process.manner = Manner::Answers("200", 3 * MS);
    assert!(process.until("is up") <= 260 * MS);
    process.manner = Manner::Refused(CallRefusal::NotSent);
    let down = process.until("is down: the cluster has no healthy host, or");
    assert!((1_700 * MS..=3 * SECOND).contains(&down), "what was up keeps its pace: {down}");
}

#[test]
fn a_connection_that_is_refused_is_a_failed_check() {
    let mut process = Process::new(CHECK, 1);
    process.manner = Manner::Closed;
    process.until("check \"db\" is down: connection refused");
}

const ADMIN: &str = r#"{"admin":{"cluster":"envoy_admin"},
    "probes":[{"name":"p","match":{"path":"/p"},"action":"respond","when":[{"server":"live"}]}]}"#;

#[test]
fn an_admin_interface_that_cant_be_read_is_logged_once_and_once_more_when_it_is_back() {
    let mut process = Process::new(ADMIN, 2);
    process.admin = r#"{"stats":[{"name":"server.live","value":1}]}"#;
    process.run(5 * SECOND);
    assert!(process.log.is_empty(), "{:?}", process.log);
    process.manner = Manner::Closed;
    process.run(30 * SECOND);
    let [lost, warns] = process.log.as_slice() else { panic!("{:?}", process.log) };
    assert_eq!(
        lost,
        "the admin interface (cluster \"envoy_admin\") can't be read: connection refused; evidence from it is stale"
    );
    let why = "probe \"p\" warns: server: the admin interface was not seen for";
    assert!(warns.starts_with(why), "{warns}");
    process.manner = Manner::Answers("200", MS);
    process.run(30 * SECOND);
    assert_eq!(
        process.log[2..],
        ["the admin interface (cluster \"envoy_admin\") is back", "probe \"p\" passes again"]
    );
}

#[test]
fn ordinary_requests_are_shared_by_every_vm_on_its_tick() {
    let text = r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"respond",
        "when":[{"traffic":{"max_error_rate":"20%","window":"10s"}}]}]}"#;
    let mut process = Process::new(text, 2);
    process.run(SECOND);
    for vm in process.vms.iter().flatten() {
        (0..50).for_each(|_| vm.background.evidence.tally.count(true));
    }
    process.run(SECOND);
    let policy = Policy::from_bytes(
        text.as_bytes(),
        &Environment { plugin: "hb".into(), ..Environment::default() },
    );
    let config = crate::config::Config::parse(text.as_bytes()).unwrap();
    let evidence = policy.unwrap().evidence().clone();
    let items = evidence.items_of(&config.probes[0], &config);
    let report = evidence.report(&items, Detail::Full, Context::at(&process.store, process.now));
    assert_eq!(report.findings[0].output, "100 of 100 requests failed in 10.0 s: 100 %");
}

mod score;
mod verdicts;

#[test]
fn clusters_that_wait_to_be_known_are_asked_about_once_they_are_there() {
    let mut process = Process::new(ADMIN, 2);
    process.admin = r#"{"stats":[{"name":"server.live","value":1},
        {"name":"cluster.old.upstream_cx_http1_total","value":3},
        {"name":"cluster.new.upstream_cx_http2_total","value":3}]}"#;
    process.run(3 * SECOND);
    assert!(process.log.is_empty(), "{:?}", process.log);
    let evidence = Rc::clone(&process.vms[0].as_ref().unwrap().background.evidence);
    let upstreams = &evidence.upstreams;
    let cells = ["old", "new"].map(|cluster| upstreams.cell(cluster.as_bytes(), b'1'));
    for (cell, cluster) in cells.iter().zip(["old", "new"]) {
        let list = |it: &mut Upstream| Change::write_if(it.list(process.now), ());
        update::<Upstream, _>(Context::at(&process.store, process.now), cell, list).unwrap();
        upstreams.list(cluster.as_bytes(), Context::at(&process.store, process.now));
    }
    process.run(2 * SECOND);
    assert_eq!(
        process.log,
        ["cluster \"new\" speaks HTTP/2: probes to it go without connection: close"]
    );
    assert!(upstreams.waiting(&process.store).is_empty());
    let asking = cells.map(|cell| {
        let mut known = cell.read::<Upstream>(&process.store);
        known.ask(process.now, 1, SECOND)
    });
    assert_eq!(asking, [CloseRequest::Trial, CloseRequest::No]);
}
