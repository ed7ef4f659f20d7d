//! When what has changed goes out, and who takes it.

use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::state::fingerprint;
use std::collections::{HashMap, VecDeque};

/// Sees to it that a change goes out at once, and the next ones together after a while.
#[derive(Debug)]
pub struct Pace {
    every: Nanos,
    last: Option<Instant>,
    pending: bool,
}

impl Pace {
    /// At most once in this time.
    pub fn new(every: Nanos) -> Self {
        Self { every, last: None, pending: false }
    }

    /// Something has changed.
    pub fn note(&mut self) {
        self.pending = true;
    }

    /// When what has changed may go out; `None` where nothing has.
    pub fn due(&self) -> Option<Instant> {
        let at = self.last.map_or(Instant::ZERO, |last| last + self.every);
        self.pending.then_some(at)
    }

    /// Whether what has changed goes out now.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        if due {
            (self.last, self.pending) = (Some(now), false);
        }
        due
    }
}

/// How a client stands to the present assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// It has it, and waits for another.
    Current,
    /// It has another or none, and is to be told at once.
    Behind,
    /// It was told, and asks with its old version all the same: it refuses ours. Envoy
    /// says so in no other way over REST.
    Refuses {
        /// It wasn't known to.
        news: bool,
    },
}

/// So many answers in a row that a client doesn't take are a refusal; one or two may have
/// been lost with their connections.
const IN_VAIN: u32 = 3;
/// How many clients are remembered. One that is forgotten is told once more.
const REMEMBERED: usize = 4_096;

/// A client that has no version yet may ask this often in a second: for several clusters of one
/// service. One that refuses its first assignment asks again and again.
const FIRST_TIMES: u32 = 20;
const SECOND: Nanos = 1_000_000_000;

/// How a client has asked of late.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Its version; `None` where it has none yet.
    version: Option<u64>,
    /// How often in a row.
    times: u32,
    since: Instant,
}

/// Which clients don't take what they are told.
#[derive(Debug, Default)]
pub struct Refusals {
    clients: HashMap<u64, Asked>,
    /// In the order in which they came to be known.
    order: VecDeque<u64>,
}

impl Refusals {
    /// A client asks. It is told apart by all three of its node's id, which several may
    /// share, the service, and its connection.
    pub fn ask(
        &mut self,
        client: (&str, &str, u64),
        version: Option<&str>,
        present: &str,
        now: Instant,
    ) -> Client {
        let key = fingerprint(&client);
        let version = version.filter(|version| !version.is_empty());
        if version == Some(present) {
            self.clients.get_mut(&key).into_iter().for_each(|asked| asked.times = 0);
            return Client::Current;
        }
        let version = version.map(fingerprint);
        if !self.clients.contains_key(&key) {
            self.remember(key);
        }
        let begins = Asked { version, times: 0, since: now };
        let asked = self.clients.entry(key).or_insert(begins);
        let is_first = version.is_none();
        if asked.version != version || (is_first && now.since(asked.since) > SECOND) {
            *asked = begins;
        }
        asked.times = asked.times.saturating_add(1);
        let in_vain = if is_first { FIRST_TIMES } else { IN_VAIN };
        match asked.times {
            times if times < in_vain => Client::Behind,
            times => Client::Refuses { news: times == in_vain },
        }
    }

    fn remember(&mut self, key: u64) {
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.clients.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Instant = Instant(1_000_000_000);
    const EVERY: Nanos = 5_000_000;

    #[test]
    fn a_change_goes_out_at_once_and_those_after_it_together() {
        let mut pace = Pace::new(EVERY);
        assert!(!pace.take(NOW), "nothing has changed");
        pace.note();
        assert!(pace.take(NOW));
        pace.note();
        pace.note();
        assert!(!pace.take(NOW + EVERY - 1));
        assert_eq!(pace.due(), Some(NOW + EVERY));
        assert!(pace.take(NOW + EVERY));
        assert!(!pace.take(NOW + 2 * EVERY), "both went out");
    }

    fn ask(refusals: &mut Refusals, connection: u64, version: &str) -> Client {
        refusals.ask(("gateway", "payments", connection), Some(version), "new", NOW)
    }

    #[test]
    fn whoever_has_the_present_version_waits_and_whoever_has_another_is_told() {
        let mut refusals = Refusals::default();
        assert_eq!(ask(&mut refusals, 1, "new"), Client::Current);
        assert_eq!(ask(&mut refusals, 1, "old"), Client::Behind);
        let none = refusals.ask(("gateway", "payments", 1), None, "new", NOW);
        assert_eq!(none, Client::Behind);
    }

    #[test]
    fn the_third_time_in_a_row_with_one_old_version_is_a_refusal() {
        let mut refusals = Refusals::default();
        let mut asks = |connection, version| ask(&mut refusals, connection, version);
        assert_eq!([(); 2].map(|()| asks(1, "old")), [Client::Behind; 2]);
        assert_eq!([(); 2].map(|()| asks(2, "old")), [Client::Behind; 2], "another client");
        assert_eq!(asks(1, "old"), Client::Refuses { news: true });
        assert_eq!(asks(1, "old"), Client::Refuses { news: false });
        assert_eq!(asks(1, "older"), Client::Behind, "it has taken something");
        assert_eq!(asks(1, "new"), Client::Current);
        assert_eq!(asks(1, "old"), Client::Behind, "it took ours in between");
    }

    #[test]
    fn whoever_refuses_the_first_assignment_is_one_too() {
        let mut refusals = Refusals::default();
        let mut asks = |millis: u64| {
            let client = ("gateway", "payments", 1);
            refusals.ask(client, None, "new", NOW + millis * 1_000_000)
        };
        for at in 0..19 {
            assert_eq!(asks(at * 30), Client::Behind, "several clusters may begin at once");
        }
        assert_eq!(asks(600), Client::Refuses { news: true });
        assert_eq!(asks(630), Client::Refuses { news: false });
        assert_eq!(asks(26_000), Client::Behind, "it may take it by now");
        for at in 0..100 {
            assert_eq!(
                asks(30_000 + at * 100),
                Client::Behind,
                "{at}: that is no more than ten a second"
            );
        }
    }

    proptest! {
        #[test]
        fn however_many_ask_the_memory_of_them_is_bounded(
            connections in proptest::collection::vec(any::<u64>(), 0..10_000),
        ) {
            let mut refusals = Refusals::default();
            for connection in connections {
                ask(&mut refusals, connection, "old");
            }
            prop_assert!(refusals.clients.len() <= REMEMBERED);
            prop_assert!(refusals.order.len() <= REMEMBERED + 1);
        }
    }
}
