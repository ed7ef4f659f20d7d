//! Where all agree, the verdict isn't concluded anew, and where nobody's time is up, nobody's
//! silence is looked at: all would be the same.

use super::*;

#[derive(Clone, Copy, Debug)]
enum Turn {
    Says { source: usize, instance: usize, claim: Claim },
    Waits(Nanos),
    Withdraws { source: usize, instance: usize },
    IsLost(usize),
    IsHeard(usize),
    StartsOver(usize),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let claim = prop_oneof![20 => Just(Alive), 1 => Just(Claim::Warn), 2 => Just(Dead)];
    let says = (0_usize..4, 0_usize..3, claim).prop_map(|(source, instance, claim)| Turn::Says {
        source,
        instance,
        claim,
    });
    let waits = (0..2_000_u64).prop_map(|millis| Turn::Waits(millis * MS));
    let withdraws = (0_usize..4, 0_usize..3)
        .prop_map(|(source, instance)| Turn::Withdraws { source, instance });
    let turn = prop_oneof![
        80 => says,
        12 => waits,
        1 => withdraws,
        1 => (0_usize..4).prop_map(Turn::IsLost),
        1 => (0_usize..4).prop_map(Turn::IsHeard),
        1 => (0_usize..4).prop_map(Turn::StartsOver),
    ];
    proptest::collection::vec(turn, 0..300)
}

fn take(hub: &mut Hub, turn: Turn) {
    match turn {
        Turn::Says { source, instance, claim } => hub.says_of(source, instance, claim),
        Turn::Waits(time) => drop(hub.waits(time)),
        Turn::Withdraws { source, instance } => {
            hub.table.withdraw(SourceId(source), SERVICE, &instance.to_string());
        }
        Turn::IsLost(source) => hub.table.lose(SourceId(source)),
        Turn::IsHeard(source) => hub.table.hear(SourceId(source)),
        Turn::StartsOver(source) => hub.table.start_over(SourceId(source)),
    }
}

fn instances(hub: &mut Hub) -> &mut [Instance] {
    &mut hub.table.services[0].instances
}

fn sources() -> [SourceRule; 4] {
    let follows = SourceRule { manner: Manner::Follows, ..posts(0.5) };
    [posts(0.9), beats(0.6), beats(0.4), follows]
}

proptest! {
    #[test]
    fn what_is_settled_comes_to_what_the_long_way_comes_to(turns in turns()) {
        let [mut short, mut long] = [(); 2].map(|()| Hub::new(sources(), 3));
        for turn in turns {
            // Between two looks of a long wait, too.
            let parts = match turn {
                Turn::Waits(time) => vec![Turn::Waits(50 * MS); (time / (50 * MS)) as usize],
                turn => vec![turn],
            };
            for part in parts {
                instances(&mut long).iter_mut().for_each(Instance::unsettle);
                long.table.silences_at = Instant::ZERO;
                take(&mut short, part);
                take(&mut long, part);
                prop_assert_eq!(short.table.take_changes(), long.table.take_changes());
                let [short, long] = [&short, &long].map(|hub| {
                    let trust = [0, 1, 2, 3].map(|it| hub.table.trust(SourceId(it), hub.now));
                    let views: Vec<_> = hub.table.views(SERVICE, hub.now).collect();
                    (trust, views)
                });
                prop_assert_eq!(short, long, "{:?}", turn);
            }
        }
    }
}

#[test]
fn an_instance_of_which_all_say_that_it_is_well_is_settled() {
    let mut hub = Hub::new(sources(), 1);
    let mut settled = |source, claim| {
        hub.says(source, claim);
        instances(&mut hub)[0].is_settled()
    };
    assert!(settled(0, Alive) && settled(1, Alive) && settled(0, Alive));
    assert!(!settled(1, Dead));
}
