//! What a probe takes of the state that all workers share, to be given back: whoever holds
//! one of these has to settle it.

use super::Exchange;
use super::message::Message;
use crate::base::outcome::details;
use crate::base::time::{HOUR, Instant, Nanos};
use crate::guards::breaker::{Breaker, BreakerState, Passage};
use crate::guards::cache::CacheEntry;
use crate::guards::upstream::Upstream;
use crate::state::{Cell, Cells, Change, Context, SharedStore, UpdateError, update};
use std::rc::Rc;

/// The breaker has let the probe pass, and is to know how it ends.
#[must_use]
#[derive(Debug)]
pub(super) struct BreakerPassage {
    at: Instant,
}

/// What a probe is to the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CacheRole {
    /// Nothing.
    #[default]
    Bypass,
    /// Its answer is the last that is known of, whatever it asks for.
    Observe,
    /// It passes as it is, and shows where such probes go.
    Scout,
    /// It asks on behalf of everyone.
    Fill,
}

/// The refresh of what is kept: others rely on it.
#[must_use]
#[derive(Debug)]
pub(super) struct CacheRefresh(());

/// The first request to a cluster that asks for the connection to be closed: others wait
/// for what comes of it.
#[must_use]
#[derive(Debug)]
pub(super) struct CloseTrial(());

/// Why a probe doesn't pass the breaker.
pub(super) struct Refused {
    /// For how long at least, in nanoseconds.
    pub(super) retry_in: Nanos,
    pub(super) details: &'static str,
}

impl CacheRefresh {
    /// What the cache has granted to a probe.
    pub(super) fn granted_to(role: CacheRole) -> Option<Self> {
        matches!(role, CacheRole::Scout | CacheRole::Fill).then_some(Self(()))
    }

    /// It was given back together with what was written.
    pub(super) fn end(self) {}

    /// Ends it in the way that `end` does. It goes on being held where that can't be
    /// written.
    fn settle(
        self,
        cell: &Cell,
        cx: Context<'_, impl SharedStore>,
        end: impl Fn(&mut CacheEntry),
    ) -> Option<Self> {
        let settled = update::<CacheEntry, _>(cx, cell, |entry| {
            end(entry);
            Change::Write(())
        });
        settled.is_err().then_some(self)
    }
}

impl CloseTrial {
    /// What is known of the cluster has granted it.
    pub(super) fn granted() -> Self {
        Self(())
    }

    /// What came of it was written.
    pub(super) fn end(self) {}
}

impl Exchange {
    /// The breaker of the cluster, for calls of gRPC that of a service in it.
    pub(super) fn breaker_cell(&self, cells: &Cells) -> Cell {
        match (self.named_service(), self.service()) {
            (Some(service), _) => cells.scope(&[&self.cluster, service.as_bytes()]),
            // Clients may make up any name.
            (None, Some(service)) => cells.outside(&[&self.cluster, service.as_bytes()]),
            (None, None) => cells.scope(&[&self.cluster]),
        }
    }

