//! The acts: what the demo sends, and what must come of it.

use super::step::{Act, Header, Step};
use crate::app::behaviour::Deviation;
use crate::client::http::Request;

const STATUS: &str = "x-heartbeat-status";
const CLUSTER: &str = "x-envoy-upstream-healthchecked-cluster";
const FAIL: &str = "x-envoy-immediate-health-check-fail";
const PROBE: &str = "x-heartbeat-probe";
const HEALTH_CHECK: &str = "x-envoy-upstream-health-check";
/// What Envoy's router makes of the timeout that the filter sets.
const TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

const RETAIL: &str = r#"payment_request_success{order_type="retail"}"#;
const WHOLESALE: &str = r#"payment_request_success{order_type="wholesale"}"#;
const OTHER: &str = r#"payment_request_success{order_type="other"}"#;

/// Every act, in order; the last one kills the application.
pub fn all() -> Vec<Act> {
    vec![probes(), ordinary_traffic(), payments(), trouble()]
}

fn probes() -> Act {
    Act {
        heading: "A probe is recognised",
        answers: vec![(CLUSTER, Some("heartbeat-demo"))],
        arrivals: vec![(HEALTH_CHECK, Some("true")), (TIMEOUT, Some("3000"))],
        steps: vec![
            Step::http(get("/health").header("user-agent", "kube-probe/1.31"))
                .remark("as kube-probe/1.31")
                .answer(ready())
                .arrival(http_probe("health"))
                .counter(probe("health", "pass")),
            Step::http(Request::new("POST", "/v1/health").body("{}"))
                .answer(ready())
                .arrival(http_probe("v1_health"))
                .counter(probe("v1_health", "pass")),
            Step::http(get("/health?from=lb"))
                .answer(ready())
                .arrival(http_probe("health"))
                .counter(probe("health", "pass")),
            // A gRPC status comes last: the headers before it can't tell of it.
            Step::check("", "SERVING")
                .remark("of the whole server")
                .arrival(grpc_probe())
                .counter(probe("grpc", "pass")),
            Step::check("orders", "NOT_SERVING")
                .remark("of service orders")
                .arrival(grpc_probe())
                .counter(probe("grpc", "fail")),
        ],
    }
}

fn ordinary_traffic() -> Act {
    Act {
        heading: "Ordinary traffic is left alone",
        answers: vec![(STATUS, None), (CLUSTER, None)],
        arrivals: vec![(PROBE, None), (HEALTH_CHECK, None)],
        steps: vec![
            Step::http(get("/orders/17")),
            Step::http(get("/healthy")).remark("which is no probe").status("404"),
            Step::http(get("/orders/17").header(PROBE, "forged").header(HEALTH_CHECK, "true"))
                .remark("with forged markers")
                .arrival([(PROBE, None), (HEALTH_CHECK, None)]),
        ],
    }
}

fn payments() -> Act {
    let pay = || Request::new("POST", "/pay");
    let paid = |id, counter| Step::http(pay().header("x-payment-id", id)).counter(counter);
    let ordered = |kind, counter| {
        let request = pay().header("x-payment-id", "p-1").header("x-order-type", kind);
        Step::http(request).counter(counter).remark(kind)
    };
    Act {
        heading: "Payments are counted where they succeed",
        answers: vec![],
        arrivals: vec![(PROBE, None)],
        steps: vec![
            ordered("retail", RETAIL),
            ordered("wholesale", WHOLESALE),
            paid("p-3", OTHER).remark("of no type"),
            Step::http(pay()).remark("without that header"),
            Step::http(pay().header("x-payment-id", "p-4"))
                .remark("which goes wrong")
                .deviating("/pay", Deviation { status: Some(500), ..Deviation::default() })
                .status("500"),
        ],
    }
}

fn trouble() -> Act {
    let hanging = || Deviation { hang: true, ..Deviation::default() };
    Act {
        heading: "An application in trouble",
        answers: vec![(FAIL, Some("true"))],
        arrivals: vec![],
        steps: vec![
            Step::http(get("/health"))
                .remark("which fails")
                .deviating("/health", Deviation { status: Some(500), ..Deviation::default() })
                .status("500")
                .answer([(STATUS, Some("not-ready"))])
                .arrival([(PROBE, Some("health"))])
                .counter(probe("health", "fail")),
            Step::http(get("/livez"))
                .remark("which hangs")
                .deviating("/livez", hanging())
                .status("504")
                .answer([(STATUS, Some("not-ready"))])
                .took(2900..=4500)
                .arrival([(PROBE, Some("livez"))])
                .counter(probe("livez", "timeout")),
            Step::http(get("/orders/17"))
                .remark("meanwhile")
                .deviating("/livez", hanging())
                .meanwhile()
                .answer([(STATUS, None), (FAIL, None)])
                .took(0..=1000),
            Step::http(get("/health"))
                .remark("of a dead process")
                .killed()
                .status("503")
                .answer([(STATUS, Some("not-ready"))])
                .counter(probe("health", "fail")),
            Step::check("", "UNAVAILABLE")
                .remark("of a dead process")
                .killed()
                .answer([(STATUS, Some("not-ready"))])
                .counter(probe("grpc", "fail")),
        ],
    }
}

fn get(target: &str) -> Request {
    Request::new("GET", target)
}

fn ready() -> [Header; 1] {
    [(STATUS, Some("ready"))]
}

fn http_probe(name: &'static str) -> [Header; 1] {
    [(PROBE, Some(name))]
}

fn grpc_probe() -> [Header; 1] {
    [(PROBE, Some("grpc"))]
}

fn probe(name: &str, outcome: &str) -> String {
    format!("heartbeat_probe_total{{probe={name:?},outcome={outcome:?}}}")
}
