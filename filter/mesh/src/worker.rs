//! A VM that serves: it reads what is posted and hands it to the owner, and answers from what
//! the owner has handed out.

use crate::api::{self, Problem, Route, Subscription, json};
use crate::assignment::DiscoveryRequest;
use crate::metrics::Metrics;
use crate::publish::Refusals;
use crate::shared::{Held, Keys, Ownership, Wake, Workers};
use admission::Admission;
use copies::Copies;
use heartbeat_common::base::metric::Measurement;
use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::http::edits::Reply;
use heartbeat_common::http::request::RequestHead;
use heartbeat_common::state::{Change, Context, SharedStore, update};
use std::collections::VecDeque;
use std::rc::Rc;
use waiting::{Pending, Waiting};

pub use rule::{Limits, Sender, WorkerRule};

mod admission;
mod copies;
mod held;
mod posted;
mod posts;
mod questions;
mod reads;
mod rule;
mod waiting;

/// How long a body may take to come.
const BODY: Nanos = 10_000_000_000;
/// How long a client waits that isn't told what it wants: it would else ask again at once.
const REFUSED: Nanos = 1_000_000_000;
/// How much of bodies may have come that are still to end, in bytes: those of honest senders
/// are whole within a moment.
const MOST_UNFINISHED: usize = 32 * 1_024 * 1_024;
/// How many may be put off at once by a worker: they count for no limit of those who wait, but they take room.
const MOST_REFUSED: usize = 1_000;
/// How often what is held is looked through, and the other workers hear of it.
const LOOK: Nanos = 200_000_000;

const DISCOVERY: &[u8] = b"/v3/discovery:";
const OWN: &[u8] = b"/mesh/";

/// Whether a request is for the hub.
pub fn concerns(head: &impl RequestHead) -> bool {
    let target = head.path().unwrap_or_default();
    target.starts_with(OWN) || target.starts_with(DISCOVERY)
}

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// The listener's routes answer it.
    Pass,
    /// It is answered.
    Reply(Reply),
    /// More of its body is to come.
    Body,
    /// It is held back, without its body.
    Hold,
    /// This goes to the owner; where it can't, the answer is [`Worker::lost`].
    HandOver(Vec<u8>, Reply),
}

/// What stands beside the head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// The number of the stream.
    pub id: u32,
    /// Whether the head is all of it.
    pub ends: bool,
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    rule: Rc<WorkerRule>,
    keys: Rc<Keys>,
    metrics: Rc<Metrics>,
    /// Tells it from all others of the process.
    token: u64,
    admission: Admission,
    copies: Copies,
    waiting: Waiting,
    refusals: Refusals,
    /// The streams that something has come for.
    ready: VecDeque<u32>,
    others: Held,
    look_at: Instant,
    measurements: Vec<Measurement>,
    log: Vec<String>,
}

impl Worker {
    /// A worker that holds nothing yet.
    pub fn new(rule: &Rc<WorkerRule>, keys: &Rc<Keys>, metrics: &Rc<Metrics>, token: u64) -> Self {
        let sources = rule.owner.sources.iter().map(|source| &*source.name);
        Self {
            admission: Admission::new(keys, rule.limits.rate, sources),
            copies: Copies::new(rule.owner.services.len()),
            rule: Rc::clone(rule),
            keys: Rc::clone(keys),
            metrics: Rc::clone(metrics),
            token,
            waiting: Waiting::default(),
            refusals: Refusals::default(),
            ready: VecDeque::new(),
            others: Held::default(),
            look_at: Instant::ZERO,
            measurements: Vec::new(),
            log: Vec::new(),
        }
    }

    /// A request has come.
    pub fn on_request(
        &mut self,
        stream: Stream,
        head: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        if !concerns(head) {
            return Step::Pass;
        }
        let target = head.path().unwrap_or_default();
        let is_discovery = target.starts_with(DISCOVERY);
        let route = api::route(&head.method().unwrap_or_default(), &target);
        let step = route.and_then(|route| self.on_route(route, stream, head, cx));
        step.unwrap_or_else(|problem| match is_discovery {
            true => self.refuse_later(stream.id, &problem, cx.now),
            false => Step::Reply(problem.reply()),
        })
    }

