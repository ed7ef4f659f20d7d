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
    try_to_count(store, cell).ok()
}

fn try_to_count(store: &FakeStore, cell: &Cell) -> Result<u64, Refusal> {
    update::<Count, _>(store, cell, 0, |count| {
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
    assert_eq!(cell.read::<Count>(&store, 0), Count(2));
}

#[test]
fn endless_contention_ends() {
    let store = FakeStore::default();
    store.contended.set(usize::MAX);
    let cell = Cells::new("a".into(), 1).scope(&[]);
    assert_eq!(try_to_count(&store, &cell), Err(Refusal::Contended));
}

#[test]
fn two_that_create_a_state_at_once_dont_overwrite_each_other() {
    let store = FakeStore::default();
    let cell = Cells::new("a".into(), 1).scope(&[]);
    let mine = cell.load::<Count>(&store, 0).unwrap();
    let theirs = cell.load::<Count>(&store, 0).unwrap();
    assert!(mine.store(&store));
    assert!(!theirs.store(&store));
}

#[test]
fn a_rule_that_was_changed_begins_anew() {
    let store = FakeStore::default();
    count(&store, &Cells::new("a".into(), 1).scope(&[b"app"]));
    let changed = Cells::new("a".into(), 2).scope(&[b"app"]);
    assert_eq!(changed.read::<Count>(&store, 0), Count(0));
    assert_eq!(count(&store, &changed), Some(1));
}

#[test]
fn scopes_are_told_apart_whole() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    count(&store, &cells.scope(&[b"ab", b"c"]));
    assert_eq!(cells.scope(&[b"a", b"bc"]).read::<Count>(&store, 0), Count(0));
    assert_eq!(cells.scope(&[b"ab", b"c"]).read::<Count>(&store, 0), Count(1));
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
    assert_eq!(cell.read::<Count>(&store, 0), Count(0));
    assert_eq!(count(&store, &cell), Some(1));
}

/// A state that is worth something until a time.
#[derive(Default)]
struct Lasting(Nanos);

impl State for Lasting {
    fn encode(&self, to: &mut Encoder) {
        to.number(self.0);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        from.number().map(Self)
    }

    fn expires(&self) -> Nanos {
        self.0
    }
}

#[test]
fn who_comes_later_pushes_out_nobody_who_is_in_use() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    let last_until = |cells: &Cells, scope: u32, until, now| {
        update::<Lasting, _>(&store, &cells.scope(&[&scope.to_le_bytes()]), now, |state| {
            *state = Lasting(until);
            ((), true)
        })
    };
    assert_eq!(last_until(&cells, 0, 100, 0), Ok(()));
    let refused = (1..10_000).filter(|scope| last_until(&cells, *scope, 100, 0).is_err()).count();
    assert!(refused > 9_000, "{refused}");
    let first = cells.scope(&[&0_u32.to_le_bytes()]);
    assert_eq!(first.read::<Lasting>(&store, 0).0, 100, "the first is still there");
    assert_eq!(last_until(&cells, 77_777, 200, 100), Ok(()), "when their time is over");
    let changed = Cells::new("a".into(), 2);
    assert_eq!(last_until(&changed, 1, 200, 0), Ok(()), "what an older rule knew is worth nothing");
}

#[test]
fn scopes_whose_hashes_collide_are_told_apart() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    let first = cells.scope(&[b"app"]);
    count(&store, &first);
    // As if another scope had the same places.
    let mut second = cells.scope(&[b"other"]);
    second.take_places_of(&first);
    assert_eq!(second.read::<Count>(&store, 0), Count(0));
    assert_ne!(first.id(), second.id());
}

#[test]
fn two_forms_of_a_rule_that_are_both_at_work_leave_each_other_room() {
    let older = Cells::new("a".into(), 1).scope(&[]);
    for form in 2..1_000 {
        let newer = Cells::new("a".into(), form).scope(&[]);
        if newer.has_no_place_beside(&older) {
            continue;
        }
        let store = FakeStore::default();
        for (cell, until) in [(&older, 100), (&newer, 200), (&older, 100)] {
            let kept = update::<Lasting, _>(&store, cell, 5, |state| {
                let found = state.0;
                *state = Lasting(until);
                (found, true)
            });
            assert!([Ok(0), Ok(until)].contains(&kept), "{form}: {kept:?}");
        }
        assert_eq!(older.read::<Lasting>(&store, 5).0, 100, "{form}");
        assert_eq!(newer.read::<Lasting>(&store, 5).0, 200, "{form}");
    }
}
