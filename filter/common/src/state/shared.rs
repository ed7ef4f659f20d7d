//! A state of the process, looked at by a worker again and again.

use crate::base::time::{Instant, Nanos};
use crate::state::{Cell, Change, Context, SharedStore, State, UpdateError, update};
use std::cell::{RefCell, RefMut};

/// How long a worker relies on what it has read, in nanoseconds: thousands of
/// probes a second needn't all ask.
const FRESH: Nanos = 5_000_000;

/// A state in shared data, and a copy of it.
#[derive(Debug)]
pub struct Shared<S> {
    cell: Cell,
    copy: RefCell<Option<(Instant, S)>>,
}

impl<S: State + Clone> Shared<S> {
    /// A state that nobody has looked at yet.
    pub fn new(cell: Cell) -> Self {
        Self { cell, copy: RefCell::new(None) }
    }

    /// The present state, or that of a moment ago.
    pub fn read(&self, cx: Context<'_, impl SharedStore>) -> S {
        self.look(cx, S::clone)
    }

    /// What `act` sees in the present state, or in that of a moment ago.
    pub fn look<T>(&self, cx: Context<'_, impl SharedStore>, act: impl FnOnce(&S) -> T) -> T {
        match self.fresh(cx).as_deref() {
            Some(Some((_, state))) => act(state),
            _ => act(&S::default()),
        }
    }

    // Knows nothing of what is done with it, so that the module has it once for each state.
    #[inline(never)]
    fn fresh(&self, cx: Context<'_, impl SharedStore>) -> Option<RefMut<'_, Option<(Instant, S)>>> {
        let mut copy = self.copy.try_borrow_mut().ok()?;
        let is_fresh = |at: Instant| at <= cx.now && cx.now.since(at) < FRESH;
        if !copy.as_ref().is_some_and(|(at, _)| is_fresh(*at)) {
            *copy = Some((cx.now, self.cell.read(cx.store)));
        }
        Some(copy)
    }

    /// Changes the state, as [`update`] does.
    ///
    /// # Errors
    /// It could not be written.
    pub fn update<T>(
        &self,
        cx: Context<'_, impl SharedStore>,
        change: impl FnMut(&mut S) -> Change<T>,
    ) -> Result<T, UpdateError> {
        if let Ok(mut copy) = self.copy.try_borrow_mut() {
            *copy = None;
        }
        update(cx, &self.cell, change)
    }
}
