//! What a worker works by.

use crate::owner::OwnerRule;
use crate::table::{ServiceId, SourceId};
use heartbeat_common::base::time::Nanos;
use heartbeat_common::base::units::Rate;
use heartbeat_common::clients::Clients;
use heartbeat_common::http::request::RequestHead;
use std::rc::Rc;

/// What a worker works by.
#[derive(Debug)]
pub struct WorkerRule {
    /// Sources and services.
    pub owner: Rc<OwnerRule>,
    /// Who may speak for a source, in the order of the sources.
    pub senders: Vec<Sender>,
    /// Who may read.
    pub readers: Clients,
    /// How long a client's Envoy is held back at most.
    pub hold: Nanos,
    /// What there may be of everything.
    pub limits: Limits,
}

/// Who may speak for a source.
#[derive(Debug)]
pub struct Sender {
    /// `None` where the source is asked instead.
    pub allow: Option<Clients>,
    /// The service that an event means which names none.
    pub service: Option<ServiceId>,
}

/// What there may be of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events in a request.
    pub batch: usize,
    /// Bytes in its body.
    pub body: usize,
    /// Requests of a source.
    pub rate: Rate,
    /// Requests that are held back.
    pub waiters: usize,
}

impl WorkerRule {
    /// The source that the sender of a request may speak for.
    pub fn sender(&self, head: &impl RequestHead) -> Option<SourceId> {
        let mut senders = self.senders.iter();
        let may = |sender: &Sender| sender.allow.as_ref().is_some_and(|allow| allow.include(head));
        senders.position(may).map(SourceId)
    }

    /// The service that an event of a source means which names none.
    pub fn implied_service(&self, source: SourceId) -> Option<ServiceId> {
        let sender = self.senders.get(source.0)?;
        sender.service.or((self.owner.services.len() == 1).then_some(ServiceId(0)))
    }
}
