//! What the axes say of facts, and the score of axes.

use super::*;
use crate::base::time::Instant;
use crate::config::Config;
use crate::facts::admin::{Handshakes, Membership};
use crate::score::{ScoreRule, Weight};
use crate::state::sliding::Sums;
use crate::state::{Decoder, Encoder, State};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MS: u64 = 1_000_000;

fn rule(score: &str) -> ScoreRule {
    let text = format!(r#"{{"score":{score}}}"#);
    Config::parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}")).score.unwrap()
}

fn weights(topology: f64, stability: f64, protocol: f64) -> [Weight; 3] {
    let weights = format!(
        r#"{{"weights":{{"topology":{topology},"stability":{stability},"protocol":{protocol}}}}}"#
    );
    rule(&weights).weights
}

fn cluster(healthy: u64, total: u64, used: u64) -> Cluster {
    Cluster { hosts: Some(Membership { total, healthy, ..Membership::default() }), used }
}

fn topology(clusters: &[Cluster]) -> Option<f64> {
    TopologyAxis(Some(clusters.to_vec())).read()
}

/// So many answers that took these milliseconds in turn, and so many lost ones.
fn sample(answered: u64, took: &[u64], lost: u64) -> Sample {
    let mut sum = Sample::default();
    for (_, took) in (0..answered).zip(took.iter().cycle()) {
        sum = sum.and(&Sample::answered(took * MS));
    }
    (0..lost).fold(sum, |sum, _| sum.and(&Sample::lost()))
}

fn stability(sources: &[Sample]) -> Option<f64> {
    StabilityAxis { sources: sources.to_vec(), min_volume: 20 }.read()
}

fn protocol(tried: u64, failed: u64, looked_at: u64, as_expected: u64) -> Option<f64> {
    let handshakes = Some(Handshakes { tried, failed });
    ProtocolAxis { handshakes, looked_at, as_expected, min_volume: 20 }.read()
}

fn about(value: Option<f64>, expected: f64) {
    let value = value.unwrap_or_else(|| panic!("it abstains, and {expected} was expected"));
    assert!((value - expected).abs() < 0.000_5, "{value}, and {expected} was expected");
}

#[test]
fn topology_weighs_clusters_by_their_use() {
    about(topology(&[cluster(3, 3, 0), cluster(1, 2, 0)]), 0.75);
    about(topology(&[cluster(3, 3, 999), cluster(0, 2, 0)]), 1_000.0 / 1_001.0);
    about(topology(&[cluster(3, 3, 0), cluster(0, 2, 999)]), 1.0 / 1_001.0);
    about(topology(&[cluster(0, 0, 5)]), 0.0);
    about(topology(&[Cluster { hosts: None, used: 0 }]), 0.0);
}

#[test]
fn topology_abstains_where_nothing_was_seen_or_nothing_matters() {
    assert_eq!(TopologyAxis(None).read(), None);
    assert_eq!(topology(&[]), None);
}

#[test]
fn a_degraded_host_is_a_healthy_one() {
    let hosts = Membership { total: 4, healthy: 1, degraded: 1, ..Membership::default() };
    about(topology(&[Cluster { hosts: Some(hosts), used: 7 }]), 0.5);
}

#[test]
fn stability_falls_with_what_is_lost() {
    about(stability(&[sample(40, &[5], 0)]), 1.0);
    about(stability(&[sample(30, &[5], 10)]), 0.75);
    about(stability(&[sample(0, &[5], 20)]), 0.0);
}

#[test]
fn stability_falls_with_a_spread_beyond_four_and_not_below() {
    // Half of them e times below the middle, half above: the factor is e.
    about(stability(&[sample(40, &[10, 27], 0)]), 1.0);
    // Factors of 10 to either side of 10 ms.
    about(stability(&[sample(40, &[1, 100], 0)]), 0.4);
    about(stability(&[sample(40, &[1, 100], 40)]), 0.2);
}

#[test]
fn below_a_millisecond_there_is_no_spread() {
    let mut sum = Sample::default();
    (0..40).for_each(|index| sum = sum.and(&Sample::answered(1_000 << (index % 10))));
    about(stability(&[sum]), 1.0);
}

#[test]
fn an_answer_without_a_time_counts_and_spreads_nothing() {
    let untimed = (0..20).fold(Sample::default(), |sum, _| sum.and(&Sample::untimed()));
    about(stability(&[untimed]), 1.0);
    about(stability(&[untimed.and(&sample(0, &[5], 20))]), 0.5);
}

#[test]
fn a_busy_source_doesnt_hide_a_dead_one() {
    about(stability(&[sample(100_000, &[5], 0), sample(0, &[5], 20)]), 0.5);
}

#[test]
fn a_source_below_the_least_volume_says_nothing() {
    about(stability(&[sample(20, &[5], 0), sample(0, &[5], 19)]), 1.0);
    assert_eq!(stability(&[sample(0, &[5], 19)]), None);
    assert_eq!(stability(&[]), None);
}

