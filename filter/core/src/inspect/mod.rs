//! `inspect`: a page of what the proxy knows.
//!
//! Nothing is gathered for it. The page is made when somebody asks, from what all workers share
//! and from the metrics that Envoy keeps anyway, and for a moment whoever else asks gets the
//! same one. What only another VM knows isn't on it.

mod facts;
mod kept;
mod rules;

use crate::background::Background;
use crate::base::time::{Instant, Nanos};
use crate::format::{Document, Medium, to_html};
use crate::policy::Policy;
use crate::state::{Context, SharedStore};
use kept::Budget;
use std::cell::RefCell;
use std::ops::Range;

/// What is asked of Envoy for a page.
pub trait Proxy {
    /// What the counter or gauge at this place among the metrics of the policy shows, for all
    /// workers.
    fn value(&self, place: usize) -> u64;

    /// The name of its node (`node.id`); empty where it has none.
    fn node(&self) -> Vec<u8>;
}

/// Makes pages, in one VM.
#[derive(Debug, Default)]
pub struct Inspector {
    /// Until when the last page serves, and what it says.
    last: RefCell<(Instant, String)>,
}

/// How long a page serves all who ask, in nanoseconds: whoever asks faster gets the same.
const SERVES: Nanos = 100_000_000;
/// How much longer it does for each [step](Budget) that was taken to make it.
const FOR_EACH_STEP: Nanos = 100_000;

impl Inspector {
    /// The page, as it is now or was a moment ago.
    pub fn page(
        &self,
        policy: &Policy,
        background: &Background,
        proxy: &impl Proxy,
        medium: Medium,
        cx: Context<'_, impl SharedStore>,
    ) -> Vec<u8> {
        let Ok(mut last) = self.last.try_borrow_mut() else { return Vec::new() };
        if last.0 <= cx.now {
            let mut budget = Budget::default();
            let inspection = Inspection { policy, background, proxy, cx };
            last.1 = inspection.write(&mut budget);
            last.0 = cx.now + SERVES + FOR_EACH_STEP * budget.spent();
        }
        match medium {
            Medium::Json => last.1.as_bytes().to_vec(),
            Medium::Html => to_html(&last.1),
        }
    }
}

/// Everything that is looked at for a page.
struct Inspection<'a, P, S> {
    policy: &'a Policy,
    background: &'a Background,
    proxy: &'a P,
    cx: Context<'a, S>,
}

impl<P: Proxy, S: SharedStore> Inspection<'_, P, S> {
    fn write(&self, budget: &mut Budget) -> String {
        let mut page = Document::new();
        self.identity(&mut page);
        self.configuration(&mut page);
        self.lease(&mut page);
        self.rules(&mut page, budget);
        self.checks(&mut page);
        self.score(&mut page);
        self.published(&mut page);
        self.refusals(&mut page);
        page.finish()
    }

    /// A moment, and how long ago it was.
    #[inline(never)]
    fn moment(&self, page: &mut Document, name: &str, moment: Instant) {
        self.time(page, name, moment);
        page.number("age_ms", self.cx.now.since(moment) / 1_000_000);
    }

    #[inline(never)]
    fn time(&self, page: &mut Document, name: &str, moment: Instant) {
        page.time(name, self.policy.evidence().clock.at(moment));
    }

    /// What some metrics show that isn't 0, by their last labels.
    #[inline(never)]
    fn values(&self, page: &mut Document, name: &str, places: Range<usize>) {
        page.begin(name, "{");
        for place in places {
            page.number_if_any(self.label(place), self.proxy.value(place));
        }
        page.end("}");
    }

    #[inline(never)]
    fn label(&self, place: usize) -> &str {
        self.policy.metrics().get(place).map_or("", |metric| metric.last_label())
    }
}

#[cfg(test)]
mod tests;
