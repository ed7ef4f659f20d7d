//! What a call asks for.

/// The message of a call of gRPC, which names the service; of another request its end,
/// which tells whether it has a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Everything is decided without it.
    NotNeeded,
    /// It is waited for, with the request paused.
    Awaited,
    /// It was read, and asks for this service; a List for none.
    Read(Option<String>),
    /// It can't be read in time, and everything is decided without it.
    Unreadable,
}
