//! Three sources that probe once a second, one of which may lie: how soon a death is seen,
//! and what a lie does. Drawn by a seeded generator, so that the figures repeat.

use super::*;

/// Numbers that look drawn at random (SplitMix64,
/// <https://prng.di.unimi.it/splitmix64.c>).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Sources that speak of every instance once a second, each at a moment of its own, and
/// lose one word in a hundred.
struct Probers {
    hub: Hub,
    draw: Draw,
    /// When which source speaks of which instance next.
    next: Vec<(Instant, usize, usize)>,
}

impl Probers {
    fn new(instances: usize, seed: u64) -> Self {
        let hub = Hub::new([posts(0.9), posts(0.9), posts(0.9)], instances);
        let mut draw = Draw(seed);
        let pairs = (0..3).flat_map(|source| (0..instances).map(move |it| (source, it)));
        let next = pairs.map(|(source, it)| (START + draw.below(1_000) * MS, source, it));
        let next = next.collect();
        Self { hub, draw, next }
    }

    /// Lets a millisecond go by in which sources may say what `word` says they say.
    fn step(&mut self, mut claim: impl FnMut(&mut Draw, usize) -> Claim) {
        self.hub.now = self.hub.now + MS;
        let now = self.hub.now;
        for (at, source, instance) in &mut self.next {
            if *at <= now {
                *at = *at + SECOND;
                if !self.draw.happens(1) {
                    let claim = claim(&mut self.draw, *source);
                    self.hub.says_of(*source, *instance, claim);
                }
            }
        }
        if (now.since(START) / MS).is_multiple_of(50) {
            self.hub.table.on_time(now);
        }
    }
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

#[test]
fn a_death_is_suspected_by_the_first_who_sees_it_and_convicted_by_the_second() {
    let (mut suspected, mut convicted) = (Vec::new(), Vec::new());
    for seed in 0..100 {
        let mut probers = Probers::new(1, seed);
        (0..10_000).for_each(|_| probers.step(|_, _| Alive));
        let (mut first, mut second) = (None, None);
        for millis in 1..5_000 {
            probers.step(|_, _| Dead);
            match probers.hub.verdict() {
                Verdict::Suspected => _ = first.get_or_insert(millis),
                Verdict::Dead => _ = second.get_or_insert(millis),
                _ => {}
            }
        }
        let second = second.unwrap();
        suspected.push(first.unwrap_or(second));
        convicted.push(second);
    }
    suspected.sort_unstable();
    convicted.sort_unstable();
    let figures = [&suspected, &convicted].map(|it| [50, 99].map(|p| percentile(it, p)));
    println!("suspected, convicted after ms (p50, p99): {figures:?}");
    let [[suspected, _], [convicted, latest]] = figures;
    assert!((150..=300).contains(&suspected), "{figures:?}");
    assert!((450..=600).contains(&convicted) && latest <= 1_100, "{figures:?}");
}

/// The share of time in which an instance was suspected, in thousandths, how many
/// convictions there were, and the liar's trust in the end.
fn lies(percent: u64, sources: usize) -> (u64, u64, Thousandths) {
    let (mut suspected, mut convicted, mut all) = (0, 0, 0);
    let mut probers = Probers::new(10, 7);
    probers.next.retain(|(_, source, _)| *source < sources);
    // Until the others have spoken, whoever speaks first is alone; a hub that has just
    // begun says nothing yet.
    (0..1_100).for_each(|_| probers.step(|_, _| Alive));
    for _ in 0..300_000 {
        probers.step(
            |draw, source| {
                if source == 0 && draw.happens(percent) { Dead } else { Alive }
            },
        );
        if (probers.hub.now.since(START) / MS).is_multiple_of(100) {
            for instance in 0..10 {
                let verdict = probers.hub.verdict_of(instance);
                suspected += u64::from(verdict == Verdict::Suspected);
                convicted += u64::from(verdict == Verdict::Dead);
                all += 1;
            }
        }
    }
    let trust = probers.hub.table.trust(SourceId(0), probers.hub.now);
    (suspected * 1_000 / all, convicted, trust)
}

#[test]
fn a_source_that_lies_now_and_then_convicts_nobody() {
    for sources in [2, 3] {
        let (suspected, convicted, trust) = lies(2, sources);
        println!("2 % among {sources}: suspected {suspected} ‰ of the time, trust {trust}");
        assert_eq!(convicted, 0);
        assert!(suspected <= 40, "{suspected}");
    }
}

#[test]
fn a_source_that_lies_half_the_time_loses_its_say_among_three_and_never_convicts() {
    let (suspected, convicted, trust) = lies(50, 3);
    println!("50 % among 3: suspected {suspected} ‰ of the time, trust {trust}");
    assert_eq!(convicted, 0);
    assert!(trust < 300 && suspected <= 20, "{suspected} {trust}");
    let (suspected, convicted, trust) = lies(50, 2);
    println!("50 % among 2: suspected {suspected} ‰ of the time, trust {trust}");
    assert_eq!(convicted, 0);
}
