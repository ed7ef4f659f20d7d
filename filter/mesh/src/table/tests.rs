//! The worked cases, and what holds for whatever comes in.

use super::*;
use crate::assignment::Endpoint;
use crate::fusion::{Claim, FusionRule};
use crate::source::{Manner, Silence};
use heartbeat_common::clients::cidr::Cidr;
use proptest::prelude::*;

mod handed;
mod learnt;
mod order;
mod settled;
mod simulation;

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;
const START: Instant = Instant(1_000 * SECOND);
const SERVICE: ServiceId = ServiceId(0);

fn posts(trust: f64) -> SourceRule {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: None };
    SourceRule { name: "posts".into(), trust, manner, silence: Silence::Stale }
}

fn beats(trust: f64) -> SourceRule {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: Some(SECOND) };
    SourceRule { name: "beats".into(), trust, manner, silence: Silence::Down }
}

fn polled(trust: f64) -> SourceRule {
    let manner = Manner::IsAsked { interval: SECOND, stale: 3 * SECOND, fall: 2 };
    SourceRule { name: "polled".into(), trust, manner, silence: Silence::Stale }
}

fn member(id: &str) -> Member {
    let endpoint = Endpoint {
        address: "10.0.0.1:80".parse().unwrap(),
        locality: Default::default(),
        priority: 0,
        weight: 1,
        metadata: Default::default(),
    };
    Member { id: id.into(), endpoint }
}

/// A table with one service, its clock, and the stamps of its reports.
struct Hub {
    table: Table,
    now: Instant,
    stamp: u64,
}

impl Hub {
    fn new(sources: impl IntoIterator<Item = SourceRule>, members: usize) -> Self {
        let rule = ServiceRule {
            name: "payments".into(),
            members: (0..members).map(|number| member(&number.to_string())).collect(),
            learn: Vec::new(),
            forget: 600 * SECOND,
            fusion: FusionRule::default(),
            weigh_by_trust: false,
        };
        let sources = sources.into_iter().collect();
        let table = Table::new(sources, vec![rule], RecoveryRule::default(), 1_000, START);
        Self { table, now: START, stamp: 0 }
    }

    fn says_of(&mut self, source: usize, instance: usize, claim: Claim) {
        self.stamp += 1;
        let report = Report { stamp: self.stamp, claim, ..Report::default() };
        let id = instance.to_string();
        let taken = self.table.take(SourceId(source), SERVICE, &id, &report, None, self.now);
        assert_eq!(taken, Taken::Counted);
    }

    fn says(&mut self, source: usize, claim: Claim) -> Verdict {
        self.says_of(source, 0, claim);
        self.verdict()
    }

    /// Time goes by in steps of 50 ms.
    fn waits(&mut self, time: Nanos) -> Verdict {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + 50 * MS).min(end);
            self.table.on_time(self.now);
        }
        self.verdict()
    }

    fn verdict_of(&self, instance: usize) -> Verdict {
        let view = self.table.view(SERVICE, &instance.to_string(), self.now);
        view.map_or(Verdict::Unknown, |view| view.verdict)
    }

    fn verdict(&self) -> Verdict {
        self.verdict_of(0)
    }
}

use Claim::{Alive, Dead};

#[test]
fn a_source_that_has_lost_one_packet_suspects_and_at_fall_it_convicts() {
    let mut hub = Hub::new([polled(0.6)], 1);
    assert_eq!(hub.says(0, Alive), Verdict::Alive);
    assert_eq!(hub.says(0, Dead), Verdict::Suspected);
    assert_eq!(hub.says(0, Dead), Verdict::Dead);
}

#[test]
fn two_equals_that_disagree_stay_suspected() {
    let mut hub = Hub::new([posts(0.9), posts(0.9)], 1);
    hub.says(0, Alive);
    for _ in 0..60 {
        hub.says(1, Dead);
        assert_eq!(hub.waits(SECOND / 2), Verdict::Suspected);
        hub.says(0, Alive);
        assert_eq!(hub.waits(SECOND / 2), Verdict::Suspected);
    }
}