    fn on_route(
        &mut self,
        route: Route,
        stream: Stream,
        head: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<Step, Problem> {
        match route {
            Route::Events => return self.on_post(stream, head, cx),
            Route::Ready => return self.ready_or_not(cx).map(Step::Reply),
            _ => {}
        }
        if !self.rule.readers.include(head) {
            return Err(Problem::new(403, "you aren't one of those who may read (\"readers\")"));
        }
        let etag = head.header("if-none-match");
        match route {
            Route::Subscribe(subscription) => self.subscribe(stream.id, subscription, cx),
            Route::Page => Ok(Step::Pass),
            Route::Assignment if stream.ends => Err(Problem::new(400, "there is no body")),
            Route::Assignment => {
                self.hold(stream.id, Pending::Question { until: cx.now + BODY })?;
                Ok(Step::Body)
            }
            route => self.read(&route, etag.as_deref(), cx).map(Step::Reply),
        }
    }

    /// Whether there is an owner, and it has published.
    fn ready_or_not(&mut self, cx: Context<'_, impl SharedStore>) -> Result<Reply, Problem> {
        let owner: Ownership = self.keys.owner.read(cx.store);
        if !owner.is_held(cx.now) {
            return Err(admission::unowned());
        }
        if self.copies.changes(&self.keys, cx).is_none() {
            return Err(Problem::new(
                503,
                "the hub listens to its sources before it says anything",
            ));
        }
        Ok(json(200, br#"{"ready":true}"#.to_vec()))
    }

    /// More of a request's body has come: `size` bytes of it are there. `read` reads so many
    /// of them from a place on.
    pub fn on_body(
        &mut self,
        stream: Stream,
        size: usize,
        connection: impl FnOnce() -> u64,
        read: impl Fn(usize, usize) -> Vec<u8>,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        match self.waiting.get(stream.id) {
            Some(Pending::Events { .. }) if size > self.rule.limits.body => {
                self.waiting.forget(stream.id);
                Step::Reply(self.too_large().reply())
            }
            Some(Pending::Question { .. }) if size > api::LARGEST_QUESTION => {
                self.waiting.forget(stream.id);
                let words = "a DiscoveryRequest isn't as large as that";
                self.refuse_later(stream.id, &Problem::new(413, words), cx.now)
            }
            Some(Pending::Events { .. } | Pending::Question { .. }) if !stream.ends => {
                self.wait_for_more(stream.id, size, cx.now)
            }
            Some(Pending::Events { post, .. }) => {
                let post = *post;
                self.waiting.forget(stream.id);
                self.on_events(post, &read(0, size), cx)
            }
            Some(Pending::Question { .. }) => {
                self.waiting.forget(stream.id);
                let head = read(0, DiscoveryRequest::HEAD.min(size));
                let tail = DiscoveryRequest::TAIL.min(size);
                let tail = read(size.saturating_sub(tail), tail);
                self.on_question(stream.id, &head, &tail, connection(), cx)
            }
            Some(_) => Step::Hold,
            None => Step::Pass,
        }
    }

    fn subscribe(
        &mut self,
        id: u32,
        subscription: Subscription,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<Step, Problem> {
        let service = match &*subscription.service {
            "" => None,
            name => Some(
                self.rule
                    .owner
                    .service(name)
                    .ok_or_else(|| Problem::new(404, "there is no such service").of("service"))?,
            ),
        };
        let until = cx.now + heartbeat_common::base::time::nanos(subscription.wait);
        if self.copies.changes(&self.keys, cx).is_some()
            && let Some(reply) = self.news(service, subscription.index, cx)
        {
            return Ok(Step::Reply(reply));
        }
        let index = subscription.index;
        self.hold(id, Pending::Subscription { service, index, until })?;
        Ok(Step::Hold)
    }

    /// The body isn't whole yet. Those that take their time are not to fill the memory.
    fn wait_for_more(&mut self, id: u32, size: usize, now: Instant) -> Step {
        if self.waiting.note_bytes(id, size) <= MOST_UNFINISHED {
            return Step::Body;
        }
        let is_question = matches!(self.waiting.get(id), Some(Pending::Question { .. }));
        self.waiting.forget(id);
        let problem = Problem::new(503, "too many bodies are under way that don't end");
        match is_question {
            true => self.refuse_later(id, &problem, now),
            false => Step::Reply(problem.reply()),
        }
    }

    /// The owner has handed something out.
    pub fn on_wake(&mut self, message: &[u8]) {
        match Wake::read(message) {
            Some(Wake::Assignment(name)) => {
                let Some(service) = self.rule.owner.service(name) else { return };
                self.copies.assignment_changed(service);
                self.ready.extend(self.waiting.for_assignment(service));
            }
            Some(Wake::Changes) => {
                self.copies.all_changed();
                self.ready.extend(self.waiting.for_changes());
            }
            None => {}
        }
    }

    /// Time goes by: what has waited long enough is to be answered, and the others hear how
    /// much is held here. `queue` is the one that this worker is woken by.
    pub fn on_time(&mut self, queue: u32, cx: Context<'_, impl SharedStore>) {
        if self.look_at > cx.now {
            return;
        }
        self.look_at = cx.now + LOOK;
        // Should a wake have been lost, it is found here: the owner may have published before
        // it heard of this worker.
        for service in self.copies.grow_old(cx.now) {
            self.ready.extend(self.waiting.for_assignment(service));
        }
        if self.copies.changes_grow_old(cx.now) {
            self.ready.extend(self.waiting.for_changes());
        }
        self.ready.extend(self.waiting.take_due(cx.now));
        self.tell(queue, cx);
    }

    /// Tells the others that this one is there, and how much it holds.
    fn tell(&mut self, queue: u32, cx: Context<'_, impl SharedStore>) {
        let held = Held { reads: self.copies.are_read(cx.now), ..self.waiting.held() };
        let token = self.token;
        let others = update::<Workers, _>(cx, &self.keys.workers, |workers| {
            let news = workers.see(token, queue, held, cx.now);
            Change::write_if(news, workers.held_by_others(token, cx.now))
        });
        self.others = others.unwrap_or(self.others);
    }

    /// This worker goes.
    pub fn leave(&self, cx: Context<'_, impl SharedStore>) {
        // Where that fails, the others find out by themselves.
        let _ = update::<Workers, _>(cx, &self.keys.workers, |workers| {
            workers.leave(self.token);
            Change::Write(())
        });
    }

    /// When it is to look again.
    pub fn next(&self) -> Instant {
        if self.ready.is_empty() { self.look_at } else { Instant::ZERO }
    }

    /// A stream is over, however it ended.
    pub fn on_end(&mut self, id: u32) {
        self.waiting.forget(id);
    }

    /// What is to be shown to people, since the last call.
    pub fn take_measurements(&mut self) -> Vec<Measurement> {
        std::mem::take(&mut self.measurements)
    }

    /// What the log is to say, since the last call.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

/// Nothing has changed (RFC 9110, section 15.4.5).
fn unchanged() -> Reply {
    api::reply(304, Vec::new(), Vec::new())
}

#[cfg(test)]
mod tests;
