//! Places in shared data.

use super::record::{self, Record, records};
use super::{Context, Decoder, Encoder, SharedStore, State, Version};
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// The cells of one rule for one kind of state: a hash table in shared data.
///
/// A rule may need one state for each upstream cluster, or for each path below its
/// prefix. Shared data knows no deletion, so the number of keys is bounded; scopes
/// whose hashes lead to the same key share its value. So one read finds any state,
/// however full the table is, and a value that is read is never longer than its
/// bound.
///
/// What is in use is never pushed out. A scope for which there is no room is told so
/// ([`UpdateError::Occupied`](super::UpdateError::Occupied)).
#[derive(Debug)]
pub struct Cells {
    prefix: String,
    fingerprint: u64,
    pub(super) keys: u64,
    /// How long the value of a key may be, in bytes.
    pub(super) room: usize,
}

/// What a state means: since 1 its moments are those of the monotonic clock. A module
/// makes nothing of what one with another number has kept in the same process.
const LAYOUT: u64 = 1;

impl Cells {
    /// How many keys a table has, for scopes of either [origin](Self::scope).
    pub const KEYS: u64 = 1_024;
    /// How many scopes find room, whatever they are called: it would take a hash that
    /// piles up five times its share for one of them not to.
    pub const SCOPES: usize = 4_096;
    /// Room for twenty and more states of some numbers and the names that they are
    /// kept by.
    const ROOM: usize = 4 * 1_024;

    /// How long all answers of one rule may be together, in bytes.
    pub const ROOM_FOR_ANSWERS: usize = 16 * 1_024 * 1_024;

    /// The cells of a rule. `prefix` must be its own among all plugins, rules
    /// and kinds; `fingerprint` changes with the rule, so that a rule that was
    /// changed begins anew, in the same cells.
    pub fn new(prefix: String, fingerprint: u64) -> Self {
        Self { prefix, fingerprint, keys: Self::KEYS, room: Self::ROOM }
    }

    /// The cells for answers that are `longest` bytes long at most, a MiB or less: each
    /// key has room for two of the longest, or for a good many of ordinary length.
    #[inline(never)]
    pub fn for_answers(prefix: String, fingerprint: u64, longest: usize) -> Self {
        let two = 2 * longest.saturating_add(BESIDE_AN_ANSWER);
        let keys = (Self::ROOM_FOR_ANSWERS / two).clamp(1, 256);
        Self { prefix, fingerprint, keys: keys as u64, room: Self::ROOM_FOR_ANSWERS / keys }
    }

    /// The cell of a scope that is made of names which are the operator's to give: of
    /// clusters, and of services that a rule names.
    pub fn scope(&self, scope: &[&[u8]]) -> Cell {
        self.cell(scope, 0)
    }

    /// The cell of a scope that a client may have made up. Such scopes have keys of
    /// their own: however many there are, they take no room from the operator's.
    pub fn outside(&self, scope: &[&[u8]]) -> Cell {
        self.cell(scope, self.keys)
    }

    /// Where all workers see that something was said of the rule.
    pub fn said(&self, what: &str) -> Cell {
        Cell::alone(format!("{}/{what}", self.prefix), self.fingerprint)
    }

    /// How long all that is kept in them may be, in bytes, for scopes of either
    /// [origin](Self::scope).
    pub fn bytes_at_most(&self) -> u64 {
        self.keys.saturating_mul(self.room as u64)
    }

    /// How many keys there are for scopes of either [origin](Self::scope).
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Shows `see` every state of the rule that is of use: of scopes that clients may have
    /// made up, or of those that are the operator's. All keys are read; tells how long their
    /// values are together.
    pub fn look_through(
        &self,
        made_up: bool,
        cx: Context<'_, impl SharedStore>,
        see: &mut dyn FnMut(Scope<'_>, &mut Decoder<'_>),
    ) -> u64 {
        let first = if made_up { self.keys } else { 0 };
        let (own, mut size) = (seal(self.fingerprint, &[]), 0);
        for place in first..first + self.keys {
            let Some((bytes, _)) = cx.store.read(&self.key_of(place)) else { continue };
            size += bytes.len() as u64;
            for record in records(&bytes).filter(|record| record.expires > cx.now) {
                let scope = record.seal.strip_prefix(own.as_slice());
                if let (Some(scope), Some(state)) = (scope, bytes.get(record.state)) {
                    see(Scope(scope), &mut Decoder::new(state));
                }
            }
        }
        size
    }

    #[inline(never)]
    fn key_of(&self, place: u64) -> String {
        format!("{}/{place}", self.prefix)
    }

    fn cell(&self, scope: &[&[u8]], first: u64) -> Cell {
        let seal = seal(self.fingerprint, scope);
        // Keys are few, so it is a hash's low bits that count; those of FNV-1a depend
        // on little more than the low bits of each byte.
        let place = first + scatter(fingerprint(seal.as_slice())) % self.keys;
        Cell { key: self.key_of(place), seal, room: self.room }
    }
}

/// A scope, as it stands beside its state.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a>(&'a [u8]);

impl<'a> Scope<'a> {
    /// The names that it is made of.
    pub fn parts(self) -> impl Iterator<Item = &'a [u8]> {
        let mut decoder = Decoder::new(self.0);
        std::iter::from_fn(move || decoder.bytes())
    }
}