#[test]
fn a_lone_right_witness_is_not_punished_while_the_other_has_only_an_old_word() {
    let mut hub = Hub::new([polled(0.9), posts(0.9)], 1);
    hub.says(0, Alive);
    hub.says(1, Alive);
    for _ in 0..60 {
        hub.waits(SECOND);
        assert!(hub.says(0, Dead) >= Verdict::Suspected);
    }
    assert_eq!(hub.verdict(), Verdict::Dead, "the other's claim is stale by now");
}

#[test]
fn of_two_others_with_old_words_neither_contradicts() {
    let mut hub = Hub::new([polled(0.9), posts(0.9), posts(0.9)], 1);
    (0..3).for_each(|source| hub.says_of(source, 0, Alive));
    for _ in 0..4 {
        hub.waits(SECOND);
        assert!(hub.says(0, Dead) >= Verdict::Suspected);
    }
}

#[test]
fn a_source_whose_death_nobody_else_sees_again_and_again_loses_its_say() {
    let mut hub = Hub::new([posts(0.9), posts(0.9), posts(0.9)], 1);
    for _ in 0..6 {
        hub.says(1, Alive);
        hub.says(2, Alive);
        hub.waits(SECOND);
        assert_ne!(hub.says(0, Dead), Verdict::Dead);
    }
    assert_eq!(hub.verdict(), Verdict::Alive);
    assert!(hub.table.trust(SourceId(0), hub.now) < 300);
}

#[test]
fn one_instances_silence_is_its_death_within_seconds() {
    let mut hub = Hub::new([beats(0.9)], 3);
    for _ in 0..20 {
        (0..3).for_each(|instance| hub.says_of(0, instance, Alive));
        hub.waits(SECOND);
    }
    let mut died = None;
    for second in 0..6 {
        (1..3).for_each(|instance| hub.says_of(0, instance, Alive));
        if hub.waits(SECOND) == Verdict::Dead {
            died.get_or_insert(second);
        }
    }
    // Its last beat came a second before the first that was missed.
    assert_eq!(died, Some(2), "3.5 s after its last word");
    assert_eq!([1, 2].map(|it| hub.verdict_of(it)), [Verdict::Alive; 2]);
}

#[test]
fn when_all_that_a_source_speaks_of_falls_silent_it_is_the_source() {
    for instances in [2, 3, 30] {
        let mut hub = Hub::new([beats(0.9)], instances);
        for _ in 0..20 {
            for instance in 0..instances {
                hub.says_of(0, instance, Alive);
                hub.waits(SECOND / instances as u64);
            }
        }
        for _ in 0..200 {
            hub.waits(100 * MS);
            let verdicts = (0..instances).map(|it| hub.verdict_of(it));
            assert!(verdicts.eq((0..instances).map(|_| Verdict::Alive)), "{instances}");
        }
    }
}

#[test]
fn when_a_third_of_many_falls_silent_together_it_is_the_source() {
    let mut hub = Hub::new([beats(0.9)], 10);
    let beat = |hub: &mut Hub, instances: std::ops::Range<usize>| {
        instances.for_each(|instance| hub.says_of(0, instance, Alive));
        hub.waits(SECOND);
    };
    (0..20).for_each(|_| beat(&mut hub, 0..10));
    (0..20).for_each(|_| beat(&mut hub, 4..10));
    assert_eq!((0..10).map(|it| hub.verdict_of(it)).max(), Some(Verdict::Alive));
    (0..20).for_each(|_| beat(&mut hub, 0..10));
    (0..20).for_each(|_| beat(&mut hub, 2..10));
    assert_eq!(
        [0, 1, 2].map(|it| hub.verdict_of(it)),
        [Verdict::Dead, Verdict::Dead, Verdict::Alive]
    );
}

