use super::*;
use proptest::prelude::*;

const NOW: Instant = Instant(1_000_000_000_000);
const MS: Nanos = 1_000_000;

/// How long after the last of many beats with this jitter the next is missed, in
/// milliseconds.
fn missed_after(beat: Nanos, jitter: Nanos) -> Nanos {
    let mut arrivals = Arrivals::begin(beat, NOW);
    let mut now = NOW;
    for number in 0..1_000 {
        now = now + beat + if number % 2 == 0 { jitter } else { 0 } - jitter / 2;
        arrivals.note(now);
    }
    arrivals.missed_at().since(now) / MS
}

#[test]
fn silence_after_beats_of_a_second_is_missed_within_three_and_a_half() {
    let after = missed_after(1_000 * MS, 50 * MS);
    assert!((3_400..=3_600).contains(&after), "{after}");
}

#[test]
fn silence_after_beats_of_a_tenth_is_missed_within_six_tenths() {
    let after = missed_after(100 * MS, 10 * MS);
    assert!((500..=600).contains(&after), "{after}");
}

#[test]
fn what_beats_unevenly_is_given_more_time() {
    assert!(missed_after(1_000 * MS, 500 * MS) > missed_after(1_000 * MS, 50 * MS));
}

#[test]
fn a_long_silence_teaches_nothing_of_the_pace() {
    let mut arrivals = Arrivals::begin(1_000 * MS, NOW);
    let before = arrivals.missed_at().since(arrivals.last());
    arrivals.note(NOW + 3_600_000 * MS);
    assert_eq!(arrivals.missed_at().since(arrivals.last()), before);
}

proptest! {
    #[test]
    fn no_beat_is_missed_that_comes_within_two_more(
        beats in proptest::collection::vec(500..1_500_u64, 1..100),
    ) {
        let (mut arrivals, mut now) = (Arrivals::begin(1_000 * MS, NOW), NOW);
        for gap in beats {
            now = now + gap * MS;
            prop_assert!(!arrivals.is_missed(now));
            arrivals.note(now);
        }
    }
}

#[test]
fn a_beat_is_missed_when_phi_is_8() {
    let e = (-DEVIATIONS * (1.5976 + 0.070_566 * DEVIATIONS * DEVIATIONS)).exp();
    let phi = -(e / (1.0 + e)).log10();
    assert!((phi - 8.0).abs() < 0.001, "{phi}");
}
