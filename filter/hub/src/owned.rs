//! What a VM does while it owns the table.

use crate::setup::Setup;
use heartbeat_common::base::time::Instant;
use heartbeat_common::callout::{CallToken, StreamToken};
use heartbeat_host as host;
use heartbeat_host::ids::QueueId;
use heartbeat_host::{Clusters, Queue};
use heartbeat_mesh::asking::Asking;
use heartbeat_mesh::owner::Owner;
use std::rc::Rc;

/// How many messages are taken in one callback: Envoy makes one for each of them.
const BATCH: usize = 256;

const CLUSTERS: Clusters = Clusters { user_agent: "heartbeat-hub" };

/// The table, the queue that leads to it, and those who are asked.
pub struct Owned {
    setup: Rc<Setup>,
    owner: Owner,
    asking: Asking,
    events: Queue,
}

impl Owned {
    /// This VM owns the table from now on; `None` where Envoy gives it no queue.
    pub fn begin(setup: &Rc<Setup>) -> Option<Self> {
        let events = Queue::register(&setup.keys.events())?;
        let plan = &setup.plan;
        let (wall, cx) = (host::wall_time(), host::shared());
        let owner = Owner::begin(&plan.owner, &setup.keys, &setup.metrics, wall, cx);
        log::info!(
            "heartbeat-hub: version {}, at work for {} by what {} say",
            env!("CARGO_PKG_VERSION"),
            count(plan.owner.services.len(), "service"),
            count(plan.owner.sources.len(), "source"),
        );
        let asking = Asking::new(plan.asked.clone(), plan.services(), setup.token);
        Some(Self { setup: Rc::clone(setup), owner, asking, events })
    }

    /// Another VM owns the table by now.
    pub fn give_up(self) {
        self.asking.cancel_all(&CLUSTERS);
    }

    /// Asks a source where that is due; says whether it did.
    pub fn ask(&mut self) -> bool {
        let now = host::now();
        let due = self.asking.next_tick(now).is_some_and(|next| next.is_zero());
        if due {
            self.asking.on_tick(&CLUSTERS, now);
            self.take_words();
        }
        due
    }

    /// Time goes by.
    pub fn on_time(&mut self) {
        self.take_events();
        self.owner.on_empty_queue(host::shared());
        let now = host::now();
        self.owner.clock().keep(now, host::wall_time);
        self.owner.on_time(now);
        self.publish();
    }

    /// Workers have handed something over.
    pub fn on_events(&mut self, queue: QueueId) {
        if self.events.id() == queue {
            self.take_events();
            self.publish();
        }
    }

    fn take_events(&mut self) {
        for _ in 0..BATCH {
            let Some(message) = self.events.dequeue() else { return };
            self.owner.on_message(&message, host::now());
        }
    }

    /// The answer to a call is there.
    pub fn on_answer(&mut self, token: CallToken, answer: &host::Answer) {
        self.asking.on_answer(token, answer, host::now());
        self.take_words();
    }

    /// A Watch has something to say.
    pub fn on_watch_message(&mut self, stream: StreamToken, message: &[u8]) {
        self.asking.on_watch_message(stream, message, host::now());
        self.take_words();
    }

    /// A Watch is closed.
    pub fn on_watch_close(&mut self, stream: StreamToken, status: u32, words: &[u8]) {
        self.asking.on_watch_close(stream, status, words, host::now());
        self.take_words();
    }

    fn take_words(&mut self) {
        let now = host::now();
        self.asking.take_words().into_iter().for_each(|word| self.owner.on_word(word, now));
        self.asking.take_log().iter().for_each(|line| log::warn!("heartbeat-hub: {line}"));
        self.owner.on_time(now);
        self.publish();
    }

    fn publish(&mut self) {
        for (queue, message) in self.owner.publish(host::shared()) {
            Queue::numbered(QueueId(queue)).enqueue(&message);
        }
        self.owner.take_measurements().into_iter().for_each(|it| self.setup.record(it));
    }

    /// When something is due next.
    pub fn next(&self, now: Instant) -> Instant {
        let asking = self.asking.next_tick(now);
        let asking = asking.map(|next| now + u64::try_from(next.as_nanos()).unwrap_or(u64::MAX));
        self.owner.next(now).min(asking.unwrap_or(Instant::NEVER))
    }
}

fn count(number: usize, what: &str) -> String {
    let more = if number == 1 { "" } else { "s" };
    format!("{number} {what}{more}")
}