#[test]
fn what_one_sources_silence_has_killed_another_ones_doesnt_bring_back() {
    let mut hub = Hub::new([beats(0.9), beats(0.9)], 3);
    for _ in 0..20 {
        (0..2).for_each(|source| (0..3).for_each(|it| hub.says_of(source, it, Alive)));
        hub.waits(SECOND);
    }
    // The second falls silent as a whole; then the first about one instance.
    let beat = |hub: &mut Hub, from| (from..3).for_each(|it| hub.says_of(0, it, Alive));
    for _ in 0..2 {
        beat(&mut hub, 0);
        hub.waits(SECOND);
    }
    for _ in 0..4 {
        beat(&mut hub, 1);
        hub.waits(SECOND);
    }
    assert_eq!(hub.verdict(), Verdict::Dead);
    hub.table.take_changes();
    for _ in 0..20 {
        beat(&mut hub, 1);
        assert_eq!(hub.waits(SECOND), Verdict::Dead);
    }
    assert_eq!(hub.table.take_changes(), []);
}

#[test]
fn of_a_source_of_one_instance_silence_means_what_it_is_said_to_mean() {
    for (rule, expected) in [(beats(0.9), Verdict::Dead), (posts(0.9), Verdict::Alive)] {
        let mut hub = Hub::new([rule], 1);
        (0..20).for_each(|_| {
            hub.says(0, Alive);
            hub.waits(SECOND);
        });
        assert_eq!(hub.waits(10 * SECOND), expected);
    }
}

#[test]
fn what_was_dead_proves_itself_before_it_takes_its_share_again() {
    let mut hub = Hub::new([posts(0.9)], 1);
    assert_eq!(hub.says(0, Alive), Verdict::Alive, "a first one at once");
    for wait in [1, 2, 4] {
        hub.waits(SECOND);
        assert_eq!(hub.says(0, Dead), Verdict::Dead);
        assert_eq!(hub.says(0, Alive), Verdict::Degraded);
        assert_eq!(hub.waits(wait * SECOND - 50 * MS), Verdict::Degraded);
        assert_eq!(hub.waits(100 * MS), Verdict::Alive);
    }
}

#[test]
fn what_was_only_suspected_recovers_at_once() {
    let mut hub = Hub::new([posts(0.9), posts(0.9)], 1);
    hub.says(0, Alive);
    assert_eq!(hub.says(1, Dead), Verdict::Suspected);
    assert_eq!(hub.says(1, Alive), Verdict::Alive);
}

#[test]
fn the_last_verdict_stands_until_everyone_has_been_silent_for_long() {
    let mut hub = Hub::new([posts(0.9)], 2);
    hub.says(0, Dead);
    assert_eq!(hub.waits(60 * SECOND), Verdict::Dead);
    assert_eq!(hub.table.view(SERVICE, "0", hub.now).unwrap().confidence, 0);
    assert_eq!(hub.waits(539 * SECOND), Verdict::Dead);
    assert_eq!(hub.waits(10 * SECOND), Verdict::Unknown);
}

#[test]
fn a_member_of_which_nobody_speaks_keeps_its_last_verdict_while_others_are_spoken_of() {
    let mut hub = Hub::new([posts(0.9)], 2);
    hub.says(0, Dead);
    for _ in 0..300 {
        hub.says_of(0, 1, Alive);
        hub.waits(4 * SECOND);
    }
    assert_eq!(hub.verdict(), Verdict::Dead);
}

#[test]
fn an_old_word_is_ignored_until_the_last_one_is_stale() {
    let mut hub = Hub::new([posts(0.9)], 1);
    hub.stamp = 100;
    hub.says(0, Alive);
    let old = Report { stamp: 50, claim: Dead, ..Report::default() };
    let take = |hub: &mut Hub| hub.table.take(SourceId(0), SERVICE, "0", &old, None, hub.now);
    assert_eq!(take(&mut hub), Taken::Old);
    assert_eq!(hub.waits(4 * SECOND), Verdict::Alive);
    hub.waits(2 * SECOND);
    assert_eq!(take(&mut hub), Taken::Counted, "its sender's clock was set back");
}

