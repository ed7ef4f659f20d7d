//! What can become of a host.

use serde::Deserialize;

/// What a host is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs and can be reached by its name, as fast as ever.
    Well,
    /// Its processes are gone, and so are its address and its name.
    Stopped,
    /// Its processes are frozen; its kernel goes on accepting connections.
    Paused,
    /// It runs, but no longer belongs to the network; its name is gone, too.
    Unplugged,
    /// It runs, but nothing leaves it in the network: no answer, and no refusal.
    Mute,
    /// It runs, but an answer of 8 KiB takes seconds on its way.
    Slow,
    /// It runs and can be reached, but nobody can look up where.
    Nameless,
}
