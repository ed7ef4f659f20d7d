//! The VM that owns the table: what the workers hand over and what was asked comes in, and
//! what follows from it goes out to them.

use crate::asking::Word;
use crate::assignment::Assignment;
use crate::backend::{Backend, InMemory};
use crate::changes::Changes;
use crate::metrics::{EventResult, Metrics};
use crate::publish::Pace;
use crate::records::{Record, Records};
use crate::shared::{Keys, Traffic, Wake, Workers};
use crate::table::{ServiceId, SourceId, Table, Taken};
use crate::webhook::Change as VerdictChange;
use heartbeat_common::base::metric::Measurement;
use heartbeat_common::base::time::{Instant, Nanos, WallClock, WallTime};
use heartbeat_common::state::{Change, Context, SharedStore, Version, update};
use news::News;
use rules::{WarmUp, warm_up};
use std::rc::Rc;

pub use rules::OwnerRule;

mod news;
mod rules;

/// How often it is looked whether time has changed anything where it may: what is to prove
/// itself, whose trust has to do with a verdict.
const LOOK: Nanos = 50_000_000;
/// The same where all is well as far as anybody says.
const SELDOM: Nanos = 1_000_000_000;
/// A look costs a seventh of a microsecond for each instance, and this, too.
const PER_LOOK: Nanos = 3_000;
/// How often what is known goes out although no verdict has changed: how old words are,
/// latency, trust.
const REFRESH: Nanos = 1_000_000_000;
/// Nobody reads what is known of many instances for most of the time: then it goes out the
/// more seldom the more there are, and so often at least.
const UNREAD: Nanos = 5_000_000_000;
const PER_UNREAD: Nanos = 2_500_000;
/// What is known of an instance takes a third of a microsecond to be handed over, and this
/// is to take no more than a twentieth of the time.
const PER_INSTANCE: Nanos = 6_000;
/// After how many bytes, or how long, the workers hear what was taken out of the queue: well
/// within what may be in it.
const COUNT_AT: u64 = 256 * 1_024;
const COUNT: Nanos = 100_000_000;

/// What goes out of a service.
#[derive(Debug)]
struct Publication {
    name: Rc<str>,
    assignment: Pace,
    version: String,
    snapshot_at: Instant,
    /// Something has changed since the last snapshot.
    changed: bool,
    /// When the first event came of which nobody has heard yet.
    pending_since: Option<Instant>,
}

impl Publication {
    /// When the next snapshot of so many instances may go out, which somebody reads or nobody.
    fn snapshot_due(&self, instances: usize, are_read: bool) -> Instant {
        let instances = instances as u64;
        let pause = match self.changed {
            true => instances * PER_INSTANCE,
            false if are_read || instances * PER_UNREAD <= REFRESH => 0,
            false => (instances * PER_UNREAD).min(UNREAD),
        };
        self.snapshot_at + pause
    }
}

/// The owner.
#[derive(Debug)]
pub struct Owner {
    rule: Rc<OwnerRule>,
    keys: Rc<Keys>,
    metrics: Rc<Metrics>,
    table: Table,
    services: Vec<Publication>,
    changes: Changes,
    /// What is told to webhooks, where there are any.
    news: Option<News>,
    clock: WallClock,
    /// How long it listens before it publishes anything.
    warm_up: WarmUp,
    begun: Instant,
    /// When it heard the first word.
    first_word: Option<Instant>,
    looked_at: Instant,
    /// A source takes something back, or is lost or heard: it is to be looked at once.
    must_look: bool,
    refresh_at: Instant,
    /// What was taken out of the queue since that was last said, in bytes.
    taken: u64,
    /// When it is to be said at the latest.
    count_at: Instant,
    /// The queue was found empty while something was said to be in it.
    missing: Option<(Instant, u64)>,
    measurements: Vec<Measurement>,
}

