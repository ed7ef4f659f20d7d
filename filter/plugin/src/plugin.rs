//! What all streams of a configuration share in one worker.

use crate::body_access::BodyAccess;
use crate::waiting::{Cause, Looked, Waiting};
use heartbeat_core::background::Background;
use heartbeat_core::base::environment::{Build, Variables};
use heartbeat_core::base::metric::Measurement;
use heartbeat_core::base::time::Instant;
use heartbeat_core::callout::{CallToken, StreamToken};
use heartbeat_core::exchange::markers_of;
use heartbeat_core::format::Medium;
use heartbeat_core::inspect::{self, Inspector};
use heartbeat_core::policy::loads::{LoadResult, Seen, note_refusal, refusals};
use heartbeat_core::state::{Context, fingerprint};
use heartbeat_core::{Environment, Exchange, Policy, Signals};
use heartbeat_host::ids::{RootId, StreamId};
use heartbeat_host::{self as host, Clusters, DefinedMetrics, SharedData};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

/// An exchange that its stream shares with the next one, where Envoy follows a redirect.
pub type SharedExchange = Rc<RefCell<Exchange>>;

/// How many probes at a time may be on their way from one stream to the next.
const MOST_REDIRECTED: usize = 64;

/// A configuration at work.
pub struct Plugin {
    /// The context that it ticks in and that its answers come to.
    pub root: RootId,
    /// The compiled configuration.
    pub policy: Policy,
    /// The streams that wait for something else than their own callbacks.
    pub waiting: Waiting,
    /// Whether Envoy shows a call's message in time.
    pub body_access: BodyAccess,
    /// The streams that wait for the answer to a call, by its token.
    asked: RefCell<Vec<(CallToken, StreamId)>>,
    /// The probes that Envoy takes on where a redirect led to, until their next stream
    /// begins.
    redirected: RefCell<VecDeque<SharedExchange>>,
    /// Shows what is known, where a rule has it shown.
    inspector: Inspector,
    /// What is done without a request.
    background: RefCell<Background>,
    /// Whether the last tick was for it.
    called: Cell<bool>,
    /// The policy's metrics.
    metrics: DefinedMetrics,
    /// The next token. The first is random, so that those of other workers differ.
    token: Cell<u64>,
}

/// What Envoy has counted.
struct Metrics<'a>(&'a DefinedMetrics);

impl inspect::Proxy for Metrics<'_> {
    fn value(&self, place: usize) -> u64 {
        self.0.value(place).unwrap_or_default()
    }

    fn node(&self) -> Vec<u8> {
        host::node_id()
    }
}

/// What the filter calls by itself.
pub const CLUSTERS: Clusters = Clusters { user_agent: "heartbeat-filter" };

/// The revision is the build script's to say.
const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("HEARTBEAT_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
};