#[inline(never)]
fn seal(fingerprint: u64, scope: &[&[u8]]) -> Vec<u8> {
    let mut seal = Encoder::default();
    seal.number(fingerprint.wrapping_add(LAYOUT));
    scope.iter().for_each(|part| {
        seal.bytes(part);
    });
    seal.finish()
}

/// The key of what a plugin keeps, or what its keys begin with: whose it is and what, each
/// `/` a step.
#[inline(never)]
pub fn key(plugin: &str, path: &[&str]) -> String {
    let mut key = ["heartbeat/", plugin].concat();
    for part in path {
        key.push('/');
        key.push_str(part);
    }
    key
}

/// A place in shared data for the state of one scope.
#[derive(Debug)]
pub struct Cell {
    key: String,
    /// Tells whose state it is: the rule's fingerprint and the scope itself. A hash
    /// could be made to collide.
    seal: Vec<u8>,
    room: usize,
}

/// A state as it was read, and where it goes.
pub(super) struct Slot<'a, S> {
    pub(super) state: S,
    cell: &'a Cell,
    value: Value,
}

/// What stands at a key.
struct Value {
    bytes: Vec<u8>,
    version: Version,
    /// Where the cell's own state is in it.
    own: Option<Range<usize>>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It stands; whether the state of another scope has given way to it.
    Done { displaced: bool },
    /// Another worker was faster.
    Overtaken,
    /// There is no room: what is there is in use.
    NoRoom,
}

impl Cell {
    /// A place that no other scope shares.
    #[inline(never)]
    pub fn alone(key: String, fingerprint: u64) -> Self {
        Self { key, seal: seal(fingerprint, &[]), room: usize::MAX }
    }

    /// The present state; the default where there is none.
    pub fn read<S: State>(&self, store: &impl SharedStore) -> S {
        self.value(store).state().unwrap_or_default()
    }

    /// Tells the scope and its rule from all others.
    pub fn id(&self) -> &[u8] {
        &self.seal
    }

    #[cfg(test)]
    pub(super) fn take_place_of(&mut self, other: &Self) {
        self.key.clone_from(&other.key);
    }

    /// The present state, or the first one.
    pub(super) fn load<S: State>(&self, store: &impl SharedStore) -> Slot<'_, S> {
        let value = self.value(store);
        Slot { state: value.state().unwrap_or_default(), cell: self, value }
    }

    // Knows nothing of the state, so that the module has it once.
    #[inline(never)]
    fn value(&self, store: &impl SharedStore) -> Value {
        let (bytes, version) = store.read(&self.key).unwrap_or((Vec::new(), Version::ABSENT));
        let own = records(&bytes).find(|record| record.seal == self.seal);
        let own = own.map(|record| record.state);
        Value { bytes, version, own }
    }

    #[inline(never)]
    fn write(
        &self,
        cx: Context<'_, impl SharedStore>,
        value: &Value,
        mut bytes: Vec<u8>,
    ) -> Written {
        let others = records(&value.bytes);
        let mut others: Vec<Record<'_>> =
            others.filter(|other| other.expires > cx.now && other.seal != self.seal).collect();
        let mut displaced = false;
        while others.len() >= MOST_TOGETHER
            || others.iter().fold(bytes.len(), |size, other| size + other.bytes.len()) > self.room
        {
            let ours =
                |other: &Record<'_>| other.seal.first_chunk::<8>() == self.seal.first_chunk();
            let yielding =
                others.iter().enumerate().filter(|(_, other)| other.yields || !ours(other));
            // Another form of the rule may still be at work beside this one, and keeps
            // what it has while there is room.
            let Some((place, _)) = yielding.min_by_key(|(_, other)| (ours(other), other.expires))
            else {
                return Written::NoRoom;
            };
            displaced |= ours(&others.swap_remove(place));
        }
        others.iter().for_each(|other| bytes.extend_from_slice(other.bytes));
        match cx.store.write(&self.key, &bytes, value.version) {
            true => Written::Done { displaced },
            false => Written::Overtaken,
        }
    }
}

/// How long what is kept beside an answer's body may be, in bytes: its scope above all.
const BESIDE_AN_ANSWER: usize = 2 * 1_024;

/// How many states may stand at one key: all of them are looked through.
const MOST_TOGETHER: usize = 32;

impl Value {
    fn state<S: State>(&self) -> Option<S> {
        S::decode(&mut Decoder::new(self.bytes.get(self.own.clone()?)?))
    }
}

impl<S: State> Slot<'_, S> {
    pub(super) fn store(&self, cx: Context<'_, impl SharedStore>) -> Written {
        let mut state = Encoder::default();
        self.state.encode(&mut state);
        let (expires, yields) = (self.state.expires(), self.state.yields());
        let record = record::write(expires, yields, &self.cell.seal, state);
        self.cell.write(cx, &self.value, record)
    }
}

/// Spreads a hash over all of its bits: the finaliser of MurmurHash3, 64 bits.
/// <https://github.com/aappleby/smhasher/wiki/MurmurHash3>
fn scatter(mut hash: u64) -> u64 {
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

/// FNV-1a, 64 bits: stable across builds, so that a new module finds what an
/// old one kept. <http://www.isthe.com/chongo/tech/comp/fnv/>
struct Fnv(u64);

impl Hasher for Fnv {
    // Every field of every rule would have a loop of its own.
    #[inline(never)]
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
