//! Which context is whose: the configuration of a root context, and of a stream that begins.

use crate::plugin::Plugin;
use crate::stream::{self, Stream};
use heartbeat_host::Contexts;
use heartbeat_host::ids::{RootId, StreamId};
use std::rc::Rc;

thread_local! {
    static CONTEXTS: Contexts<Plugin> = const { Contexts::new() };
}

/// The configuration at work in a root context.
pub fn plugin(root: RootId) -> Option<Rc<Plugin>> {
    CONTEXTS.with(|contexts| contexts.root(root))
}

/// Puts a configuration to work in a root context; returns the one before it.
pub fn configure(root: RootId, plugin: Rc<Plugin>) -> Option<Rc<Plugin>> {
    CONTEXTS.with(|contexts| contexts.configure(root, plugin))
}

/// Forgets a root context; returns its configuration, which its streams may still have.
pub fn dismiss(root: RootId) -> Option<Rc<Plugin>> {
    CONTEXTS.with(|contexts| contexts.dismiss(root))
}

/// Remembers whose stream is about to begin.
pub fn announce(stream: StreamId, root: RootId) {
    CONTEXTS.with(|contexts| contexts.announce(stream, root));
}

/// The configuration of a stream that begins.
pub fn begin(stream: StreamId) -> Option<Rc<Plugin>> {
    CONTEXTS.with(|contexts| contexts.begin(stream))
}

/// Forgets a stream; returns what was kept of it, or what would have been where it
/// ends before it began.
pub fn end(id: StreamId) -> Option<Stream> {
    stream::forget(id).or_else(|| begin(id).map(|plugin| Stream::unbegun(id, plugin)))
}
