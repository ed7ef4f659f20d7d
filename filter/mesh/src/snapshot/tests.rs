use super::*;
use proptest::prelude::*;

const AT: Instant = Instant(5_000_000_000);

fn head() -> Head<'static> {
    Head {
        service: "payments",
        at: AT,
        wall_ahead: 7,
        members: 3,
        sources: vec![("istio", 900), ("edge", 120)],
    }
}

fn entry(id: &str, verdict: usize, said: usize) -> Entry<'_> {
    let view = View {
        id,
        verdict: Verdict::ALL[verdict],
        own: (verdict != 2).then_some(Verdict::Alive),
        since: AT - 7,
        latency_ms: Some(1.25),
        error_rate: None,
        confidence: 600,
    };
    let said = (0..said).map(|source| Said {
        source,
        claim: Claim::ALL[source % 5],
        counts: source % 2 == 0,
        at: AT - 9,
        stamp: u64::MAX,
        latency_ms: None,
        error_rate: Some(0.5),
    });
    let location = Location {
        address: "[fd00::1]:80".parse().unwrap(),
        locality: ["eu", "", "x"],
        priority: 2,
        weight: 128,
    };
    let deaths = vec![AT - 1; verdict];
    Entry { view, location, is_learnt: verdict == 1, deaths, said: said.collect() }
}

proptest! {
    #[test]
    fn workers_read_what_the_owner_wrote(
        instances in proptest::collection::vec(("[a-z0-9.:@/-]{1,40}", 0..6_usize, 0..4_usize), 0..40),
    ) {
        let entries: Vec<_> =
            instances.iter().map(|(id, verdict, said)| entry(id, *verdict, *said)).collect();
        let bytes = write(&head(), entries.clone().into_iter());
        let snapshot = Snapshot::read(&bytes).unwrap();
        prop_assert_eq!(&snapshot.head, &head());
        prop_assert_eq!(snapshot.entries().collect::<Vec<_>>(), entries.clone());
        prop_assert!(snapshot.ids().eq(entries.iter().map(|it| it.view.id)));
        prop_assert_eq!(snapshot.entry(entries.len()), None);
        if let Some(last) = entries.last() {
            prop_assert_eq!(&snapshot.entry(entries.len() - 1).unwrap(), last);
        }
    }

    #[test]
    fn bytes_that_are_none_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in any::<usize>()) {
        if let Some(snapshot) = Snapshot::read(&bytes) {
            snapshot.entries().count();
        }
        let mut near = write(&head(), [entry("a", 1, 2), entry("b", 5, 1)].into_iter());
        let at = flip % near.len();
        near[at] ^= 0xff;
        if let Some(snapshot) = Snapshot::read(&near) {
            prop_assert!(snapshot.entries().count() <= snapshot.len());
        }
    }
}
