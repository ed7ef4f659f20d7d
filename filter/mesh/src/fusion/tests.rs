use super::*;
use proptest::prelude::*;

fn vote(claim: Claim, trust: Thousandths) -> Vote {
    Vote { claim, trust }
}

fn fused(votes: &[(Claim, Thousandths)]) -> Verdict {
    let votes = votes.iter().map(|(claim, trust)| vote(*claim, *trust));
    fuse(votes, &FusionRule::default()).unwrap()
}

#[test]
fn nobodys_word_is_no_verdict() {
    assert_eq!(fuse(std::iter::empty(), &FusionRule::default()), None);
}

#[test]
fn a_lone_source_convicts_and_one_lost_packet_only_makes_suspected() {
    assert_eq!(fused(&[(Claim::Dead, 600)]), Verdict::Dead);
    assert_eq!(fused(&[(Claim::Suspect, 600)]), Verdict::Suspected);
}

#[test]
fn two_that_disagree_make_suspected_whichever_is_trusted_more() {
    for [accuser, other] in [[900, 900], [900, 600], [600, 900]] {
        assert_eq!(fused(&[(Claim::Dead, accuser), (Claim::Alive, other)]), Verdict::Suspected);
    }
}

#[test]
fn of_three_the_first_alone_makes_suspected_and_a_second_convicts_with_the_quorum() {
    let three = |words: [Claim; 3]| {
        let [first, second, third] = words;
        fused(&[(first, 900), (second, 600), (third, 300)])
    };
    use Claim::{Alive, Dead};
    assert_eq!(three([Dead, Alive, Alive]), Verdict::Suspected);
    assert_eq!(three([Dead, Dead, Alive]), Verdict::Dead);
    assert_eq!(three([Dead, Alive, Dead]), Verdict::Dead);
    // 900 of 1,800 is not more than half.
    assert_eq!(three([Alive, Dead, Dead]), Verdict::Suspected);
}

#[test]
fn a_word_below_the_witness_moves_nothing() {
    assert_eq!(fused(&[(Claim::Dead, 299), (Claim::Alive, 900)]), Verdict::Alive);
    assert_eq!(fused(&[(Claim::Dead, 300), (Claim::Alive, 900)]), Verdict::Suspected);
}

#[test]
fn draining_is_no_death_and_one_witness_is_enough_for_it() {
    assert_eq!(fused(&[(Claim::Draining, 300), (Claim::Alive, 900)]), Verdict::Draining);
    assert_eq!(fused(&[(Claim::Draining, 299), (Claim::Alive, 900)]), Verdict::Alive);
}

#[test]
fn a_weighted_majority_of_warnings_degrades() {
    assert_eq!(fused(&[(Claim::Warn, 600), (Claim::Alive, 600)]), Verdict::Alive);
    assert_eq!(fused(&[(Claim::Warn, 601), (Claim::Alive, 600)]), Verdict::Degraded);
}

#[test]
fn where_a_witness_alone_counts_for_nothing_it_takes_a_conviction() {
    let rule = FusionRule { suspects: false, ..FusionRule::default() };
    let votes = [vote(Claim::Dead, 900), vote(Claim::Alive, 600)];
    assert_eq!(fuse(votes.into_iter(), &rule), Some(Verdict::Degraded));
}

fn words() -> impl Strategy<Value = Claim> {
    use Claim::{Alive, Dead, Draining, Suspect, Warn};
    prop_oneof![Just(Alive), Just(Warn), Just(Draining), Just(Suspect), Just(Dead)]
}

fn ballots() -> impl Strategy<Value = Vec<Vote>> {
    let vote = (words(), 100..=WHOLE).prop_map(|(claim, trust)| Vote { claim, trust });
    proptest::collection::vec(vote, 1..6)
}

fn rules() -> impl Strategy<Value = FusionRule> {
    let rule = |(quorum, witness, suspects)| FusionRule { quorum, witness, suspects };
    (0..WHOLE, 0..=WHOLE, any::<bool>()).prop_map(rule)
}

proptest! {
    #[test]
    fn one_of_several_never_convicts(votes in ballots(), rule in rules()) {
        let accusers = votes.iter().filter(|vote| vote.claim == Claim::Dead).count();
        if votes.len() > 1 && accusers < 2 {
            prop_assert_ne!(fuse(votes.into_iter(), &rule), Some(Verdict::Dead));
        }
    }

    #[test]
    fn the_order_of_votes_is_nothing(votes in ballots(), rule in rules()) {
        let there = fuse(votes.iter().copied(), &rule);
        prop_assert_eq!(there, fuse(votes.iter().rev().copied(), &rule));
    }

    /// Draining aside, which is another thing than being unwell.
    #[test]
    fn a_worse_word_never_makes_a_better_verdict(
        votes in ballots(), rule in rules(), place in 0_usize..6, worse in words(),
    ) {
        let place = place % votes.len();
        let mut others = votes.clone();
        others[place].claim = worse;
        let draining = |votes: &[Vote]| votes.iter().any(|vote| vote.claim == Claim::Draining);
        if worse > votes[place].claim && !draining(&votes) && !draining(&others) {
            prop_assert!(
                fuse(others.iter().copied(), &rule) >= fuse(votes.iter().copied(), &rule)
            );
        }
    }

    #[test]
    fn all_well_is_alive_and_all_dead_is_dead(
        trusts in proptest::collection::vec(100..=WHOLE, 1..6), rule in rules(),
    ) {
        let all = |claim| trusts.iter().map(move |trust| Vote { claim, trust: *trust });
        prop_assert_eq!(fuse(all(Claim::Alive), &rule), Some(Verdict::Alive));
        prop_assert_eq!(fuse(all(Claim::Dead), &rule), Some(Verdict::Dead));
    }
}