#[test]
fn latency_and_errors_are_weighed_by_trust() {
    let mut hub = Hub::new([posts(0.9), posts(0.3)], 1);
    for (source, latency, errors) in [(0, 10.0, 0.0), (1, 50.0, 0.4)] {
        let report = Report {
            stamp: 1,
            latency_ms: Some(latency),
            error_rate: Some(errors),
            ..Report::default()
        };
        hub.table.take(SourceId(source), SERVICE, "0", &report, None, hub.now);
    }
    let view = hub.table.view(SERVICE, "0", hub.now).unwrap();
    let close = |value: Option<f32>, to: f32| (value.unwrap() - to).abs() < 0.01;
    assert!(close(view.latency_ms, 20.0) && close(view.error_rate, 0.1), "{view:?}");
    assert_eq!(view.confidence, WHOLE);
}

#[derive(Clone, Debug)]
enum Step {
    Says { source: usize, instance: usize, claim: Claim, stamp: u64 },
    Waits(Nanos),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Claim::{Draining, Suspect, Warn};
    let claim = prop_oneof![
        4 => Just(Alive), 1 => Just(Warn), 1 => Just(Draining), 1 => Just(Suspect), 3 => Just(Dead)
    ];
    let says = (0_usize..3, 0_usize..4, claim, 0..50_u64)
        .prop_map(|(source, instance, claim, stamp)| Step::Says { source, instance, claim, stamp });
    let waits = (0..8_000_u64).prop_map(|millis| Step::Waits(millis * MS));
    proptest::collection::vec(prop_oneof![4 => says, 1 => waits], 0..120)
}

fn play(sources: [SourceRule; 3], steps: &[Step], mut look: impl FnMut(&Hub, &Step)) -> Hub {
    let mut hub = Hub::new(sources, 4);
    for step in steps {
        match step {
            Step::Says { source, instance, claim, stamp } => {
                let report = Report { stamp: *stamp, claim: *claim, ..Report::default() };
                let (source, id) = (SourceId(*source), instance.to_string());
                hub.table.take(source, SERVICE, &id, &report, None, hub.now);
            }
            Step::Waits(time) => {
                hub.waits(*time);
            }
        }
        look(&hub, step);
    }
    hub
}

proptest! {
    #[test]
    fn nothing_flips_without_a_cause(steps in steps()) {
        let mut before = [Verdict::Unknown; 4];
        play([posts(0.9), posts(0.6), polled(0.9)], &steps, |hub, step| {
            let now = [0, 1, 2, 3].map(|it| hub.verdict_of(it));
            if let Step::Says { instance, .. } = step {
                let others = (0..4).filter(|it| it != instance);
                others.for_each(|it| assert_eq!(now[it], before[it], "{step:?}"));
            }
            before = now;
        });
    }

    #[test]
    fn what_comes_twice_counts_once(steps in steps()) {
        let twice: Vec<Step> = steps.iter().flat_map(|step| match step {
            says @ Step::Says { .. } => vec![says.clone(), says.clone()],
            waits => vec![waits.clone()],
        }).collect();
        let sources = || [posts(0.9), posts(0.6), posts(0.3)];
        let [once, again] = [&steps, &twice].map(|steps| play(sources(), steps, |_, _| {}));
        for instance in 0..4 {
            prop_assert_eq!(once.verdict_of(instance), again.verdict_of(instance));
        }
    }

    #[test]
    fn nobody_is_lost_and_trust_stays_within_its_bounds(steps in steps()) {
        play([posts(0.9), beats(0.6), polled(0.9)], &steps, |hub, _| {
            assert_eq!(hub.table.views(SERVICE, hub.now).count(), 4);
            (0..3).for_each(|source| {
                assert!((100..=WHOLE).contains(&hub.table.trust(SourceId(source), hub.now)));
            });
        });
    }
}
