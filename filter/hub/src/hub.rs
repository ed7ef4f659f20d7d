//! A hub at work in one VM.

use crate::body_access::BodyAccess;
use crate::owned::Owned;
use crate::setup::Setup;
use heartbeat_common::base::time::{Instant, nanos};
use heartbeat_common::callout::{CallToken, StreamToken};
use heartbeat_common::state::Context;
use heartbeat_host as host;
use heartbeat_host::ids::{QueueId, RootId, StreamId};
use heartbeat_host::{Queue, SharedData};
use heartbeat_mesh::config::ConfigErrors;
use heartbeat_mesh::shared::Candidate;
use heartbeat_mesh::worker::Worker;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How many held requests are answered in one callback: each answer runs nested in it, and
/// before the next callback a millisecond goes by.
const BATCH: usize = 128;
/// Where more are left, and the first tick: then other VMs are there, too.
const SOON: Duration = Duration::from_millis(1);

/// A configuration at work.
pub struct Hub {
    /// The context that it ticks in and that its answers come to.
    root: RootId,
    setup: Rc<Setup>,
    /// To whom the names of its queues belong.
    vm_id: Vec<u8>,
    candidate: RefCell<Candidate>,
    worker: RefCell<Worker>,
    pub(crate) bodies: BodyAccess,
    /// What it does while it owns the table.
    owned: RefCell<Option<Owned>>,
    /// The queue that it is woken by. The VM that tries a configuration out must not have it,
    /// so it comes with the first tick.
    wakes: Cell<Option<Queue>>,
    /// The queue that leads to the owner, once there was one.
    events: Cell<Option<Queue>>,
    /// Whether the last tick called others.
    called: Cell<bool>,
    /// When the next tick comes.
    tick_at: Cell<Instant>,
}

impl Hub {
    /// Puts the present configuration to work.
    pub fn configure(root: RootId) -> Result<Self, ConfigErrors> {
        let setup = Rc::new(Setup::read()?);
        let Setup { plan, keys, metrics, token, .. } = &*setup;
        let candidate = Candidate::new(*token, plan.fingerprint, host::now());
        let worker = Worker::new(&plan.worker, keys, metrics, *token);
        host::tick_every(Some(SOON));
        Ok(Self {
            root,
            vm_id: host::vm_id(),
            candidate: RefCell::new(candidate),
            worker: RefCell::new(worker),
            bodies: BodyAccess::default(),
            owned: RefCell::default(),
            wakes: Cell::default(),
            events: Cell::default(),
            called: Cell::default(),
            tick_at: Cell::default(),
            setup,
        })
    }

    /// Does what is due without a request, and has itself called when something is again.
    ///
    /// It either answers who waits or calls others, never both: a call may lead back into the
    /// module, and what was answered before it would then be in the way.
    pub fn on_tick(&self) {
        let Some(wakes) = self.wakes() else { return };
        let cx = host::shared();
        self.look_at_ownership(cx);
        let calls = !self.called.get() && self.call(cx.now);
        self.called.set(calls);
        self.with_worker(|worker| worker.on_time(wakes.id().0, cx));
        self.with_owned(|owned| owned.on_time(cx));
        if !calls {
            self.answer_those_who_wait(cx);
            self.answer_the_unread(cx.now);
        }
        self.tick_at.set(Instant::NEVER);
        self.tick_in_time(cx.now);
    }

    /// The queue that this VM is woken by.
    fn wakes(&self) -> Option<Queue> {
        if self.wakes.get().is_none() {
            self.wakes.set(Queue::register(&self.setup.keys.wakes(self.setup.token)));
        }
        self.wakes.get()
    }

    fn look_at_ownership(&self, cx: Context<'_, SharedData>) {
        let Ok(mut candidate) = self.candidate.try_borrow_mut() else { return };
        let owns = candidate.look(&self.setup.keys, cx);
        drop(candidate);
        let Ok(mut owned) = self.owned.try_borrow_mut() else { return };
        match (owns, owned.is_some()) {
            (true, false) => *owned = Owned::begin(&self.setup, cx),
            (false, true) => {
                let given_up = owned.take();
                drop(owned);
                given_up.into_iter().for_each(Owned::give_up);
            }
            _ => {}
        }
    }

    fn call(&self, now: Instant) -> bool {
        self.with_owned(|owned| owned.call(now)).unwrap_or(false)
    }

