//! The score is worked out once for the process, from what all of it has seen.

use super::*;
use crate::base::outcome::Verdict;
use crate::config::Config;
use crate::evidence::Detail;
use crate::evidence::report::Report;
use crate::score::Scored;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A check of `db` four times a second, and a rule that wants `min`.
fn policy_text(weights: &str, min: u16) -> &'static str {
    let text = format!(
        r#"{{"checks":[{{"name":"db","http":{{"cluster":"db","path":"/ping"}},
                         "interval":"250ms","timeout":"100ms"}}],
            "score":{{"weights":{weights},"window":"10s","min_volume":4}},
            "probes":[{{"name":"p","match":{{"path":"/p"}},"action":"respond",
                        "when":[{{"score":{{"min":{min},"severity":"warn"}}}}]}}]}}"#
    );
    Box::leak(text.into_boxed_str())
}

const WEIGHTS: &str = r#"{"topology":0.4,"stability":0.35,"protocol":0.25}"#;

impl Process {
    fn scored(&self) -> Scored {
        let evidence = self.vms.iter().flatten().next().unwrap().background.evidence.clone();
        evidence.score.as_ref().unwrap().scored.read(Context::at(&self.store, self.now))
    }

    fn report(&self) -> Report {
        let config = Config::parse(self.policy_text.as_bytes()).unwrap();
        let evidence = self.vms.iter().flatten().next().unwrap().background.evidence.clone();
        let items = evidence.items_of(&config.probes[0], &config);
        evidence.report(&items, Detail::Full, Context::at(&self.store, self.now))
    }

    fn finding(&self) -> (Verdict, String) {
        let report = self.report();
        (report.findings[0].verdict, report.findings[0].output.clone())
    }
}

#[test]
fn a_score_is_stale_before_it_is_worked_out_and_abstains_below_the_least_volume() {
    let mut process = Process::new(policy_text(WEIGHTS, 600), 2);
    assert_eq!(process.finding(), (Verdict::Warn, "not worked out yet".into()));
    process.run(600 * MS);
    assert_eq!(process.finding(), (Verdict::Pass, "too little to go by".into()));
    assert_eq!(process.scored().score, None);
}

#[test]
fn checks_that_fail_pull_the_score_down_and_out_of_the_window_up_again() {
    let mut process = Process::new(policy_text(WEIGHTS, 600), 2);
    process.run(5 * SECOND);
    assert_eq!(process.finding(), (Verdict::Pass, "1000: stability 1000".into()));
    process.manner = Manner::Closed;
    process.run(20 * SECOND);
    assert_eq!(process.finding(), (Verdict::Warn, "0, below 600: stability 0".into()));
    process.manner = Manner::Answers("200", MS);
    process.run(20 * SECOND);
    assert_eq!(process.finding(), (Verdict::Pass, "1000: stability 1000".into()));
}

#[test]
fn one_vm_works_it_out_for_all_of_them() {
    let mut process = Process::new(policy_text(WEIGHTS, 600), 8);
    process.run(10 * SECOND);
    // Seven gauges each time, twice a second; the check's own gauge beside them.
    assert!(process.gauges.contains(&1_000), "{:?}", process.gauges);
    let rounds = (process.gauges.len() as u64 - process.asked.borrow().len() as u64) / 7;
    assert!((19..=21).contains(&rounds), "{rounds}");
}

#[test]
fn other_weights_go_on_with_what_was_gathered() {
    let mut process = Process::new(policy_text(WEIGHTS, 600), 1);
    process.manner = Manner::Closed;
    process.run(5 * SECOND);
    assert_eq!(process.scored().score, Some(0));
    process.vms.clear();
    process.policy_text = policy_text(r#"{"topology":1,"stability":0,"protocol":1}"#, 600);
    process.start_vm();
    process.run(2 * MS);
    assert_eq!(process.scored().axes, [None, Some(0), None], "what it saw before");
    assert_eq!(process.scored().score, None, "the only axis that speaks counts for nothing");
}

#[test]
fn topology_and_protocol_go_by_what_the_admin_interface_shows_since_the_time_before() {
    let text = r#"{"admin":{"cluster":"envoy_admin","interval":"200ms"},
        "score":{"clusters":["a"],"min_volume":1},
        "probes":[{"name":"p","match":{"path":"/p"},"action":"respond"}]}"#;
    let mut process = Process::new(text, 1);
    let stats = |tried: u64, failed: u64| -> &'static str {
        let text = format!(
            r#"{{"stats":[{{"name":"server.live","value":1}},
                {{"name":"cluster.a.membership_total","value":4}},
                {{"name":"cluster.a.membership_healthy","value":3}},
                {{"name":"cluster.a.upstream_cx_total","value":{tried}}},
                {{"name":"cluster.a.upstream_cx_connect_fail","value":{failed}}},
                {{"name":"http.admin.downstream_cx_total","value":9999}},
                {{"name":"http.in.downstream_cx_total","value":{tried}}},
                {{"name":"listener.0.0.0.0_1.ssl.connection_error","value":{failed}}}]}}"#
        );
        Box::leak(text.into_boxed_str())
    };
    process.admin = stats(1_000, 900);
    process.run(SECOND);
    assert_eq!(process.scored().axes, [Some(750), None, None], "the past says nothing");
    process.admin = stats(1_010, 905);
    process.run(SECOND);
    assert_eq!(process.scored().axes, [Some(750), None, Some(500)]);
    let report = process.report();
    assert_eq!(report.findings[0].output, "642: topology 750, protocol 500");
    assert_eq!(report.verdict(), Verdict::Pass, "the rule doesn't rest on it");
}

#[test]
fn only_the_latest_configuration_shows_its_score() {
    let mut process = Process::new(policy_text(WEIGHTS, 600), 1);
    process.run(SECOND);
    process.policy_text = policy_text(r#"{"topology":1,"stability":1,"protocol":0}"#, 600);
    process.start_vm();
    process.run(SECOND);
    process.vms.remove(1); // Envoy drops it, and the one before goes on.
    process.gauges.clear();
    process.run(5 * SECOND);
    let checks = |gauge: &u64| *gauge <= 1;
    assert!(process.gauges.iter().all(checks), "{:?}", process.gauges);
    assert!(process.scored().is_fresh(process.now), "its own probes go by it still");
}
