//! Events that come twice, late, in another order or from a clock that jumps.

use super::*;
use Claim::{Draining, Suspect, Warn};

#[derive(Clone, Debug)]
struct Said {
    source: usize,
    instance: usize,
    claim: Claim,
    stamp: u64,
}

/// What several sources say, each with a stamp of its own.
fn words() -> impl Strategy<Value = Vec<Said>> {
    let claim = prop_oneof![Just(Alive), Just(Warn), Just(Draining), Just(Suspect), Just(Dead)];
    let word = (0_usize..3, 0_usize..4, claim);
    proptest::collection::vec(word, 1..60).prop_map(|words| {
        let words = words.into_iter().zip(1..);
        words
            .map(|((source, instance, claim), stamp)| Said { source, instance, claim, stamp })
            .collect()
    })
}

fn heard(words: &[Said]) -> Hub {
    let mut hub = Hub::new([posts(0.9), posts(0.6), posts(0.3)], 4);
    for Said { source, instance, claim, stamp } in words {
        let report = Report { stamp: *stamp, claim: *claim, ..Report::default() };
        let id = instance.to_string();
        hub.table.take(SourceId(*source), SERVICE, &id, &report, None, hub.now);
    }
    hub
}

/// What the sources are taken to say of each instance once all of this was said within a
/// moment.
fn claims(hub: &Hub) -> Vec<Vec<(SourceId, Claim, u64)>> {
    let instances = hub.table.services[0].instances.iter();
    let said = instances.map(|it| it.said().map(|(id, it)| (id, it.claim, it.stamp)).collect());
    said.collect()
}

proptest! {
    #[test]
    fn in_which_order_words_come_makes_no_difference(
        (words, shuffled) in words().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
    ) {
        prop_assert_eq!(claims(&heard(&words)), claims(&heard(&shuffled)));
    }

    #[test]
    fn what_is_replayed_changes_nothing(words in words(), again in 0..60_usize) {
        let mut replayed = words.clone();
        replayed.extend(words.iter().skip(again.min(words.len())).cloned());
        prop_assert_eq!(claims(&heard(&words)), claims(&heard(&replayed)));
        let verdicts = |hub: Hub| [0, 1, 2, 3].map(|it| hub.verdict_of(it));
        prop_assert_eq!(verdicts(heard(&words)), verdicts(heard(&replayed)));
    }

    #[test]
    fn one_of_several_fresh_sources_never_convicts(
        claims in proptest::collection::vec(prop_oneof![Just(Alive), Just(Warn)], 2),
        lies in 1..200_usize,
    ) {
        let mut hub = Hub::new([posts(0.9), posts(0.6), posts(0.3)], 1);
        for _ in 0..lies {
            hub.says(1, claims[0]);
            hub.says(2, claims[1]);
            prop_assert_ne!(hub.says(0, Dead), Verdict::Dead);
            hub.waits(SECOND);
        }
    }

    #[test]
    fn a_moment_that_another_worker_saw_a_little_earlier_does_no_harm(
        back in 0..SECOND, words in words(),
    ) {
        let mut hub = Hub::new([beats(0.9), posts(0.6), polled(0.3)], 4);
        for (number, Said { source, instance, claim, stamp }) in words.iter().enumerate() {
            let now = if number % 2 == 0 { hub.now } else { hub.now - back };
            let report = Report { stamp: *stamp, claim: *claim, ..Report::default() };
            let id = instance.to_string();
            let taken = hub.table.take(SourceId(*source), SERVICE, &id, &report, None, now);
            prop_assert_ne!(taken, Taken::Unknown);
            hub.table.on_time(now);
        }
    }
}

#[test]
fn a_stamp_from_far_ahead_silences_its_source_no_longer_than_its_word_is_fresh() {
    let mut hub = Hub::new([posts(0.9)], 1);
    let says = |hub: &mut Hub, stamp, claim| {
        let report = Report { stamp, claim, ..Report::default() };
        hub.table.take(SourceId(0), SERVICE, "0", &report, None, hub.now)
    };
    assert_eq!(says(&mut hub, u64::MAX, Alive), Taken::Counted);
    assert_eq!(says(&mut hub, 1_000, Dead), Taken::Old);
    hub.waits(6 * SECOND);
    assert_eq!(says(&mut hub, 1_000, Dead), Taken::Counted);
    assert_eq!(hub.verdict(), Verdict::Dead);
    assert_eq!(says(&mut hub, 1_001, Alive), Taken::Counted, "and it goes on from there");
}

#[test]
fn what_comes_late_but_is_newer_than_the_last_counts() {
    let mut hub = Hub::new([posts(0.9), posts(0.9)], 1);
    for (source, stamp, claim, expected) in [
        (0, 10, Alive, Taken::Counted),
        (1, 3, Dead, Taken::Counted),
        (0, 9, Dead, Taken::Old),
        (0, 11, Dead, Taken::Counted),
        (1, 2, Alive, Taken::Old),
    ] {
        let report = Report { stamp, claim, ..Report::default() };
        let taken = hub.table.take(SourceId(source), SERVICE, "0", &report, None, hub.now);
        assert_eq!(taken, expected, "{source} {stamp}");
    }
    assert_eq!(hub.verdict(), Verdict::Dead, "stamps of two sources aren't compared");
}
