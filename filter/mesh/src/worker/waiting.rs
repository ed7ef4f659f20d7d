//! The requests that a worker holds back.

use super::posted::Post;
use crate::shared::Held;
use crate::table::ServiceId;
use heartbeat_common::base::time::Instant;
use heartbeat_common::http::edits::Reply;
use std::collections::HashMap;

/// What a held request waits for.
#[derive(Debug)]
pub enum Pending {
    /// The rest of its body, which has events.
    Events {
        /// What is known of it.
        post: Post,
        /// How long.
        until: Instant,
    },
    /// The rest of its body, which is a question for an assignment.
    Question {
        /// How long.
        until: Instant,
    },
    /// Another assignment than the client has.
    Assignment {
        /// Of which service.
        service: ServiceId,
        /// The version that the client has; empty where there is none.
        version: String,
        /// How long.
        until: Instant,
    },
    /// To be told once more what its client doesn't take.
    Refusing {
        /// Of which service.
        service: ServiceId,
        /// How long.
        until: Instant,
    },
    /// Changes.
    Subscription {
        /// Of which service; of all where it is `None`.
        service: Option<ServiceId>,
        /// What the subscriber knows.
        index: Option<u64>,
        /// How long.
        until: Instant,
    },
    /// That some time has passed.
    Refused {
        /// Its answer.
        reply: Reply,
        /// How long.
        until: Instant,
    },
}

impl Pending {
    /// When it has waited long enough.
    pub fn until(&self) -> Instant {
        match self {
            Self::Events { until, .. }
            | Self::Question { until }
            | Self::Assignment { until, .. }
            | Self::Refusing { until, .. }
            | Self::Subscription { until, .. }
            | Self::Refused { until, .. } => *until,
        }
    }
}

/// All of them, by the numbers of their streams.
#[derive(Debug, Default)]
pub struct Waiting {
    pending: HashMap<u32, Pending>,
    held: Held,
    bodies: usize,
    /// How much of each body has come that is still to end, in bytes; and of all together.
    come: HashMap<u32, usize>,
    bytes: usize,
    refused: usize,
}

impl Waiting {
    /// Holds one back.
    pub fn hold(&mut self, id: u32, pending: Pending) {
        self.forget(id);
        *self.counter(&pending) += 1;
        self.pending.insert(id, pending);
    }

    fn counter(&mut self, pending: &Pending) -> &mut usize {
        match pending {
            Pending::Subscription { .. } => &mut self.held.subscriptions,
            Pending::Events { .. } | Pending::Question { .. } => &mut self.bodies,
            Pending::Refused { .. } => &mut self.refused,
            Pending::Assignment { .. } | Pending::Refusing { .. } => &mut self.held.assignments,
        }
    }

    /// One of them.
    pub fn get(&self, id: u32) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// Forgets one.
    pub fn forget(&mut self, id: u32) {
        if let Some(pending) = self.pending.remove(&id) {
            let counter = self.counter(&pending);
            *counter = counter.saturating_sub(1);
            self.note_bytes(id, 0);
        }
    }

    /// So much of a body has come; tells how much there is of all that are still to end.
    pub fn note_bytes(&mut self, id: u32, bytes: usize) -> usize {
        let before = match bytes {
            0 => self.come.remove(&id),
            bytes => self.come.insert(id, bytes),
        };
        self.bytes = self.bytes.saturating_sub(before.unwrap_or_default()).saturating_add(bytes);
        self.bytes
    }

    /// Of how many the body is still to come.
    pub fn bodies(&self) -> usize {
        self.bodies
    }

    /// How many are only put off.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// How many of the others there are, of each kind.
    pub fn held(&self) -> Held {
        self.held
    }

    /// Those that wait for the assignment of a service.
    pub fn for_assignment(&self, of: ServiceId) -> impl Iterator<Item = u32> {
        self.such(move |it| matches!(it, Pending::Assignment { service, .. } if *service == of))
    }

    /// Those that wait for changes.
    pub fn for_changes(&self) -> impl Iterator<Item = u32> {
        self.such(|it| matches!(it, Pending::Subscription { .. }))
    }

    /// Those that have waited long enough.
    pub fn take_due(&self, now: Instant) -> impl Iterator<Item = u32> {
        self.such(move |it| it.until() <= now)
    }

    fn such(&self, such: impl Fn(&Pending) -> bool) -> impl Iterator<Item = u32> {
        let such = self.pending.iter().filter(move |(_, pending)| such(pending));
        such.map(|(id, _)| *id)
    }
}
