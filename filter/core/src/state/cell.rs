//! Places in shared data.

use super::{Decoder, Encoder, SharedStore, State, Version};
use crate::time::Nanos;
use std::hash::{Hash, Hasher};

/// The cells of one rule for one kind of state.
///
/// A rule may need one state for each upstream cluster, or for each path below
/// its prefix. Those come from outside, so their number is bounded: a scope has
/// two of [`Cells::COUNT`] cells to be in, and doesn't push out what is in use.
#[derive(Debug)]
pub struct Cells {
    prefix: String,
    fingerprint: u64,
}

/// What a state means: since 1 its moments are those of the monotonic clock. A module
/// makes nothing of what one with another number has kept in the same process.
const LAYOUT: u64 = 1;

impl Cells {
    /// How many cells a rule has for each kind of state.
    pub const COUNT: u64 = 64;

    /// The cells of a rule. `prefix` must be its own among all plugins, rules
    /// and kinds; `fingerprint` changes with the rule, so that a rule that was
    /// changed begins anew, in the same cells.
    pub fn new(prefix: String, fingerprint: u64) -> Self {
        Self { prefix, fingerprint: fingerprint.wrapping_add(LAYOUT) }
    }

    /// The cell of a scope.
    pub fn scope(&self, scope: &[&[u8]]) -> Cell {
        let mut seal = Encoder::default();
        seal.number(self.fingerprint);
        for part in scope {
            seal.bytes(part);
        }
        let seal = seal.finish();
        // Two places to be, so that two scopes that are in use at the same time
        // hardly ever want the same one.
        let hash = fingerprint(seal.as_slice());
        let place = |hash: u64| format!("{}/{}", self.prefix, hash % Self::COUNT);
        Cell { keys: [place(hash), place(hash >> 32)], seal }
    }
}

/// A place in shared data for the state of one scope.
#[derive(Debug)]
pub struct Cell {
    keys: [String; 2],
    /// Tells whose state stands in a cell: the rule's fingerprint and the scope
    /// itself. A hash could be made to collide.
    seal: Vec<u8>,
}

/// A state as it was read, and where it goes.
pub(super) struct Slot<'a, S> {
    pub(super) state: S,
    cell: &'a Cell,
    key: &'a str,
    version: Version,
}

/// Where the state of a scope stands, or may begin.
struct Place<'a> {
    key: &'a str,
    version: Version,
    /// Its bytes, where there is one.
    state: Option<Vec<u8>>,
}

/// What stands in a cell.
enum Content {
    Ours(Vec<u8>, Version),
    Free(Version),
    /// In use, by another form of the rule.
    Older(Version),
    Taken,
}

impl Cell {
    /// The present state; the default where there is none.
    pub fn read<S: State>(&self, store: &impl SharedStore, now: Nanos) -> S {
        self.load(store, now).map_or_else(S::default, |slot| slot.state)
    }

    /// Tells the scope and its rule from all others.
    pub fn id(&self) -> &[u8] {
        &self.seal
    }

    /// Whether both places of a cell are the first one of another.
    #[cfg(test)]
    pub(super) fn has_no_place_beside(&self, other: &Self) -> bool {
        self.keys.iter().all(|key| *key == other.keys[0])
    }

    #[cfg(test)]
    pub(super) fn take_places_of(&mut self, other: &Self) {
        self.keys = other.keys.clone();
    }

    /// The present state, or a place for the first one; `None` where all places
    /// are taken.
    pub(super) fn load<S: State>(
        &self,
        store: &impl SharedStore,
        now: Nanos,
    ) -> Option<Slot<'_, S>> {
        let Place { key, version, state } = self.place(store, now)?;
        let state = state.and_then(|bytes| S::decode(&mut Decoder::new(&bytes)));
        Some(Slot { state: state.unwrap_or_default(), cell: self, key, version })
    }

    // Knows nothing of the state, so that the module has it once.
    #[inline(never)]
    fn place(&self, store: &impl SharedStore, now: Nanos) -> Option<Place<'_>> {
        let [first, second] = &self.keys;
        let place = |key, version, state| Some(Place { key, version, state });
        let at_first = self.content(store, first, now);
        if let Content::Ours(state, version) = at_first {
            return place(first, version, Some(state));
        }
        if let Content::Free(Version::ABSENT) = at_first {
            return place(first, Version::ABSENT, None);
        }
        match (at_first, self.content(store, second, now)) {
            (_, Content::Ours(state, version)) => place(second, version, Some(state)),
            (Content::Free(version), _) => place(first, version, None),
            (_, Content::Free(version)) => place(second, version, None),
            (Content::Older(version), _) => place(first, version, None),
            (_, Content::Older(version)) => place(second, version, None),
            _ => None,
        }
    }

    fn content(&self, store: &impl SharedStore, key: &str, now: Nanos) -> Content {
        let Some((mut bytes, version)) = store.read(key) else {
            return Content::Free(Version::ABSENT);
        };
        let mut decoder = Decoder::new(&bytes);
        let Some((expires, seal)) = decoder.number().zip(decoder.bytes()) else {
            return Content::Free(version);
        };
        if seal == self.seal {
            let head = bytes.len() - decoder.left();
            return Content::Ours(bytes.split_off(head), version);
        }
        // Another scope of the same rule keeps what it has. Another form of the rule
        // may still be at work beside this one, and keeps it while there is room.
        let same_rule = seal.first_chunk::<8>() == self.seal.first_chunk::<8>();
        match expires > now {
            false => Content::Free(version),
            true if same_rule => Content::Taken,
            true => Content::Older(version),
        }
    }

    #[inline(never)]
    fn write(
        &self,
        store: &impl SharedStore,
        (key, version): (&str, Version),
        expires: Nanos,
        state: Encoder,
    ) -> bool {
        let mut encoder = Encoder::default();
        encoder.number(expires).bytes(&self.seal);
        let mut bytes = encoder.finish();
        bytes.extend(state.finish());
        store.write(key, &bytes, version)
    }
}

impl<S: State> Slot<'_, S> {
    pub(super) fn store(&self, store: &impl SharedStore) -> bool {
        let mut state = Encoder::default();
        self.state.encode(&mut state);
        self.cell.write(store, (self.key, self.version), self.state.expires(), state)
    }
}

/// FNV-1a, 64 bits: stable across builds, so that a new module finds what an
/// old one kept. <http://www.isthe.com/chongo/tech/comp/fnv/>
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A number that changes when what is hashed does.
pub fn fingerprint(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    what.hash(&mut hasher);
    hasher.finish()
}