impl Owner {
    /// Begins, where there was an owner before it in this process with what that knew.
    /// `wall` is wall time.
    pub fn begin(
        rule: &Rc<OwnerRule>,
        keys: &Rc<Keys>,
        metrics: &Rc<Metrics>,
        wall: WallTime,
        cx: Context<'_, impl SharedStore>,
    ) -> Self {
        let now = cx.now;
        let clock = WallClock::default();
        clock.keep(now, || wall);
        let mut table = Table::new(
            rule.sources.clone(),
            rule.services.clone(),
            rule.recovery,
            rule.most_instances,
            now,
        );
        let mut known = false;
        let backend = InMemory::new(keys, cx.store);
        for service in &rule.services {
            backend.recall(&service.name, &mut |snapshot| {
                table.restore(snapshot, now);
                known = true;
            });
        }
        let news = rule.tells.then(|| News::of(&table, rule.services.len(), wall, now));
        let warm_up = if known { WarmUp::default() } else { warm_up(&rule.sources) };
        let services = rule.services.iter().map(|service| {
            let mut assignment = Pace::new(rule.publish_every);
            assignment.note();
            Publication {
                name: service.name.as_str().into(),
                assignment,
                version: String::new(),
                snapshot_at: Instant::ZERO,
                changed: true,
                pending_since: None,
            }
        });
        Self {
            services: services.collect(),
            warm_up,
            begun: now,
            first_word: None,
            rule: Rc::clone(rule),
            keys: Rc::clone(keys),
            metrics: Rc::clone(metrics),
            table,
            changes: Changes::begin(wall.0 / 1_000),
            news,
            clock,
            looked_at: Instant::ZERO,
            must_look: true,
            refresh_at: now,
            taken: 0,
            count_at: Instant::ZERO,
            missing: None,
            measurements: Vec::new(),
        }
    }

    /// Takes what a worker has handed over.
    pub fn on_message(&mut self, message: &[u8], now: Instant) {
        self.taken += message.len() as u64;
        let Some(records) = Records::read(message) else { return };
        let (source, arrived) = (self.rule.source(records.source), records.arrived);
        let mut results = [0_u64; EventResult::COUNT];
        for record in records {
            let taken = self.take_record(source, &record, arrived, now);
            if let Some(count) = results.get_mut(EventResult::of(taken) as usize) {
                *count += 1;
            }
        }
        let Some(source) = source else { return };
        self.measurements.extend(self.metrics.events(source, &results));
    }

    fn take_record(
        &mut self,
        source: Option<SourceId>,
        record: &Record<'_>,
        arrived: Instant,
        now: Instant,
    ) -> Taken {
        let (Some(source), Some(service)) = (source, self.rule.service(record.service)) else {
            return Taken::Unknown;
        };
        let place = record.place.as_ref();
        let taken = self.table.take(source, service, record.instance, &record.report, place, now);
        if self.table.has_changes() {
            self.note_changes(arrived);
        }
        taken
    }

    /// Takes what has come of asking.
    pub fn on_word(&mut self, word: Word, now: Instant) {
        match word {
            Word::Said { source, service, instance, report, place } => {
                let taken =
                    self.table.take(source, service, &instance, &report, place.as_ref(), now);
                let mut results = [0; EventResult::COUNT];
                let result = results.get_mut(EventResult::of(taken) as usize);
                result.into_iter().for_each(|count| *count = 1);
                self.measurements.extend(self.metrics.events(source, &results));
                self.note_changes(now);
            }
            Word::Withdrawn { source, service, instance } => {
                self.table.withdraw(source, service, &instance);
                self.must_look = true;
            }
            Word::StartsOver(source) => {
                self.table.start_over(source);
                self.must_look = true;
            }
            Word::Lost(source) => {
                self.table.lose(source);
                self.must_look = true;
            }
            Word::Heard(source) => {
                self.table.hear(source);
                self.must_look = true;
            }
            Word::RoundTrip(source, took) => self.table.note_round_trip(source, took, now),
        }
    }

