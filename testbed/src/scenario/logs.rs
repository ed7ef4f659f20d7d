//! What Envoy's log must hold and what it must not.

use super::format::Scenario;
use super::pattern::Pattern;

/// What Envoy's log holds only after a trap or a crash.
const SIGNS_OF_A_TRAP: [&str; 4] =
    ["Function: proxy_on", "Proxy-Wasm plugin in-VM backtrace", "panicked", "Caught Segmentation"];

/// What is wrong with `log`, where all of `expected` must be found besides what
/// `scenario` says of it.
pub fn log_faults(scenario: &Scenario, expected: &[Pattern], log: &str) -> Vec<String> {
    let missing = expected
        .iter()
        .filter(|pattern| !pattern.is_in(log))
        .map(|pattern| format!("Envoy's log doesn't hold {pattern}"));
    let forbidden = scenario
        .log_never
        .iter()
        .filter(|pattern| pattern.is_in(log))
        .map(|pattern| format!("Envoy's log holds {pattern}"));
    let traps = SIGNS_OF_A_TRAP
        .iter()
        .filter(|sign| log.contains(**sign))
        .map(|sign| format!("Envoy's log holds {sign:?}, a sign of a trap"));
    missing.chain(forbidden).chain(traps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_searched_for_what_must_and_what_must_not_be_there() {
        let scenario: Scenario =
            serde_json::from_value(serde_json::json!({ "name": "a", "log_never": ["bad"] }))
                .unwrap();
        let expected = [Pattern::try_from("~o+d".to_owned()).unwrap()];
        let faults = |log| log_faults(&scenario, &expected, log).len();
        assert_eq!(faults("good"), 0);
        assert_eq!(faults(""), 1);
        assert_eq!(faults("good bad"), 1);
        assert_eq!(faults("good: thread panicked at"), 1);
    }
}
