//! Which context is whose: the configuration of a root context, and of a stream that begins.

use crate::hub::Hub;
use heartbeat_host::Contexts;
use heartbeat_host::ids::{RootId, StreamId};
use std::rc::Rc;

thread_local! {
    static CONTEXTS: Contexts<Hub> = const { Contexts::new() };
}

/// The configuration at work in a root context.
pub fn hub(root: RootId) -> Option<Rc<Hub>> {
    CONTEXTS.with(|contexts| contexts.root(root))
}

/// Puts a configuration to work in a root context.
pub fn configure(root: RootId, hub: Hub) {
    CONTEXTS.with(|contexts| contexts.configure(root, Rc::new(hub)));
}

/// Forgets a root context; returns its configuration, which its streams may still have.
pub fn dismiss(root: RootId) -> Option<Rc<Hub>> {
    CONTEXTS.with(|contexts| contexts.dismiss(root))
}

/// Remembers whose stream is about to begin.
pub fn announce(stream: StreamId, root: RootId) {
    CONTEXTS.with(|contexts| contexts.announce(stream, root));
}

/// The configuration of a stream that begins, or that is over before it has begun.
pub fn begin(stream: StreamId) -> Option<Rc<Hub>> {
    CONTEXTS.with(|contexts| contexts.begin(stream))
}
