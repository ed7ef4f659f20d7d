//! Who may probe.

use crate::clients::Clients;

/// Who may probe.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AllowRule {
    /// They may.
    pub clients: Clients,
    /// What becomes of the others.
    pub otherwise: Otherwise,
}

/// What becomes of a probe that isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Otherwise {
    /// It is ordinary traffic.
    NotAProbe,
    /// It is denied.
    Deny,
}
