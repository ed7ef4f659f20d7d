//! Which context is whose.
//!
//! Envoy numbers the contexts of a VM: a root context for each configuration, a
//! stream context for each request. Several configurations may live in one VM, the
//! old beside the new, and a stream keeps the one that it began with.
//!
//! A host call may lead back into a callback before it returns, so nothing here is
//! borrowed while one is made. A number that isn't known belongs to no stream.

use crate::plugin::Plugin;
use crate::stream::{self, Stream};
use heartbeat_host::ids::{RootId, StreamId};
use std::cell::RefCell;
use std::rc::Rc;

struct Contexts {
    /// One or two: reading through them is quicker than a map.
    roots: Vec<(RootId, Rc<Plugin>)>,
    /// The streams that Envoy has announced and not yet begun. It begins one at
    /// once, unless the request is over before that.
    announced: Vec<(StreamId, Rc<Plugin>)>,
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> =
        const { RefCell::new(Contexts { roots: Vec::new(), announced: Vec::new() }) };
}

/// `act` must not make a host call.
fn with<T>(act: impl FnOnce(&mut Contexts) -> Option<T>) -> Option<T> {
    CONTEXTS.with(|contexts| act(&mut *contexts.try_borrow_mut().ok()?))
}

/// Takes the value of `key` out of a short list.
fn take<K: PartialEq, V>(list: &mut Vec<(K, V)>, key: &K) -> Option<V> {
    let at = list.iter().position(|(known, _)| known == key)?;
    Some(list.swap_remove(at).1)
}

/// The configuration at work in a root context.
pub fn plugin(root: RootId) -> Option<Rc<Plugin>> {
    with(|contexts| {
        let found = contexts.roots.iter().find(|(known, _)| *known == root);
        found.map(|(_, plugin)| Rc::clone(plugin))
    })
}

/// Puts a configuration to work in a root context; returns the one before it.
pub fn configure(root: RootId, plugin: Rc<Plugin>) -> Option<Rc<Plugin>> {
    with(|contexts| {
        let before = take(&mut contexts.roots, &root);
        contexts.roots.push((root, plugin));
        before
    })
}

/// Forgets a root context; returns its configuration, which its streams may still have.
pub fn dismiss(root: RootId) -> Option<Rc<Plugin>> {
    with(|contexts| take(&mut contexts.roots, &root))
}

/// Remembers whose stream is about to begin.
pub fn announce(stream: StreamId, root: RootId) {
    let Some(plugin) = plugin(root) else { return };
    with(|contexts| {
        contexts.announced.push((stream, plugin));
        Some(())
    });
}

/// The configuration of a stream that begins.
pub fn begin(stream: StreamId) -> Option<Rc<Plugin>> {
    with(|contexts| take(&mut contexts.announced, &stream))
}

/// Forgets a stream; returns what was kept of it, or what would have been where it
/// ends before it began.
pub fn end(id: StreamId) -> Option<Stream> {
    stream::forget(id).or_else(|| begin(id).map(|plugin| Stream::unbegun(id, plugin)))
}
