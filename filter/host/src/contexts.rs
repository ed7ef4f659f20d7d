//! Which context is whose.
//!
//! Envoy numbers the contexts of a VM: a root context for each configuration, a
//! stream context for each request. Several configurations may live in one VM, the
//! old beside the new, and a stream keeps the one that it began with.
//!
//! A host call may lead back into a callback before it returns, so nothing here is
//! borrowed while one is made. A number that isn't known belongs to no stream.

use crate::ids::{RootId, StreamId};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::cell::RefCell;
use std::rc::Rc;

/// The root contexts of a VM, each with a configuration at work, and the streams that are
/// about to begin.
pub struct Contexts<R>(RefCell<Known<R>>);

struct Known<R> {
    /// One or two: reading through them is quicker than a map.
    roots: Vec<(RootId, Rc<R>)>,
    /// The streams that Envoy has announced and not yet begun. It begins one at
    /// once, unless the request is over before that.
    announced: Vec<(StreamId, Rc<R>)>,
}

/// Takes the value of `key` out of a short list.
fn take<K: PartialEq, V>(list: &mut Vec<(K, V)>, key: &K) -> Option<V> {
    let at = list.iter().position(|(known, _)| known == key)?;
    Some(list.swap_remove(at).1)
}

impl<R> Contexts<R> {
    /// Those of a VM that has just begun: none.
    pub const fn new() -> Self {
        Self(RefCell::new(Known { roots: Vec::new(), announced: Vec::new() }))
    }

    /// `act` must not make a host call.
    fn with<T>(&self, act: impl FnOnce(&mut Known<R>) -> Option<T>) -> Option<T> {
        act(&mut *self.0.try_borrow_mut().ok()?)
    }

    /// The configuration at work in a root context.
    pub fn root(&self, root: RootId) -> Option<Rc<R>> {
        self.with(|known| {
            let found = known.roots.iter().find(|(known, _)| *known == root);
            found.map(|(_, configured)| Rc::clone(configured))
        })
    }

    /// Puts a configuration to work in a root context; returns the one before it.
    pub fn configure(&self, root: RootId, configured: Rc<R>) -> Option<Rc<R>> {
        self.with(|known| {
            let before = take(&mut known.roots, &root);
            known.roots.push((root, configured));
            before
        })
    }

    /// Forgets a root context; returns its configuration, which its streams may still have.
    pub fn dismiss(&self, root: RootId) -> Option<Rc<R>> {
        self.with(|known| take(&mut known.roots, &root))
    }

    /// Remembers whose stream is about to begin.
    pub fn announce(&self, stream: StreamId, root: RootId) {
        let Some(configured) = self.root(root) else { return };
        self.with(|known| {
            known.announced.push((stream, configured));
            Some(())
        });
    }

    /// The configuration of a stream that begins, or that is over before it has begun.
    pub fn begin(&self, stream: StreamId) -> Option<Rc<R>> {
        self.with(|known| take(&mut known.announced, &stream))
    }
}

impl<R> Default for Contexts<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// The streams of a VM of which something must be known later.
pub struct Streams<S>(RefCell<FxHashMap<StreamId, S>>);

impl<S: Clone> Streams<S> {
    /// Those of a VM that has just begun: none.
    pub const fn new() -> Self {
        Self(RefCell::new(FxHashMap::with_hasher(FxBuildHasher)))
    }

    /// What is kept of a stream.
    pub fn find(&self, id: StreamId) -> Option<S> {
        self.0.try_borrow().ok()?.get(&id).cloned()
    }

    /// Keeps something of a stream until it is forgotten.
    pub fn keep(&self, id: StreamId, stream: S) {
        if let Ok(mut streams) = self.0.try_borrow_mut() {
            streams.insert(id, stream);
        }
    }

    /// Forgets a stream; returns what was kept of it.
    pub fn forget(&self, id: StreamId) -> Option<S> {
        let mut streams = self.0.try_borrow_mut().ok()?;
        // Of most requests nothing is kept.
        if streams.is_empty() { None } else { streams.remove(&id) }
    }
}

impl<S: Clone> Default for Streams<S> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