thread_local! {
    /// What this VM has seen of the loads of its plugins.
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// Only the VM that Envoy tries a configuration out with gets to see a wrong one.
fn count_refusal() {
    for refused in refusals().iter().filter_map(host::define) {
        host::increment(refused, 1);
    }
}

impl Plugin {
    /// Puts the present configuration to work.
    pub fn configure(root: RootId) -> Result<Self, heartbeat_core::ConfigErrors> {
        let environment = Environment {
            service_cluster: host::service_cluster(),
            plugin: host::plugin_name(),
            build: BUILD,
            variables: Variables(host::variable),
        };
        let bytes = host::plugin_configuration();
        let policy = Policy::from_bytes(&bytes, &environment).inspect_err(|_| {
            count_refusal();
            note_refusal(&environment.plugin, fingerprint(bytes.as_slice()), host::shared());
        })?;
        let metrics = DefinedMetrics::define(policy.metrics());
        let cx = host::shared();
        for note in policy.notes(cx) {
            log::warn!("heartbeat-filter: {note}");
        }
        let result = SEEN.with(|seen| {
            let Ok(mut seen) = seen.try_borrow_mut() else { return LoadResult::default() };
            policy.loads().register(&environment.plugin, &mut seen, cx)
        });
        if result.load {
            log::info!("heartbeat-filter: {}", policy.summary());
        }
        if result.build {
            log::info!("heartbeat-filter: version {}, revision {}", BUILD.version, BUILD.revision);
        }
        let token = RandomState::new().hash_one(cx.now);
        let background = Background::new(&policy, token);
        host::tick_every(background.next_tick(Instant::ZERO));
        let background = RefCell::new(background);
        host::declare_marks();
        let (waiting, body_access, asked, redirected, called) = Default::default();
        let (inspector, token) = (Inspector::default(), Cell::new(token));
        let plugin = Self {
            root,
            policy,
            waiting,
            body_access,
            asked,
            redirected,
            inspector,
            background,
            called,
            metrics,
            token,
        };
        if result.load {
            plugin.policy.loaded().into_iter().for_each(|it| plugin.record(it));
        }
        Ok(plugin)
    }

    /// Does what is due, and has itself called when something is again. `look` looks at a
    /// stream that waits.
    ///
    /// It either wakes who waits or calls others, never both: a call may lead back
    /// into the module, and what was answered before it would then be in the way (see
    /// [`host::is_calling`]).
    pub fn on_tick(&self, look: impl Fn(StreamId, &Cause, Context<'_, SharedData>) -> Looked) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        let cx = host::shared();
        let is_due = background.next_tick(cx.now) == Some(Duration::ZERO);
        let calls = is_due && (!self.called.get() || self.waiting.is_empty());
        self.called.set(calls);
        let waiting = if calls {
            if background.publishes() {
                self.policy.evidence().clock.keep(cx.now, host::wall_time);
            }
            background.on_tick(&CLUSTERS, cx);
            self.show(background.take_signals());
            self.waiting.soon()
        } else {
            self.waiting.look(cx.now, |stream, cause| look(stream, cause, cx))
        };
        host::tick_every(waiting.into_iter().chain(background.next_tick(cx.now)).min());
    }

    /// Keeps for which stream a call was made.
    pub fn keep_asked(&self, token: CallToken, stream: StreamId) {
        if let Ok(mut asked) = self.asked.try_borrow_mut() {
            asked.push((token, stream));
        }
    }

    /// The stream that a call was made for. Envoy takes all calls for those of the root
    /// context.
    pub fn take_asked(&self, token: CallToken) -> Option<StreamId> {
        let mut asked = self.asked.try_borrow_mut().ok()?;
        let place = asked.iter().position(|(known, _)| *known == token)?;
        Some(asked.swap_remove(place).1)
    }

    /// The answer to a call of the background is there.
    pub fn on_answer(&self, token: CallToken, answer: &host::Answer) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        let cx = host::shared();
        background.on_answer(token, answer, cx);
        self.show(background.take_signals());
        self.rest(&background, cx.now);
    }

    /// A Watch of the background's has something to say.
    pub fn on_watch_message(&self, stream: StreamToken, message: &[u8]) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        let cx = host::shared();
        background.on_message(stream, message, cx);
        self.show(background.take_signals());
        self.rest(&background, cx.now);
    }

    /// A Watch of the background's is closed.
    pub fn on_watch_close(&self, stream: StreamToken, status: u32, message: &[u8]) {
        let Ok(mut background) = self.background.try_borrow_mut() else { return };
        background.on_close(stream, status, message, host::shared());
        self.show(background.take_signals());
        // The next tick may come too late to open it again; it is set anew in a
        // tick, which knows who waits.
        host::tick_every(Some(Duration::ZERO));
    }

    /// Has the next tick come when something is due by what was just heard: not in vain when
    /// that would have been late, and not too late for a change that is published. Who waits
    /// is looked at anyway, and soon.
    fn rest(&self, background: &Background, now: Instant) {
        let next = background.next_tick(now);
        if self.waiting.is_empty() || next == Some(Duration::ZERO) {
            host::tick_every(next);
        }
    }

    /// A page of what is known; `None` where the background is at work, from within which this
    /// is called.
    pub fn page(&self, medium: Medium) -> Option<Vec<u8>> {
        let background = self.background.try_borrow().ok()?;
        Some(self.inspector.page(
            &self.policy,
            &background,
            &Metrics(&self.metrics),
            medium,
            host::shared(),
        ))
    }

    /// A number that no other probe of the process has.
    pub fn token(&self) -> u64 {
        self.token.replace(self.token.get().wrapping_add(1))
    }

    /// Keeps a probe until the stream begins in which Envoy goes on with it. That is at
    /// once, unless a filter before this one answers it or puts it off.
    pub fn keep_redirected(&self, exchange: &SharedExchange) {
        let Ok(mut redirected) = self.redirected.try_borrow_mut() else { return };
        let lost = if redirected.len() < MOST_REDIRECTED { None } else { redirected.pop_front() };
        redirected.push_back(Rc::clone(exchange));
        let lost = lost.iter().filter_map(|exchange| exchange.try_borrow_mut().ok());
        let ends = lost.map(|mut exchange| {
            exchange.on_end(&host::Response::default(), host::shared(), || None)
        });
        ends.flatten().for_each(|measurement| self.record(measurement));
    }

    /// The probe that goes on with this request.
    pub fn take_redirected(&self, request: &host::Request) -> Option<SharedExchange> {
        let mut redirected = self.redirected.try_borrow_mut().ok()?;
        if redirected.is_empty() {
            return None;
        }
        let markers = markers_of(request);
        let place = redirected.iter().position(|exchange| {
            exchange.try_borrow().is_ok_and(|exchange| markers.contains(&exchange.token()))
        })?;
        redirected.remove(place)
    }

    /// Whether a stream must be known at its end although it is no probe.
    pub fn follows_ordinary(&self) -> bool {
        self.policy.has_counters() || self.policy.evidence().counts_traffic()
    }

    /// Has a metric take a value.
    pub fn record(&self, measurement: Measurement) {
        self.metrics.record(measurement);
    }

    /// Shows what an exchange has to show since the last time.
    pub fn show_signals_of(&self, exchange: &mut Exchange) {
        if exchange.has_signals() {
            self.show(exchange.take_signals());
        }
    }

    fn show(&self, signals: Signals) {
        signals.measurements().for_each(|measurement| self.record(measurement));
        signals.log.iter().for_each(|line| log::warn!("heartbeat-filter: {line}"));
    }
}