#[test]
fn protocol_is_handshakes_times_expectations_and_leaves_out_what_is_too_little() {
    about(protocol(100, 10, 0, 0), 0.9);
    about(protocol(0, 0, 100, 50), 0.5);
    about(protocol(100, 10, 100, 50), 0.45);
    about(protocol(19, 19, 100, 50), 0.5);
    assert_eq!(protocol(19, 19, 19, 0), None);
}

#[test]
fn a_counter_that_began_anew_counts_nothing() {
    let earlier = Handshakes { tried: 100, failed: 5 };
    let restarted = Handshakes { tried: 3, failed: 1 };
    assert_eq!(restarted.since(earlier), Handshakes::default());
    assert_eq!(earlier.since(restarted), Handshakes { tried: 97, failed: 4 });
}

#[test]
fn one_dead_axis_shows() {
    let weights = weights(0.4, 0.35, 0.25);
    assert_eq!(combine(&weights, &[Some(1.0), Some(1.0), Some(1.0)]), Some(1_000));
    assert_eq!(combine(&weights, &[Some(1.0), Some(1.0), Some(0.0)]), Some(0));
    // An arithmetic mean would say 758.
    assert_eq!(combine(&weights, &[Some(1.0), Some(1.0), Some(0.03)]), Some(416));
}

#[test]
fn an_axis_that_abstains_leaves_its_weight_to_the_others() {
    let weights = weights(2.0, 1.0, 1.0);
    assert_eq!(combine(&weights, &[Some(0.5), None, None]), Some(500));
    assert_eq!(combine(&weights, &[Some(0.25), Some(1.0), None]), Some(397));
    assert_eq!(combine(&weights, &[None, None, None]), None);
}

#[test]
fn an_axis_without_weight_counts_for_nothing_even_when_dead() {
    let weights = weights(1.0, 1.0, 0.0);
    assert_eq!(combine(&weights, &[Some(0.5), Some(0.5), Some(0.0)]), Some(500));
    assert_eq!(combine(&weights, &[None, None, Some(0.5)]), None);
}

#[test]
fn what_is_kept_is_read_back() {
    let live = Live { answers: sample(7, &[3, 90], 2), looked_at: 9, as_expected: 4 };
    assert_eq!(Live::of_numbers(&live.to_numbers()), live);
    let scored = Scored { score: Some(617), axes: [Some(1), None, Some(1_000)], at: Instant(12) };
    let mut to = Encoder::default();
    scored.encode(&mut to);
    let bytes = to.finish();
    assert_eq!(Scored::decode(&mut Decoder::new(&bytes)), Some(scored));
}

/// The rows of the documentation's example, without the marks: a name, facts, a number.
fn worked_example() -> Vec<[&'static str; 3]> {
    let page = include_str!("../../../../docs/configuration/score.md");
    let (_, example) = page.split_once("## A worked example").unwrap();
    let rows = example.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &'static str| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim_matches([' ', '*']));
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    };
    rows.take_while(|line| line.starts_with('|')).take(5).map(cells).collect()
}

/// The numbers of a text, in their order.
fn numbers(text: &str) -> Vec<f64> {
    let digits = |c: char| !c.is_ascii_digit() && c != '.';
    text.split(digits).filter_map(|word| word.trim_end_matches('.').parse().ok()).collect()
}

#[test]
fn the_worked_example_of_the_documentation_is_right() {
    let rows = worked_example();
    let [_, topology_row, stability_row, protocol_row, score_row] =
        <[_; 5]>::try_from(rows).unwrap();
    let whole = |value: f64| value as u64;

    let [healthy, hosts, used, healthy_2, hosts_2, used_2] =
        <[f64; 6]>::try_from(numbers(topology_row[1])).unwrap().map(whole);
    let topology = topology(&[cluster(healthy, hosts, used), cluster(healthy_2, hosts_2, used_2)]);

    let [lost, asked, spread, lost_2, asked_2, spread_2] =
        <[f64; 6]>::try_from(numbers(stability_row[1])).unwrap();
    // Two times, as far apart as the spread says.
    let source = |lost: f64, asked: f64, spread: f64| {
        let mut sum = sample(0, &[1], whole(lost));
        for index in 0..whole(asked - lost) {
            let factor = if index % 2 == 0 { spread } else { 1.0 / spread };
            sum = sum.and(&Sample::answered(whole(1_000.0 * factor * MS as f64)));
        }
        sum
    };
    let stability = stability(&[source(lost, asked, spread), source(lost_2, asked_2, spread_2)]);

    let [failed, tried, as_expected, looked_at] =
        <[f64; 4]>::try_from(numbers(protocol_row[1])).unwrap().map(whole);
    let protocol = protocol(tried, failed, looked_at, as_expected);

    let readings = [topology, stability, protocol];
    for (reading, row) in readings.iter().zip([topology_row, stability_row, protocol_row]) {
        about(*reading, row[2].parse().unwrap());
    }
    let score = combine(&weights(0.4, 0.35, 0.25), &readings);
    assert_eq!(score, score_row[2].parse().ok());
}
