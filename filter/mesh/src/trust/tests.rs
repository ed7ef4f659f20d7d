use super::*;
use proptest::prelude::*;

const NOW: Instant = Instant(1_000_000_000_000);
const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;

#[test]
fn three_words_that_stand_alone_take_nine_tenths_to_four() {
    let mut trust = Trust::new(0.9);
    let after: Vec<Thousandths> = (0..6)
        .map(|_| {
            trust.note_corroboration(Corroboration::Contradicted);
            trust.thousandths(NOW)
        })
        .collect();
    assert_eq!(after, [687, 524, 400, 305, 233, 178]);
}

#[test]
fn forty_five_words_that_hold_bring_it_back() {
    let mut trust = Trust::new(0.9);
    (0..3).for_each(|_| trust.note_corroboration(Corroboration::Contradicted));
    let needed = (1..).find(|_| {
        trust.note_corroboration(Corroboration::Corroborated);
        trust.thousandths(NOW) >= 850
    });
    assert_eq!(needed, Some(45));
}

#[test]
fn a_long_way_lowers_it_at_once_and_is_forgotten_slowly() {
    let mut trust = Trust::new(1.0);
    trust.note_round_trip(50 * MS, NOW);
    assert_eq!(trust.thousandths(NOW), 1_000);
    trust.note_round_trip(400 * MS, NOW);
    assert_eq!(trust.thousandths(NOW), 250);
    trust.note_round_trip(50 * MS, NOW + 10 * SECOND);
    assert_eq!(trust.thousandths(NOW + 10 * SECOND), 500, "the peak has halved");
    assert_eq!(trust.thousandths(NOW + 20 * SECOND), 1_000);
}

#[test]
fn to_disagree_costs_more_than_to_agree_brings() {
    let mut trust = Trust::new(1.0);
    trust.note_agreement(Agreement::Disagrees);
    assert_eq!(trust.thousandths(NOW), 980);
    trust.note_agreement(Agreement::Agrees);
    trust.note_agreement(Agreement::Open);
    assert_eq!(trust.thousandths(NOW), 980);
}

proptest! {
    #[test]
    fn it_stays_within_its_bounds(
        initial in -1.0..2.0_f64,
        steps in proptest::collection::vec((0_u8..7, 0..5_000_u64), 0..200),
    ) {
        let (mut trust, mut now) = (Trust::new(initial), NOW);
        for (what, millis) in steps {
            now = now + millis * MS;
            match what {
                0 => trust.note_corroboration(Corroboration::Contradicted),
                1 => trust.note_corroboration(Corroboration::Corroborated),
                2 => trust.note_corroboration(Corroboration::Unopposed),
                3 => trust.note_agreement(Agreement::Agrees),
                4 => trust.note_agreement(Agreement::Disagrees),
                _ => trust.note_round_trip(millis * MS, now),
            }
            prop_assert!((100..=WHOLE).contains(&trust.thousandths(now)));
            prop_assert!(trust.thousandths(now) <= trust.initial().max(100));
        }
    }
}
