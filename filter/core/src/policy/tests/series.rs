//! The series of a configuration with everything in it.

use super::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// They stand in `series.txt` as they are defined: the kind and the stat name. Whoever
/// watches them in Prometheus has them in dashboards and alerts.
#[test]
fn the_series_of_a_configuration_and_their_order_stay() {
    let policy = policy(
        r#"{"probes":[{"name":"a","match":{"path":"/a"},"breaker":{}},
                      {"name":"b","match":{"path":"/b"},"action":"cache","breaker":{}},
                      {"name":"g","match":{"grpc":{"methods":["Check","List"]}}},
                      {"name":"w","match":{"grpc":{"methods":["Watch"]}}},
                      {"name":"e","match":{"path":"/e"},"action":"respond",
                       "when":[{"check":"x"},{"cluster":"a;=b"},{"server":"live"},
                               {"traffic":{"max_error_rate":"50%"}},{"score":{"min":500}}]},
                      {"name":"f","match":{"path":"/f"},"action":"respond",
                       "when":[{"check":"y"}]}],
            "admin":{"cluster":"admin"},
            "score":{},
            "checks":[{"name":"x","http":{"cluster":"x","path":"/"}},
                      {"name":"y","grpc":{"cluster":"y","watch":true}}],
            "counters":[{"name":"c","when":{},
                         "labels":{"l":{"request_header":"x-l","values":["1","2"]},
                                   "m":{"attribute":"request.method","values":["GET"]}}},
                        {"name":"h","type":"histogram","value":"duration_ms","when":{}},
                        {"name":"g","type":"gauge","value":"request_bytes","when":{}}]}"#,
    );
    let line = |metric: &Metric| format!("{:?} {}\n", metric.kind, metric.name);
    let series: String = policy.metrics().iter().map(line).collect();
    let expected = include_str!("series.txt");
    assert!(series == expected, "{series}");
}
