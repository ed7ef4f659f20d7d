use super::*;
use proptest::prelude::*;

const NOW: Instant = Instant(10_000_000_000_000);
const SECOND: Nanos = 1_000_000_000;

/// How long it has to prove itself after so many deaths a second apart.
fn proof_after(deaths: u64) -> Nanos {
    let (rule, mut known) = (RecoveryRule::default(), Deaths::default());
    (0..deaths).for_each(|number| known.note(NOW + number * SECOND));
    let alive = NOW + deaths * SECOND;
    let proved = (0..).find(|after| !known.has_to_prove(&rule, alive + after * SECOND));
    proved.unwrap()
}

#[test]
fn what_never_died_proves_nothing() {
    assert_eq!(proof_after(0), 0);
}

#[test]
fn the_time_doubles_with_each_death_up_to_a_minute() {
    assert_eq!([1, 2, 3, 4, 5, 6, 7, 20].map(proof_after), [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn a_death_is_forgotten_after_ten_minutes() {
    let (rule, mut deaths) = (RecoveryRule::default(), Deaths::default());
    deaths.note(NOW);
    deaths.note(NOW + 599 * SECOND);
    let later = NOW + 601 * SECOND;
    assert!(deaths.has_to_prove(&rule, later));
    assert!(!deaths.has_to_prove(&rule, later + SECOND), "as after one");
}

#[test]
fn whoever_falters_begins_anew() {
    let (rule, mut deaths) = (RecoveryRule::default(), Deaths::default());
    deaths.note(NOW);
    assert!(deaths.has_to_prove(&rule, NOW));
    deaths.interrupt();
    assert!(deaths.has_to_prove(&rule, NOW + SECOND));
    assert!(!deaths.has_to_prove(&rule, NOW + 2 * SECOND));
}

#[test]
fn a_death_that_was_none_costs_nothing() {
    let (rule, mut deaths) = (RecoveryRule::default(), Deaths::default());
    deaths.note(NOW);
    deaths.forgive();
    assert!(!deaths.has_to_prove(&rule, NOW));
}

proptest! {
    #[test]
    fn everyone_is_believed_in_the_end(
        deaths in proptest::collection::vec(0..700_u64, 0..100),
    ) {
        let (rule, mut known, mut now) = (RecoveryRule::default(), Deaths::default(), NOW);
        for gap in deaths {
            now = now + gap * SECOND;
            known.note(now);
        }
        known.has_to_prove(&rule, now);
        prop_assert!(!known.has_to_prove(&rule, now + rule.at_most));
    }
}
