//! The rules of shared state.

use super::fake::FakeStore;
use super::*;
use crate::base::time::Instant;
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

    fn expires(&self) -> Instant {
        Instant::NEVER
    }
}

fn count(store: &FakeStore, cell: &Cell) -> Option<u64> {
    try_to_count(store, cell).ok()
}

fn try_to_count(store: &FakeStore, cell: &Cell) -> Result<u64, UpdateError> {
    update::<Count, _>(Context::at(store, Instant::ZERO), cell, |count| {
        count.0 += 1;
        Change::Write(count.0)
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
    let cell = Cells::new("a".into(), 1).scope(&[]);
    assert_eq!(try_to_count(&store, &cell), Err(UpdateError::Contended));
}

#[test]
fn two_that_create_a_state_at_once_dont_overwrite_each_other() {
    let store = FakeStore::default();
    let cell = Cells::new("a".into(), 1).scope(&[]);
    let mine = cell.load::<Count>(&store);
    let theirs = cell.load::<Count>(&store);
    assert_eq!(mine.store(Context::at(&store, Instant::ZERO)), Written::Done { displaced: false });
    assert_eq!(theirs.store(Context::at(&store, Instant::ZERO)), Written::Overtaken);
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

/// Names as they are in real life, and what is worse: each differs from others in a
/// digit or two.
fn names(number: usize) -> [String; 5] {
    [
        format!("svc{number}"),
        format!(
            "outbound|{}|v{}|svc.ns-{}.svc.cluster.local",
            8_000 + number % 7,
            number % 3,
            number
        ),
        format!("cluster-{number:05}"),
        format!("{}-{}-{}.shop", number / 256, number / 16 % 16, number % 16),
        format!("{number:x}").bytes().map(|byte| char::from(byte + 16)).collect(),
    ]
}

/// The scopes of two tables of one rule.
fn scopes(cells: &Cells, family: usize, count: usize) -> Vec<Cell> {
    let name = |number| names(number)[family].clone().into_bytes();
    (0..count).map(|number| cells.scope(&[&name(number / 2), &[number as u8 % 2]])).collect()
}

#[test]
fn with_as_many_scopes_as_there_is_room_for_nobody_loses_a_state() {
    for family in 0..names(0).len() {
        let (store, cells) = (FakeStore::default(), Cells::new("a".into(), 1));
        let scopes = scopes(&cells, family, Cells::SCOPES);
        for expected in 1..=3 {
            for scope in &scopes {
                assert_eq!(try_to_count(&store, scope), Ok(expected), "{}", names(0)[family]);
            }
        }
    }
}

#[test]
fn whoever_finds_no_room_is_told_and_takes_nobody_elses() {
    let (store, cells) = (FakeStore::default(), Cells::new("a".into(), 1));
    let known = scopes(&cells, 0, Cells::SCOPES);
    known.iter().for_each(|scope| assert_eq!(count(&store, scope), Some(1)));
    let made_up = |number: u32| [&b"x"[..], &number.to_le_bytes()].concat();
    let refused = (0..20_000).filter(|number| {
        let scope = cells.scope(&[&made_up(*number)]);
        try_to_count(&store, &scope) == Err(UpdateError::Occupied)
    });
    assert!(refused.count() > 0);
    known.iter().for_each(|scope| assert_eq!(count(&store, scope), Some(2)));
}

#[test]
fn what_clients_make_up_takes_no_room_from_what_the_operator_names() {
    let (store, cells) = (FakeStore::default(), Cells::new("a".into(), 1));
    for number in 0..40_000_u32 {
        let _ = try_to_count(&store, &cells.outside(&[&number.to_le_bytes()]));
    }
    for scope in scopes(&cells, 1, Cells::SCOPES) {
        assert_eq!(count(&store, &scope), Some(1));
    }
}

#[test]
fn any_number_of_scopes_needs_a_bounded_number_of_keys_with_bounded_values() {
    let store = FakeStore::default();
    let cells = Cells::new("a".into(), 1);
    for scope in 0..60_000_u32 {
        let _ = try_to_count(&store, &cells.scope(&[&scope.to_le_bytes()]));
        let _ = try_to_count(&store, &cells.outside(&[&scope.to_le_bytes(), &[b'x'; 1_024]]));
    }
    assert!(store.keys().len() as u64 <= 2 * Cells::KEYS);
    for key in store.keys() {
        assert!(key.starts_with("a/"));
        assert!(store.read(&key).unwrap().0.len() <= 4_096);
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

/// A state that is of use until a time, and before that perhaps gives way.
#[derive(Debug, Default, PartialEq)]
struct Lasting {
    until: Instant,
    yields: bool,
}

impl State for Lasting {
    fn encode(&self, to: &mut Encoder) {
        to.instant(self.until).number(u64::from(self.yields));
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { until: from.instant()?, yields: from.number()? != 0 })
    }

    fn expires(&self) -> Instant {
        self.until
    }

    fn yields(&self) -> bool {
        self.yields
    }
}

/// Cells of which all share the place of the first.
fn crowded(form: u64, count: u8) -> Vec<Cell> {
    let cells = Cells::new("a".into(), form);
    let first = Cells::new("a".into(), 1).scope(&[&[0]]);
    (0..count)
        .map(|scope| {
            let mut cell = cells.scope(&[&[scope]]);
            cell.take_place_of(&first);
            cell
        })
        .collect()
}

/// Keeps a state; says whether another one gave way.
fn keep(
    store: &FakeStore,
    cell: &Cell,
    now: u64,
    until: u64,
    yields: bool,
) -> Result<bool, UpdateError> {
    let kept = update_and_displace::<Lasting, _>(Context::at(store, Instant(now)), cell, |state| {
        *state = Lasting { until: Instant(until), yields };
        Change::Write(())
    });
    kept.map(|((), displaced)| displaced)
}

fn until(store: &FakeStore, cell: &Cell) -> u64 {
    cell.read::<Lasting>(store).until.0
}

#[test]
fn what_is_in_use_gives_way_to_nobody_and_what_has_expired_to_whoever_comes() {
    let (store, cells) = (FakeStore::default(), crowded(1, 40));
    let (held, late) = cells.split_at(32);
    held.iter().for_each(|cell| assert_eq!(keep(&store, cell, 0, 100, false), Ok(false)));
    late.iter().for_each(|cell| {
        assert_eq!(keep(&store, cell, 99, 200, false), Err(UpdateError::Occupied));
    });
    held.iter().for_each(|cell| assert_eq!(until(&store, cell), 100));
    assert_eq!(keep(&store, &held[0], 99, 150, false), Ok(false), "its own is its own");
    assert_eq!(keep(&store, &late[0], 100, 200, false), Ok(false), "when their time is over");
    assert_eq!((until(&store, &held[0]), until(&store, &held[1])), (150, 0));
}

#[test]
fn the_oldest_of_those_that_yield_gives_way_first() {
    let (store, cells) = (FakeStore::default(), crowded(1, 40));
    for (number, cell) in cells.iter().take(32).enumerate() {
        let yields = number % 2 == 1;
        assert_eq!(keep(&store, cell, 0, 100 - number as u64, yields), Ok(false));
    }
    assert_eq!(keep(&store, &cells[32], 0, 100, true), Ok(true));
    assert_eq!(until(&store, &cells[31]), 0);
    assert_eq!(keep(&store, &cells[33], 0, 100, true), Ok(true));
    assert_eq!(until(&store, &cells[29]), 0);
    let stay = (0..32).step_by(2).all(|number| until(&store, &cells[number]) > 0);
    assert!(stay, "what doesn't yield");
}

#[test]
fn what_an_older_form_of_a_rule_knew_gives_way_without_a_word() {
    let store = FakeStore::default();
    crowded(1, 32).iter().for_each(|cell| assert_eq!(keep(&store, cell, 0, 100, false), Ok(false)));
    crowded(2, 32).iter().for_each(|cell| assert_eq!(keep(&store, cell, 0, 100, false), Ok(false)));
    assert!(crowded(2, 32).iter().all(|cell| until(&store, cell) == 100));
}

#[test]
fn two_forms_of_a_rule_that_are_both_at_work_leave_each_other_room() {
    let (store, [older, newer]) =
        (FakeStore::default(), [1, 2].map(|form| Cell::alone("a".into(), form)));
    for (cell, time) in [(&older, 100), (&newer, 200), (&older, 101), (&newer, 201)] {
        assert_eq!(keep(&store, cell, 5, time, false), Ok(false));
    }
    assert_eq!((until(&store, &older), until(&store, &newer)), (101, 201));
    assert_eq!(store.keys(), ["a"]);
}

#[test]
fn scopes_whose_hashes_collide_are_told_apart() {
    let store = FakeStore::default();
    let cells = crowded(1, 2);
    assert_eq!(count(&store, &cells[0]), Some(1));
    assert_eq!(cells[1].read::<Count>(&store), Count(0));
    assert_ne!(cells[0].id(), cells[1].id());
}

#[test]
fn answers_have_room_for_two_of_the_longest_and_all_of_them_for_so_many_bytes() {
    for longest in [0, 1, 1_024, 64 * 1_024, 1_024 * 1_024] {
        let cells = Cells::for_answers("a".into(), 1, longest);
        let (keys, room) = (cells.keys as usize, cells.room);
        assert!(room >= 2 * (longest + 2_048) && keys > 6, "{longest}: {keys} keys, {room} bytes");
        assert!(keys * room <= Cells::ROOM_FOR_ANSWERS);
    }
}

#[test]
fn of_all_workers_one_says_a_thing_and_not_again_before_a_time() {
    let store = FakeStore::default();
    let workers = [(); 3].map(|()| Notice::default());
    let cell = Cells::new("a".into(), 1).said("full");
    let said = |now| {
        workers
            .iter()
            .filter(|notice| notice.is_due(&cell, 1_000, Context::at(&store, Instant(now))))
            .count()
    };
    assert_eq!([5_000, 5_001, 5_999, 6_000, 6_500, 7_000].map(said), [1, 0, 0, 1, 0, 1]);
    let other = Cells::new("a".into(), 1).said("other");
    assert!(
        Notice::default().is_due(&other, 1_000, Context::at(&store, Instant(7_000))),
        "another thing"
    );
}
