//! One call in each callback.

use super::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn no_callback_makes_two_calls() {
    let mut process = Process::new(
        r#"{"checks":[
            {"name":"a","http":{"cluster":"a","path":"/"},"interval":"1s","timeout":"200ms"},
            {"name":"b","http":{"cluster":"b","path":"/"},"interval":"1s","timeout":"200ms"},
            {"name":"c","grpc":{"cluster":"app","service":"","watch":true}},
            {"name":"d","grpc":{"cluster":"app","service":"","watch":true}}]}"#,
        1,
    );
    process.run(10 * SECOND);
    let mut calls = [process.asked.take(), process.opened.take()].concat();
    let count = calls.len();
    assert!(count > 20, "{count}");
    calls.sort_unstable();
    calls.dedup();
    assert_eq!(calls.len(), count);
}

#[test]
fn questions_that_there_is_no_time_for_take_turns() {
    let checks: Vec<String> = (0..64)
        .map(|number| {
            format!(
                r#"{{"name":"c{number}","http":{{"cluster":"c","path":"/"}},
                    "interval":"100ms","timeout":"100ms","fall":1}}"#
            )
        })
        .collect();
    let policy = format!(r#"{{"checks":[{}]}}"#, checks.join(","));
    let mut process = Process::new(policy.leak(), 1);
    process.manner = Manner::Answers("500", 3 * MS);
    for _ in 0..1_000 {
        process.run(MS);
        process.now = process.now + MS; // A timer that is late: 50 calls in an interval.
    }
    let silent: Vec<_> = (0..64)
        .filter(|number| {
            !process.log.iter().any(|it| it.contains(&format!("\"c{number}\" is down")))
        })
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}