    /// `breaker`: asks whether the probe may pass, where there is one.
    pub(super) fn ask_breaker(
        &mut self,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<Option<BreakerPassage>, Refused> {
        let probe = Rc::clone(&self.probe);
        let Some((_, cells)) = &probe.breaker else { return Ok(None) };
        let cell = self.breaker_cell(cells);
        let asked = update::<Breaker, _>(cx, &cell, |breaker| {
            let before = *breaker;
            let may_hang = !self.end_stream && self.message != Message::Unreadable;
            let passage = breaker.ask(cx.now, self.token, probe.lease_for(), may_hang);
            Change::write_if(*breaker != before, (passage, breaker.state()))
        });
        match asked {
            Err(_) => Ok(None),
            Ok((Passage::Open(retry_in), _)) => {
                Err(Refused { retry_in, details: details::BREAKER_OPEN })
            }
            Ok((Passage::HalfOpen, _)) => {
                Err(Refused { retry_in: 0, details: details::BREAKER_HALF_OPEN })
            }
            Ok((passage, position)) => {
                if passage == Passage::Trial {
                    let state = probe.metrics.breaker.map(|it| (it.state, position as u64));
                    self.signals.set.extend(state);
                }
                Ok(Some(BreakerPassage { at: cx.now }))
            }
        }
    }

    /// Tells the breaker how a probe ended that passed it; `None` says nothing
    /// about the application.
    pub(super) fn settle_breaker(
        &mut self,
        cx: Context<'_, impl SharedStore>,
        failed: Option<bool>,
    ) {
        let passage = self.phase.flight_mut().and_then(|flight| flight.passage.take());
        let (Some(BreakerPassage { at }), Some((rule, cells))) = (passage, &self.probe.breaker)
        else {
            return;
        };
        let cell = self.breaker_cell(cells);
        let settled = update::<Breaker, _>(cx, &cell, |breaker| {
            let before = breaker.state();
            let changed = match failed {
                Some(failed) => breaker.record(rule, cx.now, self.token, at, failed),
                None => breaker.release(self.token),
            };
            Change::write_if(changed, (before, breaker.state()))
        });
        if settled == Err(UpdateError::Occupied) {
            self.note_breakers_are_full(cx);
        }
        let Ok((before, after)) = settled else { return };
        let metrics = self.probe.metrics.breaker;
        self.signals.set.extend(metrics.map(|it| (it.state, after as u64)));
        if after != before {
            let opened = metrics.filter(|_| after == BreakerState::Open);
            self.signals.raise.extend(opened.map(|it| it.opened));
            let (probe, cluster) = (&self.probe.name, String::from_utf8_lossy(&self.cluster));
            self.signals
                .log
                .push(format!("probe {probe:?}: breaker {} for cluster {cluster:?}", after.word()));
        }
    }

    fn note_breakers_are_full(&mut self, cx: Context<'_, impl SharedStore>) {
        let probe = &self.probe;
        let Some((_, cells)) = &probe.breaker else { return };
        if probe.breakers_full.is_due(&cells.said("full"), HOUR, cx) {
            self.signals.log.push(format!(
                "probe {:?}: there is no room for more breakers, and some clusters or services go without: name the services that matter in its match",
                probe.name
            ));
        }
    }

    /// Ends the refresh, where this probe has it, in the way that `end` does.
    pub(super) fn settle_refresh(
        &mut self,
        cx: Context<'_, impl SharedStore>,
        end: impl Fn(&mut CacheEntry),
    ) {
        let (Some(flight), Some(cell)) = (self.phase.flight_mut(), &self.memory) else { return };
        let held = &mut flight.fetch.refresh;
        *held = held.take().and_then(|refresh| refresh.settle(cell, cx, end));
    }

    /// Leaves the refresh to another probe, which this one was to make and doesn't.
    pub(super) fn give_up(&self, refresh: Option<CacheRefresh>, cx: Context<'_, impl SharedStore>) {
        if let (Some(refresh), Some(cell)) = (refresh, &self.memory) {
            // Where that can't be written, others wait until its time is over.
            let _ = refresh.settle(cell, cx, |entry| entry.release(self.token));
        }
    }

    /// Leaves the refresh to another probe, where this one has it.
    pub(super) fn release_refresh(&mut self, cx: Context<'_, impl SharedStore>) {
        let token = self.token;
        self.settle_refresh(cx, |entry| entry.release(token));
    }

    /// Leaves the trial to another probe, where this one has it still.
    pub(super) fn release_trial(&mut self, cx: Context<'_, impl SharedStore>) {
        let trial = self.phase.flight_mut().and_then(|flight| flight.closing.trial.take());
        if trial.is_some() {
            let _ = update::<Upstream, _>(cx, &self.upstream(), |upstream| {
                Change::write_if(upstream.release(self.token), ())
            });
        }
    }
}
