//! What all streams of a configuration share in one worker.

use crate::host::{self, Clusters, MetricId, SharedData, StreamId};
use crate::messages::Messages;
use crate::waiting::Waiting;
use heartbeat_core::background::Background;
use heartbeat_core::callout::{CallToken, StreamToken};
use heartbeat_core::{Exchange, Policy, Signals, Surroundings};
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

/// A configuration at work.
pub struct Plugin {
    /// The compiled configuration.
    pub policy: Policy,
    /// The probes that wait for the answer to another one.
    pub waiting: Waiting,
    /// Whether Envoy shows a call's message in time.
    pub messages: Messages,
    /// What is done without a request.
    background: RefCell<Background>,
    /// The ids of the policy's metrics, in its order; `None` where Envoy refused one.
    metrics: Vec<Option<MetricId>>,
    /// Makes the tokens of this worker differ from those of the others.
    tokens: RandomState,
}

impl Plugin {
    /// Puts the present configuration to work.
    pub fn configure() -> Result<Self, heartbeat_core::ConfigErrors> {
        let surroundings =
            Surroundings { service_cluster: host::service_cluster(), plugin: host::plugin_name() };
        let policy = Policy::from_bytes(&host::plugin_configuration(), &surroundings)?;
        let metrics = policy.metrics().iter().map(host::define).collect();
        for note in policy.notes(&SharedData, host::now()) {
            log::warn!("heartbeat-filter: {note}");
        }
        let tokens = RandomState::new();
        let background =
            Background::new(Rc::clone(policy.evidence()), tokens.hash_one(host::now()));
        host::tick_every(background.next_tick(0));
        let background = RefCell::new(background);
        let (waiting, messages) = Default::default();
        Ok(Self { policy, waiting, messages, background, metrics, tokens })
    }

    /// Does what is due, and has itself called when something is again.
    pub fn on_tick(&self) {
        let waiters = self.waiting.wake(self);
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        let now = host::now();
        background.on_tick(&Clusters, &SharedData, now);
        self.show(background.take_signals());
        host::tick_every(waiters.into_iter().chain(background.next_tick(now)).min());
    }

    /// The answer to a call of the background is there.
    pub fn on_answer(&self, token: CallToken, answer: &host::Answer) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        let now = host::now();
        background.on_answer(token, answer, &SharedData, now);
        self.show(background.take_signals());
    }

    /// A Watch of the background's has something to say.
    pub fn on_watch_message(&self, stream: StreamToken, message: &[u8]) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        background.on_message(stream, message, &SharedData, host::now());
        self.show(background.take_signals());
    }

    /// A Watch of the background's is closed.
    pub fn on_watch_close(&self, stream: StreamToken, status: u32, message: &[u8]) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        background.on_close(stream, status, message, &SharedData, host::now());
        self.show(background.take_signals());
        // The next tick may come too late to open it again; it is set anew in a
        // tick, which knows who waits.
        host::tick_every(Some(Duration::ZERO));
    }

    /// A number that no other probe of the process has.
    pub fn token(&self, stream: StreamId, now: u64) -> u64 {
        self.tokens.hash_one((stream.0, now))
    }

    /// Raises a counter by one.
    pub fn raise(&self, metric: usize) {
        if let Some(Some(id)) = self.metrics.get(metric) {
            host::increment(*id);
        }
    }

    /// Shows what an exchange has to show since the last time.
    pub fn show_signals_of(&self, exchange: &mut Exchange) {
        self.show(exchange.take_signals());
    }

    fn show(&self, signals: Signals) {
        let Signals { raise, set, log } = signals;
        raise.into_iter().for_each(|metric| self.raise(metric));
        for (metric, value) in set {
            if let Some(Some(id)) = self.metrics.get(metric) {
                host::set(*id, value);
            }
        }
        log.iter().for_each(|line| log::warn!("heartbeat-filter: {line}"));
    }
}
