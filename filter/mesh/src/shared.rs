//! What the VMs of a hub's process know together, and by which keys.
//!
//! All of it stands in Envoy's shared data, a number of keys that the configuration sets:
//! who owns the table, who serves, how much is on its way to the owner, and the owner's
//! documents.

use heartbeat_common::base::time::Instant;
use heartbeat_common::state::{Cell, Decoder, Encoder, State};

pub use ownership::{Candidate, Ownership};
pub use workers::{Held, Workers};

mod ownership;
mod workers;

/// The keys of a hub.
#[derive(Debug)]
pub struct Keys {
    prefix: String,
    /// Who owns the table.
    pub owner: Cell,
    /// Who serves.
    pub workers: Cell,
    /// How much is on its way to the owner.
    pub traffic: Cell,
}

impl Keys {
    /// Those of a plugin, which `name` tells apart from the others of the proxy.
    pub fn of(name: &str) -> Self {
        let prefix = format!("mesh/{name}");
        let cell = |what: &str| Cell::alone(format!("{prefix}/{what}"), 0);
        Self { owner: cell("owner"), workers: cell("workers"), traffic: cell("traffic"), prefix }
    }

    /// The cell by which a source's requests are counted.
    pub fn rate(&self, source: &str) -> Cell {
        Cell::alone(format!("{}/rate/{source}", self.prefix), 0)
    }

    /// The key of a service's assignment.
    pub fn assignment(&self, service: &str) -> String {
        format!("{}/assignment/{service}", self.prefix)
    }

    /// The key of what is known of a service.
    pub fn snapshot(&self, service: &str) -> String {
        format!("{}/snapshot/{service}", self.prefix)
    }

    /// The key of what has changed of late.
    pub fn changes(&self) -> String {
        format!("{}/changes", self.prefix)
    }

    /// The key of what a webhook has yet to tell.
    pub fn webhook(&self, name: &str) -> String {
        format!("{}/webhook/{name}", self.prefix)
    }

    /// The name of the queue that leads to the owner.
    pub fn events(&self) -> String {
        format!("{}/events", self.prefix)
    }

    /// The name of the queue that leads to a worker.
    pub fn wakes(&self, worker: u64) -> String {
        format!("{}/wakes/{worker:016x}", self.prefix)
    }
}

/// What is on its way from the workers to the owner, in bytes. The queue has no bound of its
/// own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// All that was ever put.
    pub put: u64,
    /// All that was ever taken.
    pub taken: u64,
}

impl Traffic {
    /// How much is on its way.
    pub fn waits(self) -> u64 {
        self.put.saturating_sub(self.taken)
    }
}

impl State for Traffic {
    fn encode(&self, to: &mut Encoder) {
        to.number(self.put).number(self.taken);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { put: from.number()?, taken: from.number()? })
    }

    fn expires(&self) -> Instant {
        Instant::NEVER
    }
}

/// What a worker is woken for, as it stands in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake<'a> {
    /// The assignment of a service is another.
    Assignment(&'a str),
    /// What is known of instances has changed.
    Changes,
}

impl<'a> Wake<'a> {
    /// Its message.
    pub fn write(self) -> Vec<u8> {
        match self {
            Self::Assignment(service) => [b"a", service.as_bytes()].concat(),
            Self::Changes => b"c".to_vec(),
        }
    }

    /// Reads a message.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        match message.split_first()? {
            (b'a', service) => Some(Self::Assignment(std::str::from_utf8(service).ok()?)),
            (b'c', []) => Some(Self::Changes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
