//! What one owner hands to the next.

use super::*;
use crate::snapshot::Snapshot;

fn handed_over(hub: &Hub, mut to: Hub) -> Hub {
    let bytes = hub.table.snapshot(SERVICE, 0, hub.now).unwrap();
    (to.now, to.stamp) = (hub.now, hub.stamp);
    to.table.restore(&Snapshot::read(&bytes).unwrap(), hub.now);
    to
}

#[test]
fn the_next_owner_goes_on_where_the_last_one_was() {
    let sources = || [beats(0.9), posts(0.6), polled(0.9)];
    let mut hub = Hub::new(sources(), 4);
    for instance in 0..4 {
        (0..3).for_each(|source| hub.says_of(source, instance, Alive));
    }
    (0..3).for_each(|source| hub.says_of(source, 1, Dead));
    hub.says_of(2, 1, Dead);
    hub.says_of(1, 2, Dead);
    hub.waits(SECOND);
    let mut next = handed_over(&hub, Hub::new(sources(), 4));
    let verdicts = |hub: &Hub| [0, 1, 2, 3].map(|it| hub.verdict_of(it));
    assert_eq!(verdicts(&next), verdicts(&hub));
    assert_eq!(verdicts(&next)[1], Verdict::Dead);
    next.table.on_time(next.now);
    assert_eq!(verdicts(&next), verdicts(&hub), "and says the same of itself");
    let old = Report { stamp: 1, claim: Dead, ..Report::default() };
    assert_eq!(next.table.take(SourceId(0), SERVICE, "0", &old, None, next.now), Taken::Old);
}

#[test]
fn while_nobody_owned_the_table_nobody_was_silent() {
    let mut hub = Hub::new([beats(0.9)], 1);
    for _ in 0..20 {
        hub.says(0, Alive);
        hub.waits(SECOND);
    }
    let mut next = handed_over(&hub, Hub::new([beats(0.9)], 1));
    let bytes = hub.table.snapshot(SERVICE, 0, hub.now).unwrap();
    next.now = hub.now + 20 * SECOND;
    next.table.restore(&Snapshot::read(&bytes).unwrap(), next.now);
    // It had been silent for a second, of 3.5.
    assert_eq!(next.waits(2 * SECOND), Verdict::Alive);
    assert_eq!(next.waits(SECOND), Verdict::Dead);
}

#[test]
fn another_configuration_takes_over_what_it_knows_by_name() {
    let mut hub = Hub::new([posts(0.9), posts(0.9)], 2);
    hub.says_of(0, 1, Dead);
    let mut other = posts(0.9);
    other.name = "other".into();
    let next = handed_over(&hub, Hub::new([other, posts(0.9)], 3));
    assert_eq!([0, 1, 2].map(|it| next.verdict_of(it))[1..], [Verdict::Dead, Verdict::Unknown]);
}

#[test]
fn a_source_that_is_lost_counts_no_more_until_it_is_heard_again() {
    let follows = SourceRule { name: "west".into(), manner: Manner::Follows, ..posts(0.9) };
    let mut hub = Hub::new([follows, posts(0.6)], 1);
    hub.says(1, Alive);
    assert_eq!(hub.says(0, Dead), Verdict::Suspected);
    hub.table.lose(SourceId(0));
    assert_eq!(hub.waits(SECOND), Verdict::Alive);
    hub.table.hear(SourceId(0));
    assert_eq!(hub.waits(SECOND), Verdict::Suspected);
}

#[test]
fn what_other_hubs_say_is_not_passed_on_as_ones_own() {
    let follows = SourceRule { name: "west".into(), manner: Manner::Follows, ..posts(0.9) };
    let mut hub = Hub::new([follows, posts(0.6)], 1);
    let own = |hub: &Hub| hub.table.view(SERVICE, "0", hub.now).unwrap().own;
    assert_eq!(hub.says(0, Dead), Verdict::Dead);
    assert_eq!(own(&hub), None, "its own source has said nothing");
    hub.says(1, Alive);
    assert_eq!((hub.verdict(), own(&hub)), (Verdict::Suspected, Some(Verdict::Alive)));
    hub.table.take_changes();
    hub.says(1, Dead);
    assert_eq!(own(&hub), Some(Verdict::Dead));
    assert!(hub.table.has_changes(), "those who follow are told");
}
