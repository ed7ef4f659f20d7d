//! The rules of shared state.

use super::fake::FakeStore;
use super::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count(u64);

impl State for Count {
    fn encode(&self, to: &mut Encoder) {
        to.number(self.0);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        from.number().map(Self)
    }
}

fn count(store: &FakeStore, cell: &Cell) -> Option<u64> {
    update::<Count, _>(store, cell, |count| {
        count.0 += 1;
        (count.0, true)
    })
}

#[test]
fn a_state_is_changed_under_contention() {
    let store = FakeStore::default();
    let cell = Cells::new("a".into(), 1).scope(&[b"app"]);
    assert_eq!(count(&store, &cell), Some(1));
    store.contended.set(10);
    assert_eq!(count(&store, &cell), Some(2));
    assert_eq!(cell.read::<Count>(&store), Count(2));
}

#[test]
fn endless_contention_ends() {
    let store = FakeStore::default();
    store.contended.set(usize::MAX);
    assert_eq!(count(&store, &Cells::new("a".into(), 1).scope(&[])), None);
}

#[test]
fn two_that_create_a_state_at_once_dont_overwrite_each_other() {
    let store = FakeStore::default();
    let cell = Cells::new("a".into(), 1).scope(&[]);
    let mine = cell.load::<Count>(&store);
    let theirs = cell.load::<Count>(&store);
    assert!(mine.store(&store));
    assert!(!theirs.store(&store));
}

#[test]
fn a_rule_that_was_changed_begins_anew() {
    let store = FakeStore::default();
    count(&store, &Cells::new("a".into(), 1).scope(&[b"app"]));
    let changed = Cells::new("a".into(), 2).scope(&[b"app"]);
    assert_eq!(changed.read::<Count>(&store), Count(0));
    assert_eq!(count(&store, &changed), Some(1));
}

#[test]
fn scopes_are_told_apart_whole() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    count(&store, &cells.scope(&[b"ab", b"c"]));
    assert_eq!(cells.scope(&[b"a", b"bc"]).read::<Count>(&store), Count(0));
    assert_eq!(cells.scope(&[b"ab", b"c"]).read::<Count>(&store), Count(1));
}

#[test]
fn any_number_of_scopes_needs_a_bounded_number_of_keys() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    for scope in 0..10_000_u32 {
        assert_eq!(count(&store, &cells.scope(&[&scope.to_le_bytes()])), Some(1));
    }
    assert!(store.keys().len() as u64 <= Cells::COUNT);
    assert!(store.keys().iter().all(|key| key.starts_with("a/")));
}

#[test]
fn a_few_scopes_at_once_keep_their_states() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    let scopes: Vec<Cell> =
        (0..8_u32).map(|scope| cells.scope(&[format!("cluster-{scope}").as_bytes()])).collect();
    for expected in 1..=5 {
        for scope in &scopes {
            assert_eq!(count(&store, scope), Some(expected));
        }
    }
}

#[test]
fn bytes_that_are_not_ours_are_no_state() {
    let store = FakeStore::default();
    let cell = Cells::new("a".into(), 1).scope(&[]);
    count(&store, &cell);
    for key in store.keys() {
        let (_, version) = store.read(&key).unwrap();
        assert!(store.write(&key, b"garbage", version));
    }
    assert_eq!(cell.read::<Count>(&store), Count(0));
    assert_eq!(count(&store, &cell), Some(1));
}
