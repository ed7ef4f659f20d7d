//! What `cache` and `breaker` keep, as far as there is time to look through it.

use super::{Inspection, Proxy};
use crate::base::time::nanos;
use crate::format::Document;
use crate::guards::breaker::Breaker;
use crate::guards::cache::{CacheEntry, CacheRule};
use crate::probe::Probe;
use crate::state::{Cells, Decoder, Scope, SharedStore, State};

/// How much is looked through for one page: so many steps, each a key or a KiB that is read.
/// What doesn't fit isn't shown.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

/// Eight rules with a breaker, or half a cache of answers that is full.
const MOST_STEPS: u64 = 8_192;
/// How many states of a rule are shown.
const SHOWN: u64 = 32;

impl Default for Budget {
    fn default() -> Self {
        Self { left: MOST_STEPS }
    }
}

impl Budget {
    /// How many steps were taken.
    pub(super) fn spent(&self) -> u64 {
        MOST_STEPS - self.left
    }
}

impl<P: Proxy, S: SharedStore> Inspection<'_, P, S> {
    /// What a rule keeps: of answers how many, how long they are, and how long they may be; of
    /// breakers those that have something to remember.
    pub(super) fn kept(&self, page: &mut Document, probe: &Probe, budget: &mut Budget) {
        if let Some((rule, cells)) = &probe.memory {
            // A scope has parts that clients send, whatever it is of.
            self.look_through(page, "kept", cells, &[true], budget, &mut |page, scope, state| {
                let entry = CacheEntry::decode(state)?;
                of_scope(page, probe, scope);
                self.answer(page, rule, &entry);
                Some(())
            });
        }
        if let Some((_, cells)) = &probe.breaker {
            // Those of services that the rule doesn't name are apart.
            let origins: &[bool] = if probe.is_grpc() { &[false, true] } else { &[false] };
            self.look_through(
                page,
                "breakers",
                cells,
                origins,
                budget,
                &mut |page, scope, state| {
                    let breaker = Breaker::decode(state)?;
                    of_scope(page, probe, scope);
                    page.text("state", breaker.state().word());
                    page.number("failures", u64::from(breaker.failures()));
                    if breaker.open_until() > self.cx.now {
                        self.time(page, "until", breaker.open_until());
                    }
                    Some(())
                },
            );
        }
    }

    /// Shows the states of some cells, each by `show`, and how full they are.
    #[inline(never)]
    fn look_through(
        &self,
        page: &mut Document,
        name: &str,
        cells: &Cells,
        origins: &[bool],
        budget: &mut Budget,
        show: &mut dyn FnMut(&mut Document, Scope<'_>, &mut Decoder<'_>) -> Option<()>,
    ) {
        if budget.left == 0 {
            return;
        }
        let (mut entries, mut bytes) = (0, 0);
        page.begin(name, "{");
        page.begin("entries", "[");
        for made_up in origins {
            bytes += cells.look_through(*made_up, self.cx, &mut |scope, state| {
                entries += 1;
                if entries <= SHOWN && page.item_if_room() {
                    show(page, scope, state);
                    page.end("}");
                }
            });
            budget.left = budget.left.saturating_sub(cells.keys() + bytes / 1_024);
        }
        page.end("]");
        page.number("count", entries);
        page.number("bytes", bytes);
        page.number("bytes_at_most", cells.bytes_at_most() * origins.len() as u64);
        page.end("}");
    }

    fn answer(&self, page: &mut Document, rule: &CacheRule, entry: &CacheEntry) {
        let now = self.cx.now;
        page.flag("fetching", entry.is_refreshed(now));
        let Some(answer) = &entry.answer else { return };
        let state = if answer.age(now) < nanos(rule.ttl) {
            "fresh"
        } else if entry.servable(rule, now).is_some() {
            "stale"
        } else {
            "expired"
        };
        page.text("state", state);
        page.number("status", u64::from(answer.status));
        page.number("body_bytes", answer.body.len() as u64);
        self.moment(page, "at", answer.at);
    }
}

/// What the state is of: never the host, which is somebody's header.
#[inline(never)]
fn of_scope(page: &mut Document, probe: &Probe, scope: Scope<'_>) {
    let mut parts = scope.parts();
    page.bytes("cluster", parts.next().unwrap_or_default());
    let last = parts.last().unwrap_or_default();
    page.bytes(if probe.is_grpc() { "service" } else { "path" }, last);
}
