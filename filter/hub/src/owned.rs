//! What a VM does while it owns the table.

use crate::setup::Setup;
use heartbeat_common::base::time::Instant;
use heartbeat_common::callout::{CallToken, StreamToken};
use heartbeat_common::state::{Context, SharedStore, Version};
use heartbeat_host as host;
use heartbeat_host::ids::QueueId;
use heartbeat_host::{Clusters, Queue, SharedData};
use heartbeat_mesh::asking::Asking;
use heartbeat_mesh::owner::Owner;
use heartbeat_mesh::webhook::Webhooks;
use std::rc::Rc;

/// How many messages are taken in one callback: Envoy makes one for each of them.
const BATCH: usize = 256;

const CLUSTERS: Clusters = Clusters { user_agent: "heartbeat-hub" };

/// The table, the queue that leads to it, those who are asked and those who are told.
pub struct Owned {
    setup: Rc<Setup>,
    owner: Owner,
    asking: Asking,
    webhooks: Webhooks,
    /// Those who are told come before those who are asked, next time something is due of both.
    tells_first: bool,
    events: Queue,
}

impl Owned {
    /// This VM owns the table from now on; `None` where Envoy gives it no queue.
    pub fn begin(setup: &Rc<Setup>, cx: Context<'_, SharedData>) -> Option<Self> {
        let events = Queue::register(&setup.keys.events())?;
        let plan = &setup.plan;
        let wall = host::wall_time();
        let owner = Owner::begin(&plan.owner, &setup.keys, &setup.metrics, wall, cx);
        log::info!(
            "heartbeat-hub: version {}, at work for {} by what {} say",
            env!("CARGO_PKG_VERSION"),
            count(plan.owner.services.len(), "service"),
            count(plan.owner.sources.len(), "source"),
        );
        let asking = Asking::new(plan.asked.clone(), plan.services(), setup.token);
        let mut webhooks = Webhooks::new(&plan.webhooks, setup.token);
        webhooks.restore(|name| cx.store.read(&setup.keys.webhook(name)).map(|(kept, _)| kept));
        let setup = Rc::clone(setup);
        Some(Self { setup, owner, asking, webhooks, tells_first: false, events })
    }

    /// Another VM owns the table by now.
    pub fn give_up(self) {
        self.asking.cancel_all(&CLUSTERS);
    }

    /// Calls somebody where that is due; says whether it did.
    pub fn call(&mut self, now: Instant) -> bool {
        self.tells_first = !self.tells_first;
        let first = self.tells_first && self.tell(now);
        let calls = first || self.ask(now) || (!self.tells_first && self.tell(now));
        self.show_webhooks();
        calls
    }

    fn tell(&mut self, now: Instant) -> bool {
        self.webhooks.call(&CLUSTERS, now)
    }

    fn show_webhooks(&mut self) {
        let metrics = &self.setup.metrics;
        for (place, result, count) in self.webhooks.take_results() {
            metrics.webhook(place, result, count).into_iter().for_each(|it| self.setup.record(it));
        }
        self.webhooks.take_log().iter().for_each(|line| log::warn!("heartbeat-hub: {line}"));
    }

    fn ask(&mut self, now: Instant) -> bool {
        let due = self.asking.next_tick(now).is_some_and(|next| next.is_zero());
        if due {
            self.asking.on_tick(&CLUSTERS, now);
            self.take_words(now);
        }
        due
    }

    /// Time goes by.
    pub fn on_time(&mut self, cx: Context<'_, SharedData>) {
        self.take_events(cx.now);
        self.owner.on_empty_queue(cx);
        self.owner.clock().keep(cx.now, host::wall_time);
        self.owner.on_time(cx.now);
        self.publish();
    }

    /// Workers have handed something over.
    pub fn on_events(&mut self, queue: QueueId, now: Instant) {
        if self.events.id() == queue {
            self.take_events(now);
            self.publish();
        }
    }

    fn take_events(&mut self, now: Instant) {
        for _ in 0..BATCH {
            let Some(message) = self.events.dequeue() else { return };
            self.owner.on_message(&message, now);
        }
    }

    /// The answer to a call is there.
    pub fn on_answer(&mut self, token: CallToken, answer: &host::Answer, now: Instant) {
        self.asking.on_answer(token, answer, now);
        self.webhooks.on_answer(token, answer, now);
        self.show_webhooks();
        self.take_words(now);
    }

    /// A Watch has something to say.
    pub fn on_watch_message(&mut self, stream: StreamToken, message: &[u8], now: Instant) {
        self.asking.on_watch_message(stream, message, now);
        self.take_words(now);
    }

    /// A Watch is closed.
    pub fn on_watch_close(&mut self, stream: StreamToken, status: u32, words: &[u8], now: Instant) {
        self.asking.on_watch_close(stream, status, words, now);
        self.take_words(now);
    }

    fn take_words(&mut self, now: Instant) {
        self.asking.take_words().into_iter().for_each(|word| self.owner.on_word(word, now));
        self.asking.take_log().iter().for_each(|line| log::warn!("heartbeat-hub: {line}"));
        self.owner.on_time(now);
        self.publish();
    }

    fn publish(&mut self) {
        let cx = host::shared();
        self.keep_news(cx);
        // By the clock as it is now: how long events take until they are published is shown.
        for (queue, message) in self.owner.publish(cx) {
            Queue::numbered(QueueId(queue)).enqueue(&message);
        }
        self.owner.take_measurements().into_iter().for_each(|it| self.setup.record(it));
    }

    /// Takes what is to be told. It is kept before what it follows from: so an owner after
    /// this one either finds it or finds it out.
    fn keep_news(&mut self, cx: Context<'_, SharedData>) {
        let news = self.owner.take_news(cx.now);
        self.webhooks.note(&news);
        let (keys, mut changed) = (&self.setup.keys, false);
        self.webhooks.keep(|name, kept| {
            changed = true;
            cx.store.write(&keys.webhook(name), kept, Version::ANY)
        });
        if changed {
            let waiting = self.setup.metrics.waiting(self.webhooks.waiting());
            waiting.for_each(|it| self.setup.record(it));
        }
        self.show_webhooks();
    }

    /// When something is due next.
    pub fn next(&self, now: Instant) -> Instant {
        let asking = self.asking.next_tick(now);
        let asking = asking.map(|next| now + u64::try_from(next.as_nanos()).unwrap_or(u64::MAX));
        let telling = self.webhooks.next().unwrap_or(Instant::NEVER);
        self.owner.next(now).min(asking.unwrap_or(Instant::NEVER)).min(telling)
    }
}

fn count(number: usize, what: &str) -> String {
    let more = if number == 1 { "" } else { "s" };
    format!("{number} {what}{more}")
}
