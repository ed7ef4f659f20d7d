//! A VM that serves: it reads what is posted and hands it to the owner, and answers from what
//! the owner has handed out.

use crate::api::{self, Problem, Route, Subscription, json};
use crate::assignment::DiscoveryRequest;
use crate::metrics::{EventResult, Metrics};
use crate::publish::{Client, Refusals};
use crate::shared::{Held, Keys, Ownership, Traffic, Wake, Workers};
use crate::table::{ServiceId, SourceId};
use copies::Copies;
use heartbeat_common::base::metric::Measurement;
use heartbeat_common::base::time::{Instant, Nanos, WallClock};
use heartbeat_common::http::edits::Reply;
use heartbeat_common::http::headers::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use heartbeat_common::http::request::RequestHead;
use heartbeat_common::state::{Bucket, Cell, Change, Context, SharedStore, update};
use posted::{Post, Posted};
use std::collections::VecDeque;
use std::rc::Rc;
use waiting::{Pending, Waiting};

pub use rule::{Limits, Sender, WorkerRule};

mod copies;
mod posted;
mod reads;
mod rule;
mod waiting;

/// How much may be on its way to the owner, in bytes: more than it takes in a second.
const MOST_ON_ITS_WAY: u64 = 4 * 1_024 * 1_024;
/// How long a body may take to come.
const BODY: Nanos = 10_000_000_000;
/// How long a client waits that isn't told what it wants: it would else ask again at once.
const REFUSED: Nanos = 1_000_000_000;
/// How often what is held is looked through, and the other workers hear of it.
const LOOK: Nanos = 200_000_000;

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// It isn't for the hub.
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
    /// The cells by which the sources' requests are counted.
    rates: Vec<Cell>,
    copies: Copies,
    waiting: Waiting,
    refusals: Refusals,
    /// The streams that something has come for.
    ready: VecDeque<u32>,
    others: Held,
    look_at: Instant,
    clock: WallClock,
    measurements: Vec<Measurement>,
    log: Vec<String>,
}

