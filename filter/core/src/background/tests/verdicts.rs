//! Each change of a rule's verdict is told once, and why.

use super::*;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Two rules that rest on a check of `db`, and one that rests on nothing.
const RULES: &str = r#"{
    "checks":[{"name":"db","http":{"cluster":"db","path":"/ping"},
               "interval":"1s","timeout":"200ms","rise":2,"fall":3}],
    "probes":[{"name":"live","match":{"path":"/livez"},"action":"respond"},
              {"name":"ready","match":{"path":"/readyz"},"action":"respond","when":[{"check":"db"}]},
              {"name":"lb","match":{"path":"/lb"},"action":"respond",
               "when":[{"check":"db","severity":"warn"}]}]}"#;

fn verdicts(process: &Process) -> Vec<&str> {
    process.log.iter().map(String::as_str).filter(|line| line.starts_with("probe")).collect()
}

#[test]
fn a_verdict_that_stays_or_isnt_known_yet_is_not_told() {
    let mut process = Process::new(RULES, 3);
    process.manner = Manner::Answers("200", 150 * MS);
    process.run(20 * SECOND);
    assert_eq!(verdicts(&process), [""; 0]);
}

#[test]
fn a_change_is_told_at_once_and_once_for_all_vms() {
    let mut process = Process::new(RULES, 3);
    process.run(5 * SECOND);
    process.manner = Manner::Answers("500", MS);
    process.until("is down");
    let down = [
        r#"probe "ready" fails: db: answered 500, not 2xx"#,
        r#"probe "lb" warns: db: answered 500, not 2xx"#,
    ];
    assert_eq!(verdicts(&process), down);
    process.run(20 * SECOND);
    process.start_vm();
    process.vms[0] = None;
    process.run(20 * SECOND);
    assert_eq!(verdicts(&process), down, "nobody tells it again");
    process.manner = Manner::Answers("200", MS);
    process.until("is up");
    let up = [r#"probe "ready" passes again"#, r#"probe "lb" passes again"#];
    assert_eq!(verdicts(&process)[2..], up);
}

#[test]
fn what_fails_from_the_start_is_told() {
    let mut process = Process::new(RULES, 2);
    process.manner = Manner::Refused(CallRefusal::UnknownCluster);
    process.until(r#"probe "ready" fails: db: Envoy has no such cluster"#);
}

#[test]
fn where_nobody_is_asked_one_vm_judges_all_the_same() {
    let text = r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"respond",
        "when":[{"traffic":{"max_error_rate":"20%","window":"2s"}}]}]}"#;
    let mut process = Process::new(text, 3);
    process.run(SECOND);
    for vm in process.vms.iter().flatten() {
        (0..50).for_each(|_| vm.background.evidence.tally.count(true));
    }
    process.run(10 * SECOND);
    let told = verdicts(&process);
    assert!(told[0].starts_with(r#"probe "p" fails: traffic: "#), "{told:?}");
    assert_eq!(told[1..], [r#"probe "p" passes again"#]);
}

#[test]
fn only_the_latest_configuration_tells() {
    let mut process = Process::new(RULES, 1);
    process.run(5 * SECOND);
    let later = ConfigLoads::new("hb", 1, 0);
    later.register("hb", &mut Seen::default(), Context::at(&process.store, process.now));
    process.manner = Manner::Answers("500", MS);
    process.run(20 * SECOND);
    assert_eq!(verdicts(&process), [""; 0]);
}