    fn with_owned<T>(&self, act: impl FnOnce(&mut Owned) -> T) -> Option<T> {
        self.owned.try_borrow_mut().ok()?.as_mut().map(act)
    }

    /// Lets `act` work on the worker, and shows what comes of it.
    pub fn with_worker<T>(&self, act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
        let mut worker = self.worker.try_borrow_mut().ok()?;
        let done = act(&mut worker);
        let (measurements, log) = (worker.take_measurements(), worker.take_log());
        drop(worker);
        measurements.into_iter().for_each(|it| self.setup.record(it));
        log.iter().for_each(|line| log::warn!("heartbeat-hub: {line}"));
        Some(done)
    }

    /// Answers some of those whose answers are there.
    fn answer_those_who_wait(&self, cx: Context<'_, SharedData>) {
        for _ in 0..BATCH {
            let Some(Some((id, reply))) = self.with_worker(|worker| worker.take_ready(cx)) else {
                return;
            };
            host::on_behalf_of(StreamId(id), self.root, || host::reply(&reply));
        }
    }

    /// Answers some of those whose bodies Envoy doesn't show.
    fn answer_the_unread(&self, now: Instant) {
        for _ in 0..BATCH {
            let Some(stream) = self.bodies.take_hidden(self.root, now) else { return };
            self.with_worker(|worker| worker.on_end(stream.0));
            host::on_behalf_of(stream, self.root, || host::reply(&BodyAccess::problem().reply()));
        }
    }

    /// Has the next tick come when something is due. One that comes sooner is left as it is:
    /// set anew with every message, it would never come.
    fn tick_in_time(&self, now: Instant) {
        let worker = self.worker.try_borrow().ok().map(|worker| worker.next());
        let candidate = self.candidate.try_borrow().ok().map(|candidate| candidate.next());
        let owned = self.with_owned(|owned| owned.next(now));
        let bodies = self.bodies.next();
        let all = worker.into_iter().chain(candidate).chain(owned).chain(bodies);
        let next = all.min().unwrap_or(now);
        let next = next.max(now + nanos(SOON));
        let is_late = self.tick_at.get() < now;
        if next < self.tick_at.get() || is_late {
            self.tick_at.set(next);
            host::tick_every(Some(Duration::from_nanos(next.since(now))));
        }
    }

    /// Takes what others have put into a queue of this VM.
    pub fn on_queue_ready(&self, queue: QueueId) {
        let cx = host::shared();
        self.look_at_ownership(cx);
        if self.wakes.get().is_some_and(|wakes| wakes.id() == queue) {
            while let Some(message) = Queue::numbered(queue).dequeue() {
                self.with_worker(|worker| worker.on_wake(&message));
            }
            self.answer_those_who_wait(cx);
        } else {
            self.with_owned(|owned| owned.on_events(queue, cx.now));
        }
        self.tick_in_time(cx.now);
    }

    /// Puts events into the owner's queue; says whether they are in it.
    pub fn hand_over(&self, message: &[u8]) -> bool {
        // It keeps its number, whoever takes it over.
        if self.events.get().is_none() {
            self.events.set(Queue::resolve(&self.vm_id, &self.setup.keys.events()));
        }
        let is_there = self.events.get().is_some_and(|events| events.enqueue(message));
        self.events.set(self.events.get().filter(|_| is_there));
        is_there
    }

    /// The answer to a call is there.
    pub fn on_answer(&self, token: CallToken, answer: &host::Answer) {
        let now = host::now();
        self.with_owned(|owned| owned.on_answer(token, answer, now));
        self.tick_in_time(now);
    }

    /// A Watch has something to say.
    pub fn on_watch_message(&self, stream: StreamToken, message: &[u8]) {
        let now = host::now();
        self.with_owned(|owned| owned.on_watch_message(stream, message, now));
        self.tick_in_time(now);
    }

    /// A Watch is closed.
    pub fn on_watch_close(&self, stream: StreamToken, status: u32, message: &[u8]) {
        let now = host::now();
        self.with_owned(|owned| owned.on_watch_close(stream, status, message, now));
        self.tick_in_time(now);
    }

    /// The context is gone, and with it what this VM did for others.
    pub fn on_delete(&self) {
        let cx = host::shared();
        if let Ok(mut candidate) = self.candidate.try_borrow_mut() {
            candidate.resign(&self.setup.keys, cx);
        }
        if let Ok(worker) = self.worker.try_borrow() {
            worker.leave(cx);
        }
    }
}