impl Worker {
    /// A worker that holds nothing yet.
    pub fn new(rule: &Rc<WorkerRule>, keys: &Rc<Keys>, metrics: &Rc<Metrics>, token: u64) -> Self {
        let rates = rule.owner.sources.iter().map(|source| keys.rate(&source.name)).collect();
        Self {
            copies: Copies::new(rule.owner.services.len()),
            rule: Rc::clone(rule),
            keys: Rc::clone(keys),
            metrics: Rc::clone(metrics),
            token,
            rates,
            waiting: Waiting::default(),
            refusals: Refusals::default(),
            ready: VecDeque::new(),
            others: Held::default(),
            look_at: Instant::ZERO,
            clock: WallClock::default(),
            measurements: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Wall time, which is read where that is due.
    pub fn clock(&self) -> &WallClock {
        &self.clock
    }

    /// A request has come.
    pub fn on_request(
        &mut self,
        stream: Stream,
        head: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        let target = head.path().unwrap_or_default();
        let is_discovery = target.starts_with(b"/v3/discovery:");
        if !is_discovery && !target.starts_with(b"/mesh/") {
            return Step::Pass;
        }
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
        if self.rule.readers.as_ref().is_some_and(|readers| !readers.include(head)) {
            return Err(Problem::new(403, "you aren't one of those who may read (\"readers\")"));
        }
        let etag = head.header("if-none-match");
        match route {
            Route::Subscribe(subscription) => self.subscribe(stream.id, subscription, cx),
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
            return Err(Problem::new(503, "nobody owns the table just now"));
        }
        if self.copies.changes(&self.keys, cx).is_none() {
            return Err(Problem::new(
                503,
                "the hub listens to its sources before it says anything",
            ));
        }
        Ok(json(200, br#"{"ready":true}"#.to_vec()))
    }

    /// Somebody posts events.
    fn on_post(
        &mut self,
        stream: Stream,
        head: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<Step, Problem> {
        let source = self.rule.sender(head).ok_or_else(|| {
            Problem::new(403, "you aren't one of those who may speak for a source (\"allow\")")
        })?;
        if head.header(CONTENT_ENCODING).is_some_and(|it| !it.eq_ignore_ascii_case(b"identity")) {
            return Err(Problem::new(415, "events must come without a content-encoding"));
        }
        let content_type = head.header(CONTENT_TYPE);
        let post = Post::begin(source, content_type.as_deref(), cx.now)?;
        let announced = head.header(CONTENT_LENGTH);
        let announced = announced.and_then(|it| std::str::from_utf8(&it).ok()?.parse().ok());
        if announced.is_some_and(|size: usize| size > self.rule.limits.body) {
            return Err(self.too_large());
        }
        if stream.ends {
            return Err(Problem::new(400, "there is no body"));
        }
        self.admit(source, cx)?;
        self.hold(stream.id, Pending::Events { post, until: cx.now + BODY })?;
        Ok(Step::Body)
    }

    fn too_large(&self) -> Problem {
        let limit = self.rule.limits.body;
        Problem::new(
            413,
            format!(
                "a body has {limit} bytes at most (\"limits.body\"): post more often, or fewer events"
            ),
        )
    }

    /// Whether there is room for a source's request, and somebody to take it.
    fn admit(
        &mut self,
        source: SourceId,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<(), Problem> {
        let limits = &self.rule.limits;
        let taken = self.rates.get(source.0).map(|cell| {
            update::<Bucket, _>(cx, cell, |bucket| {
                let taken = bucket.take(limits.rate, limits.rate.count, cx.now);
                Change::write_if(taken.is_ok(), taken)
            })
        });
        let refused = if let Some(Ok(Err(_))) = taken {
            Some(Problem::new(
                429,
                "too many requests of this source (\"limits.rate\"): put more events into each",
            ))
        } else if !self.keys.owner.read::<Ownership>(cx.store).is_held(cx.now) {
            Some(Problem::new(503, "nobody owns the table just now"))
        } else if self.keys.traffic.read::<Traffic>(cx.store).waits() > MOST_ON_ITS_WAY {
            Some(Problem::new(503, "more has come than the hub can take in"))
        } else {
            None
        };
        if refused.is_some() {
            self.count(source, EventResult::Limited, 1);
        }
        refused.map_or(Ok(()), Err)
    }

    fn count(&mut self, source: SourceId, result: EventResult, count: usize) {
        let mut results = [0; EventResult::COUNT];
        results.get_mut(result as usize).into_iter().for_each(|it| *it = count as u64);
        self.measurements.extend(self.metrics.events(source, &results));
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
            Some(Pending::Events { .. } | Pending::Question { .. }) if !stream.ends => Step::Body,
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

    fn on_events(&mut self, post: Post, body: &[u8], cx: Context<'_, impl SharedStore>) -> Step {
        let posted = match post.read(body, &self.rule) {
            Ok(posted) => posted,
            Err(problem) => {
                self.count(post.source, EventResult::Refused, 1);
                return Step::Reply(problem.reply());
            }
        };
        self.count(post.source, EventResult::Refused, posted.refused);
        self.measurements.extend(self.metrics.ignored_fields(post.source, posted.ignored_fields));
        let Posted { message, answer, .. } = posted;
        let Some(message) = message else { return Step::Reply(json(202, answer)) };
        let put = update::<Traffic, _>(cx, &self.keys.traffic, |traffic| {
            traffic.put = traffic.put.saturating_add(message.len() as u64);
            Change::Write(())
        });
        match put {
            Ok(()) => Step::HandOver(message, json(202, answer)),
            Err(_) => Step::Reply(Self::lost()),
        }
    }

    /// The answer where the owner can't be reached.
    pub fn lost() -> Reply {
        Problem::new(503, "nobody owns the table just now").reply()
    }

    /// A client's Envoy asks for an assignment.
    fn on_question(
        &mut self,
        id: u32,
        head: &[u8],
        tail: &[u8],
        connection: u64,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        let question = match DiscoveryRequest::read(head, tail) {
            Ok(question) => question,
            Err(unfit) => return self.refuse_later(id, &unfit.problem(), cx.now),
        };
        let Some(service) = self.rule.owner.service(&question.service) else {
            let problem = Problem::new(404, "there is no such service").of("resource_names");
            return self.refuse_later(id, &problem, cx.now);
        };
        let Some((present, document)) = self.copies.assignment(service, &self.rule, &self.keys, cx)
        else {
            return self.without_assignment(id, service, cx);
        };
        let client = (question.node.as_deref().unwrap_or_default(), &*question.service, connection);
        match self.refusals.ask(client, question.version.as_deref(), present) {
            Client::Behind => Step::Reply(json(200, document.to_vec())),
            Client::Current => {
                let until = cx.now + self.rule.hold;
                let version = present.to_owned();
                self.hold_or_refuse(id, Pending::Assignment { service, version, until })
            }
            Client::Refuses { news } => {
                self.note_refusal(&question, news);
                let until = cx.now + self.rule.hold;
                self.hold_or_refuse(id, Pending::Refusing { service, until })
            }
        }
    }

    /// Nothing is known of a service: not yet, or nobody has ever spoken of an instance.
    fn without_assignment(
        &mut self,
        id: u32,
        service: ServiceId,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        if self.copies.changes(&self.keys, cx).is_some() {
            let words = "no instance of this service is known";
            return self.refuse_later(id, &Problem::new(503, words), cx.now);
        }
        let (version, until) = (String::new(), cx.now + self.rule.hold);
        self.hold_or_refuse(id, Pending::Assignment { service, version, until })
    }

    fn note_refusal(&mut self, question: &DiscoveryRequest, news: bool) {
        self.measurements.push(self.metrics.refused_assignment());
        if news {
            let node = question.node.as_deref().unwrap_or("without an id");
            self.log.push(format!(
                "the Envoy {node:?} doesn't take the assignment of {:?}: its own log says why (update_rejected); it is told again every {} s",
                question.service,
                self.rule.hold / 1_000_000_000,
            ));
        }
    }

    /// Answers a client that can't be told what it wants, but not at once.
    fn refuse_later(&mut self, id: u32, problem: &Problem, now: Instant) -> Step {
        let refused = Pending::Refused { reply: problem.reply(), until: now + REFUSED };
        self.hold_or_refuse(id, refused)
    }

    fn hold_or_refuse(&mut self, id: u32, pending: Pending) -> Step {
        match self.hold(id, pending) {
            Ok(()) => Step::Hold,
            Err(problem) => Step::Reply(problem.reply()),
        }
    }

    /// Holds a request back, where there is room.
    fn hold(&mut self, id: u32, pending: Pending) -> Result<(), Problem> {
        let most = self.rule.limits.waiters;
        // However many wait, whoever brings news is heard.
        let as_many = match pending {
            Pending::Events { .. } | Pending::Question { .. } => self.waiting.bodies(),
            _ => self.waiting.held().all() + self.others.all(),
        };
        if as_many >= most {
            return Err(Problem::new(503, "as many requests wait as may (\"limits.waiters\")"));
        }
        self.waiting.hold(id, pending);
        Ok(())
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
        // Should a wake have been lost, it is found here.
        self.copies.grow_old(cx.now);
        self.ready.extend(self.waiting.take_due(cx.now));
        self.tell(queue, cx);
    }

    /// Tells the others that this one is there, and how much it holds.
    fn tell(&mut self, queue: u32, cx: Context<'_, impl SharedStore>) {
        let (token, held) = (self.token, self.waiting.held());
        let others = update::<Workers, _>(cx, &self.keys.workers, |workers| {
            workers.see(token, queue, held, cx.now);
            Change::Write(workers.held_by_others(token, cx.now))
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

    /// The next held request that is to be answered, and how.
    pub fn take_ready(&mut self, cx: Context<'_, impl SharedStore>) -> Option<(u32, Reply)> {
        while let Some(id) = self.ready.pop_front() {
            if let Some(reply) = self.answer(id, cx) {
                self.waiting.forget(id);
                return Some((id, reply));
            }
        }
        None
    }

    /// The answer to a request that was held; `None` where it goes on waiting, or is gone.
    fn answer(&mut self, id: u32, cx: Context<'_, impl SharedStore>) -> Option<Reply> {
        let pending = self.waiting.get(id)?;
        let over = pending.until() <= cx.now;
        match pending {
            Pending::Events { .. } | Pending::Question { .. } => over.then(|| {
                Problem::new(408, "the body took longer than ten seconds to come").reply()
            }),
            Pending::Refused { reply, .. } => over.then(|| copy_of(reply)),
            Pending::Assignment { service, version, .. } => {
                let present = self.copies.assignment(*service, &self.rule, &self.keys, cx);
                match present {
                    Some((present, document)) if present != version => {
                        Some(json(200, document.to_vec()))
                    }
                    None if over => {
                        let words = "the hub listens to its sources before it says anything";
                        Some(Problem::new(503, words).reply())
                    }
                    _ => over.then(unchanged),
                }
            }
            Pending::Refusing { service, .. } => {
                let (_, document) = self
                    .copies
                    .assignment(*service, &self.rule, &self.keys, cx)
                    .filter(|_| over)?;
                Some(json(200, document.to_vec()))
            }
            Pending::Subscription { service, index, .. } => {
                let (service, index) = (*service, *index);
                self.news(service, index, cx).or_else(|| over.then(unchanged))
            }
        }
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

fn copy_of(reply: &Reply) -> Reply {
    Reply { headers: reply.headers.clone(), body: reply.body.clone(), ..*reply }
}

/// Nothing has changed (RFC 9110, section 15.4.5).
fn unchanged() -> Reply {
    api::reply(304, Vec::new(), Vec::new())
}

#[cfg(test)]
mod tests;
