//! Places in shared data.

use super::{Decoder, Encoder, SharedStore, State, Version};

/// The cells of one rule for one kind of state.
///
/// A rule may need one state for each upstream cluster, or for each path below
/// its prefix. Those come from outside, so their number is bounded: a scope is
/// hashed to one of [`Cells::COUNT`] cells, and who comes later takes the cell.
#[derive(Debug)]
pub struct Cells {
    prefix: String,
    fingerprint: u64,
}

impl Cells {
    /// How many cells a rule has for each kind of state.
    pub const COUNT: u64 = 64;

    /// The cells of a rule. `prefix` must be its own among all plugins, rules
    /// and kinds; `fingerprint` changes with the rule, so that a rule that was
    /// changed begins anew, in the same cells.
    pub fn new(prefix: String, fingerprint: u64) -> Self {
        Self { prefix, fingerprint }
    }

    /// The cell of a scope.
    pub fn scope(&self, scope: &[&[u8]]) -> Cell {
        let mut hash = Hash::new();
        scope.iter().for_each(|part| hash.add(part));
        let scope = hash.0;
        // Two places to be, so that two scopes that are in use at the same time
        // hardly ever have to share one.
        let place = |hash: u64| format!("{}/{}", self.prefix, hash % Self::COUNT);
        Cell {
            keys: [place(scope), place(scope >> 32)],
            seal: Seal { fingerprint: self.fingerprint, scope },
        }
    }
}

/// A place in shared data for the state of one scope.
#[derive(Debug)]
pub struct Cell {
    keys: [String; 2],
    seal: Seal,
}

/// Tells whose state stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seal {
    fingerprint: u64,
    scope: u64,
}

/// A state as it was read, and where it goes.
pub(super) struct Slot<'a, S> {
    pub(super) state: S,
    cell: &'a Cell,
    key: &'a str,
    version: Version,
}

impl Cell {
    /// The present state; the default where there is none.
    pub fn read<S: State>(&self, store: &impl SharedStore) -> S {
        self.load(store).state
    }

    /// A number for the scope and its rule.
    pub fn id(&self) -> u64 {
        self.seal.fingerprint ^ self.seal.scope
    }

    pub(super) fn load<S: State>(&self, store: &impl SharedStore) -> Slot<'_, S> {
        let [first, second] = &self.keys;
        let slot = |key, version, state| Slot { state, cell: self, key, version };
        let Some((bytes, first_version)) = store.read(first) else {
            return slot(first, Version::ABSENT, S::default());
        };
        if let Some(state) = self.open(&bytes) {
            return slot(first, first_version, state);
        }
        // Somebody else's. The second place is better where it is ours or free.
        match store.read(second).map(|(bytes, version)| (self.open(&bytes), version)) {
            Some((Some(state), version)) => slot(second, version, state),
            None => slot(second, Version::ABSENT, S::default()),
            Some((None, _)) => slot(first, first_version, S::default()),
        }
    }

    fn open<S: State>(&self, bytes: &[u8]) -> Option<S> {
        let mut decoder = Decoder::new(bytes);
        let seal = Seal { fingerprint: decoder.number()?, scope: decoder.number()? };
        if seal != self.seal {
            return None;
        }
        S::decode(&mut decoder)
    }
}

impl<S: State> Slot<'_, S> {
    pub(super) fn store(&self, store: &impl SharedStore) -> bool {
        let mut encoder = Encoder::default();
        encoder.number(self.cell.seal.fingerprint).number(self.cell.seal.scope);
        self.state.encode(&mut encoder);
        store.write(self.key, &encoder.finish(), self.version)
    }
}

/// FNV-1a, 64 bits: stable across builds, so that a new module finds what an
/// old one kept. <http://www.isthe.com/chongo/tech/comp/fnv/>
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a part, with its end.
    fn add(&mut self, part: &[u8]) {
        for &byte in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A number that changes when a text does.
pub fn fingerprint(text: &str) -> u64 {
    let mut hash = Hash::new();
    hash.add(text.as_bytes());
    hash.0
}