    /// Takes note of what the table says has changed by something that came at a moment.
    fn note_changes(&mut self, arrived: Instant) {
        for (service, instance) in self.table.take_changes() {
            let Some(publication) = self.services.get_mut(service.0) else { continue };
            publication.assignment.note();
            publication.changed = true;
            publication.pending_since.get_or_insert(arrived);
            if let Some(news) = &mut self.news {
                news.note(&self.table, &self.rule, &self.clock, service, &instance, arrived);
            }
            self.changes.note(publication.name.to_string(), instance);
        }
    }

    /// Wall time, which is to be read where that is due.
    pub fn clock(&self) -> &WallClock {
        &self.clock
    }

    /// When it is to be looked what time has changed: a silence as soon as it is one, unless
    /// there are that many.
    fn look_at(&self) -> Instant {
        if self.must_look {
            return Instant::ZERO;
        }
        let soonest = self.looked_at + self.table.instances() as u64 * PER_LOOK;
        let latest = self.looked_at + if self.table.is_open() { LOOK } else { SELDOM };
        self.table.silences_at().max(soonest).min(latest)
    }

    /// Time goes by.
    pub fn on_time(&mut self, now: Instant) {
        if self.look_at() > now {
            return;
        }
        (self.looked_at, self.must_look) = (now, false);
        self.table.on_time(now);
        self.note_changes(now);
    }

    /// When it is to say something.
    fn warm_at(&self) -> Instant {
        let WarmUp { least, beat, most } = self.warm_up;
        let all_spoken = self.first_word.map_or(Instant::NEVER, |first| first + beat);
        all_spoken.min(self.begun + most).max(self.begun + least)
    }

    /// The verdicts that have changed since the last call. While it only listens there are none.
    pub fn take_news(&mut self, now: Instant) -> Vec<Rc<VerdictChange>> {
        let is_warm = self.warm_at() <= now;
        let Some(news) = self.news.as_mut().filter(|_| is_warm) else { return Vec::new() };
        news.begin(&self.table, &self.rule, &self.clock, now);
        news.take()
    }

    /// Hands out what is due, and says who is to be woken for what.
    pub fn publish(&mut self, cx: Context<'_, impl SharedStore>) -> Vec<(u32, Vec<u8>)> {
        self.count_taken(cx);
        if self.first_word.is_none() && self.table.has_words() {
            self.first_word = Some(cx.now);
        }
        if self.warm_at() > cx.now {
            return Vec::new();
        }
        let mut wakes = Vec::new();
        for number in 0..self.services.len() {
            if self.publish_assignment(ServiceId(number), cx) {
                wakes
                    .extend(self.services.get(number).map(|it| Wake::Assignment(&it.name).write()));
            }
        }
        if self.publish_snapshots(cx) {
            wakes.push(Wake::Changes.write());
        }
        if wakes.is_empty() {
            return Vec::new();
        }
        let workers: Workers = self.keys.workers.read(cx.store);
        let queues = workers.queues(cx.now);
        queues.flat_map(|queue| wakes.iter().map(move |wake| (queue, wake.clone()))).collect()
    }

    fn publish_assignment(
        &mut self,
        service: ServiceId,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        let Some(publication) = self.services.get_mut(service.0) else { return false };
        if !publication.assignment.take(cx.now) {
            return false;
        }
        let pending_since = publication.pending_since.take();
        let endpoints = self.table.endpoints(service, cx.now);
        // Where nothing is known, an assignment of an earlier owner stays.
        let Some(assignment) = Assignment::of(&publication.name, endpoints) else { return false };
        if assignment.version == publication.version {
            return false;
        }
        let value = assignment.write();
        let key = self.keys.assignment(&publication.name);
        if !cx.store.write(&key, &value, Version::ANY) {
            publication.assignment.note();
            return false;
        }
        publication.version = assignment.version;
        self.measurements.extend(self.metrics.published(service));
        let took = pending_since.map(|since| cx.now.since(since));
        self.measurements.extend(took.map(|took| self.metrics.convergence(took)));
        true
    }

