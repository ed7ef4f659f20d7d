//! The pace at which requests for a path come.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::span::{Amount, Limits, Span};
use crate::app::record::ARRIVALS;

/// What is expected of the moments at which requests come.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    times: Option<Amount>,
    longest_gap: Option<Limits<Span>>,
    shortest_gap: Option<Limits<Span>>,
    crowded: Option<Crowded>,
}

/// How many requests may come sooner than `within` after the one before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Crowded {
    within: Span,
    #[serde(flatten)]
    times: Limits<f64>,
}

impl Pace {
    /// Everything that is wrong with these arrivals, oldest first, between the
    /// two moments at which one began and stopped looking.
    pub fn faults(
        &self,
        what: &str,
        began: Duration,
        arrivals: &[Duration],
        now: Duration,
    ) -> Result<Vec<String>> {
        ensure!(
            arrivals.len() < ARRIVALS,
            "{what}: more than {ARRIVALS}, and no more are remembered"
        );
        let gap = |pair: &[Duration]| pair[1].saturating_sub(pair[0]);
        let gaps: Vec<_> = arrivals.windows(2).map(gap).collect();
        let longest = [&[began], arrivals, &[now]].concat().windows(2).map(gap).max();

        let mut faults = Vec::new();
        faults.extend(
            self.times.as_ref().and_then(|times| times.fault(what, Some(arrivals.len() as f64))),
        );
        faults.extend(
            self.longest_gap
                .as_ref()
                .and_then(|limits| limits.fault(&format!("{what}, longest gap"), longest?)),
        );
        if let Some(limits) = &self.shortest_gap {
            let what = format!("{what}, shortest gap");
            faults.extend(match gaps.iter().min() {
                Some(shortest) => limits.fault(&what, *shortest),
                None => Some(format!("{what}: expected {limits}, got fewer than two requests")),
            });
        }
        if let Some(Crowded { within, times }) = &self.crowded {
            let crowded = gaps.iter().filter(|gap| **gap < within.0).count();
            if !times.hold(&(crowded as f64)) {
                faults.push(format!(
                    "{what}, less than {within} after another: expected {times}, got {crowded}"
                ));
            }
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    /// The faults of requests at these milliseconds, looked at from 100 to 1000.
    fn faults(pace: Value, arrivals: &[u64]) -> Vec<String> {
        let arrivals: Vec<_> = arrivals.iter().copied().map(Duration::from_millis).collect();
        let [began, now] = [100, 1000].map(Duration::from_millis);
        from_value::<Pace>(pace).unwrap().faults("x", began, &arrivals, now).unwrap()
    }

    const STEADY: [u64; 5] = [200, 400, 500, 700, 900];

    #[test]
    fn a_pace_as_expected_has_no_faults() {
        let pace = json!({
            "times": 5,
            "longest_gap": { "at_least": "200ms", "at_most": "200ms" },
            "shortest_gap": { "at_least": "100ms", "at_most": "100ms" },
            "crowded": { "within": "101ms", "at_least": 1, "at_most": 1 },
        });
        assert_eq!(faults(pace, &STEADY), [""; 0]);
        assert_eq!(
            faults(json!({ "crowded": { "within": "100ms", "at_most": 0 } }), &STEADY),
            [""; 0]
        );
    }

    #[test]
    fn every_part_of_a_pace_is_looked_at() {
        for (wrong, expected) in [
            (json!({ "times": 4 }), "x: expected 4, got 5"),
            (
                json!({ "longest_gap": { "at_most": "199ms" } }),
                "x, longest gap: expected at most 199ms, got 200ms",
            ),
            (
                json!({ "longest_gap": { "at_least": "201ms" } }),
                "x, longest gap: expected at least 201ms, got 200ms",
            ),
            (
                json!({ "shortest_gap": { "at_least": "101ms" } }),
                "x, shortest gap: expected at least 101ms, got 100ms",
            ),
            (
                json!({ "crowded": { "within": "201ms", "at_most": 3 } }),
                "x, less than 201ms after another: expected at most 3, got 4",
            ),
        ] {
            assert_eq!(faults(wrong, &STEADY), [expected]);
        }
    }

    #[test]
    fn the_longest_gap_reaches_to_both_ends() {
        let at_most = json!({ "longest_gap": { "at_most": "250ms" } });
        let expected = |gap| vec![format!("x, longest gap: expected at most 250ms, got {gap}ms")];
        assert_eq!(faults(at_most.clone(), &STEADY[1..]), expected(300));
        assert_eq!(faults(at_most.clone(), &STEADY[..4]), expected(300));
        assert_eq!(faults(at_most, &[]), expected(900));
    }

    #[test]
    fn there_is_no_gap_between_fewer_than_two() {
        let faults = faults(json!({ "shortest_gap": { "at_least": "1ms" } }), &[500]);
        assert_eq!(faults, ["x, shortest gap: expected at least 1ms, got fewer than two requests"]);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        for wrong in [json!({ "gap": 1 }), json!({ "crowded": { "within": "1s", "most": 1 } })] {
            assert!(from_value::<Pace>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
