//! Watches: streams on which a gRPC service says of its own accord how it is.
//!
//! The VM that holds the lease holds them. What one shows decides at once; the
//! Checks of the same rule go on beside it, for a process that hangs and a host
//! that vanished are as quiet as one that is well.

use super::Background;
use super::round::Jitter;
use crate::base::time::{Instant, Nanos, nanos};
use crate::callout::{Caller, StreamToken, UNREADABLE, WatchCall, own_words};
use crate::evidence::Evidence;
use crate::facts::check::{CheckCall, CheckResult, CheckState, Observation};
use crate::grpc::{LONGEST_MESSAGE, ServingStatus, code};
use crate::state::{Context, SharedStore};

/// The Watch of a check.
#[derive(Debug)]
pub(super) struct Watch {
    /// The check, by its place in the evidence, and so its poll.
    check: usize,
    call: WatchCall,
    interval: Nanos,
    stream: Option<StreamToken>,
    /// When it was opened last.
    opened: Instant,
    /// Whether it has shown anything since.
    has_spoken: bool,
    /// It is to be opened anew, though Envoy takes it for open.
    distrusted: bool,
    /// When it is opened again.
    open_at: Instant,
    /// How often in a row it has not lasted.
    failures: u32,
    /// Whether the log says already that there is no Watch.
    is_known_missing: bool,
}

/// How soon a Watch is opened again at first; then twice as late each time, up to
/// an interval.
const FIRST_RETRY: Nanos = 100_000_000;
/// After how many intervals a service that has no Watch is asked whether it has
/// one now.
const MISSING_FOR: u64 = 60;

impl Watch {
    /// The Watches that a configuration wants.
    pub(super) fn all(evidence: &Evidence) -> impl Iterator<Item = Self> {
        evidence.checks.iter().enumerate().filter_map(|(check, of)| match &of.rule.call {
            CheckCall::Grpc(grpc) if grpc.watch => Some(Self {
                check,
                call: WatchCall::new(&grpc.cluster, &grpc.authority, &grpc.service),
                interval: nanos(of.rule.interval),
                stream: None,
                opened: Instant::ZERO,
                has_spoken: false,
                distrusted: false,
                open_at: Instant::ZERO,
                failures: 0,
                is_known_missing: false,
            }),
            _ => None,
        })
    }

    /// When something is to be done; `None` while it is open.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.stream.is_none() || self.distrusted).then_some(self.open_at)
    }

    /// Opens it where that is due.
    fn open(&mut self, caller: &impl Caller, jitter: &mut Jitter, now: Instant) -> bool {
        if self.due().is_none_or(|due| due > now) {
            return false;
        }
        self.cancel(caller);
        self.stream = caller.open_watch(&self.call);
        self.opened = now;
        self.has_spoken = false;
        if self.stream.is_none() {
            self.retry(jitter, now);
        }
        true
    }

    fn cancel(&mut self, caller: &impl Caller) {
        self.distrusted = false;
        if let Some(stream) = self.stream.take() {
            caller.cancel(stream);
        }
    }

    /// Has it opened again, between half of the present delay and all of it.
    fn retry(&mut self, jitter: &mut Jitter, now: Instant) {
        let delay = FIRST_RETRY.checked_shl(self.failures.min(16)).unwrap_or(Nanos::MAX);
        let delay = delay.min(self.interval);
        self.failures = self.failures.saturating_add(1);
        self.open_at = now + delay / 2 + jitter.below(delay / 2);
    }
}

impl Background {
    /// Opens one that is to be opened; gives up all where another VM has the lease.
    pub(super) fn tend_watches(&mut self, caller: &impl Caller, now: Instant) {
        for watch in &mut self.watches {
            if self.holds_lease {
                if watch.open(caller, &mut self.jitter, now) {
                    return;
                }
            } else {
                watch.cancel(caller);
                (watch.open_at, watch.failures, watch.is_known_missing) = (Instant::ZERO, 0, false);
            }
        }
    }

    /// A Check that got no answer has brought a check down: its stream is as dead,
    /// and its first words are to count once it is alive again.
    pub(super) fn distrust_watch(&mut self, check: usize) {
        if let Some(watch) = self.watches.iter_mut().find(|watch| watch.check == check)
            && watch.stream.is_some()
        {
            watch.distrusted = true;
            watch.open_at = Instant::ZERO;
        }
    }

    /// A stream has brought a message; of a long one its beginning is enough.
    pub fn on_message(
        &mut self,
        stream: StreamToken,
        message: &[u8],
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(watch) = self.watches.iter_mut().find(|watch| watch.stream == Some(stream)) else {
            return;
        };
        watch.has_spoken = true;
        let status =
            (message.len() <= LONGEST_MESSAGE).then(|| ServingStatus::read(message)).flatten();
        let output = status.map_or(UNREADABLE, ServingStatus::word).to_owned();
        let healthy = status == Some(ServingStatus::Serving);
        let check = watch.check;
        self.decide(check, &Observation::watched(healthy, output, cx.now), cx);
    }

    /// A stream is closed, with a gRPC status and Envoy's words or the service's.
    pub fn on_close(
        &mut self,
        stream: StreamToken,
        status: u32,
        message: &[u8],
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(watch) = self.watches.iter_mut().find(|watch| watch.stream == Some(stream)) else {
            return;
        };
        watch.stream = None;
        watch.distrusted = false;
        let (check, has_spoken) = (watch.check, watch.has_spoken);
        let lasted = cx.now.since(watch.opened) >= watch.interval;
        if status == code::UNIMPLEMENTED {
            watch.open_at = cx.now + watch.interval.saturating_mul(MISSING_FOR);
            if !std::mem::replace(&mut watch.is_known_missing, true)
                && let Some(check) = self.evidence.checks.get(check)
            {
                let name = &check.rule.name;
                self.signals.log.push(format!(
                    "check {name:?}: there is no Watch; a Check every interval must do"
                ));
            }
            return;
        }
        if lasted {
            watch.failures = 0;
        }
        watch.retry(&mut self.jitter, cx.now);
        // A stream that never got through says nothing that the Checks don't, unless
        // nobody is there. One that says how things are and ends is no Watch, but
        // nothing is wrong.
        let is_broken = match has_spoken {
            true => lasted || status != code::OK,
            false => own_words(message).is_some(),
        };
        if is_broken {
            let reason =
                own_words(message).unwrap_or_else(|| format!("closed with {}", code::name(status)));
            let output = format!("the Watch is broken: {reason}");
            self.decide(check, &Observation::watched(false, output, cx.now), cx);
        }
    }

    fn decide(
        &mut self,
        check: usize,
        observation: &Observation,
        cx: Context<'_, impl SharedStore>,
    ) {
        // A Check that is under way was asked before this was known.
        self.under_way.retain(|call| call.poll != check);
        let evidence = std::rc::Rc::clone(&self.evidence);
        if let Some(check) = evidence.checks.get(check) {
            let change = |state: &mut CheckState| {
                state.decide(observation.clone());
            };
            let good = observation.healthy;
            self.tally(check, if good { CheckResult::Pass } else { CheckResult::Fail });
            self.settle(check, observation, change, cx);
            self.judge(cx);
        }
    }
}