    /// Hands out what is known; says whether somebody waits for that.
    fn publish_snapshots(&mut self, cx: Context<'_, impl SharedStore>) -> bool {
        let refresh = self.refresh_at <= cx.now;
        let mut are_read = false;
        if refresh {
            self.refresh_at = cx.now + REFRESH;
            self.measurements.extend(self.metrics.of_table(&self.table, cx.now));
            let workers: Workers = self.keys.workers.read(cx.store);
            let held = workers.held(cx.now);
            are_read = held.reads;
            self.measurements.extend(self.metrics.subscribers(held));
        }
        let wall_ahead = self.clock.at(Instant::ZERO).0;
        let mut changed = false;
        for (number, publication) in self.services.iter_mut().enumerate() {
            let service = ServiceId(number);
            let due = publication.snapshot_due(self.table.instances_of(service), are_read);
            let is_due = due <= cx.now;
            if !is_due || !(publication.changed || refresh) {
                continue;
            }
            let Some(snapshot) = self.table.snapshot(service, wall_ahead, cx.now) else { continue };
            if InMemory::new(&self.keys, cx.store).keep(&publication.name, &snapshot) {
                publication.snapshot_at = cx.now;
                changed |= std::mem::take(&mut publication.changed);
            }
        }
        if changed {
            cx.store.write(&self.keys.changes(), &self.changes.write(), Version::ANY);
        }
        changed
    }

    /// Says how much it has taken out of the queue, where that is much or was long ago.
    fn count_taken(&mut self, cx: Context<'_, impl SharedStore>) {
        let is_due = self.taken >= COUNT_AT || self.count_at <= cx.now;
        if self.taken == 0 || !is_due {
            return;
        }
        self.count_at = cx.now + COUNT;
        let taken = std::mem::take(&mut self.taken);
        let waits = update::<Traffic, _>(cx, &self.keys.traffic, |traffic| {
            traffic.taken = traffic.taken.saturating_add(taken).min(traffic.put);
            Change::Write(traffic.waits())
        });
        self.measurements.extend(waits.ok().map(|waits| self.metrics.queue_bytes(waits)));
    }

    /// The queue is empty. What is said to be in it for as long as a second has never come:
    /// a worker may have gone between two steps.
    pub fn on_empty_queue(&mut self, cx: Context<'_, impl SharedStore>) {
        const LONG: Nanos = 1_000_000_000;
        let traffic: Traffic = self.keys.traffic.read(cx.store);
        match self.missing {
            _ if traffic.waits() == 0 => self.missing = None,
            Some((since, put)) if put == traffic.put => {
                if cx.now.since(since) >= LONG {
                    self.taken = self.taken.saturating_add(traffic.waits());
                    self.missing = None;
                }
            }
            _ => self.missing = Some((cx.now, traffic.put)),
        }
    }

    /// When something is due next.
    pub fn next(&self, now: Instant) -> Instant {
        let paces = self.services.iter().filter_map(|it| it.assignment.due());
        let snapshots = self.services.iter().enumerate().filter(|(_, it)| it.changed);
        let snapshots = snapshots
            .map(|(number, it)| it.snapshot_due(self.table.instances_of(ServiceId(number)), false));
        let work = paces.chain(snapshots).min().unwrap_or(Instant::NEVER).max(self.warm_at());
        let count_at = if self.taken == 0 { Instant::NEVER } else { self.count_at };
        work.min(count_at).min(self.look_at()).min(self.refresh_at.max(self.warm_at())).max(now)
    }

    /// What is to be shown to people, since the last call.
    pub fn take_measurements(&mut self) -> Vec<Measurement> {
        std::mem::take(&mut self.measurements)
    }
}

#[cfg(test)]
mod tests;
