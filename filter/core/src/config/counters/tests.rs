//! The rules for `counters`.

use crate::base::metric::MetricKind;
use crate::config::tests::parse;
use crate::counters::rule::{CounterRule, LabelSource, ValueSource};
use crate::grpc::code;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn mistakes(counters: &str) -> Vec<String> {
    match parse(&format!(r#"{{"counters":[{counters}]}}"#)) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    }
}

fn accepted(counters: &str) -> Vec<CounterRule> {
    let text = format!(r#"{{"counters":[{counters}]}}"#);
    parse(&text).unwrap_or_else(|errors| panic!("{errors}")).counters
}

/// A counter with some keys more.
fn with(more: &str) -> String {
    format!(r#"{{"name":"c","when":{{}},{more}}}"#)
}

/// A counter with these labels, each of a header and of one value.
fn labelled(name: &str, labels: &[&str]) -> String {
    let label = |label: &&str| format!(r#""{label}":{{"request_header":"x-a","values":["v"]}}"#);
    let labels: Vec<String> = labels.iter().map(label).collect();
    format!(r#"{{"name":"{name}","when":{{}},"labels":{{{}}}}}"#, labels.join(","))
}

/// A counter with a label of so many values.
fn with_values(name: &str, values: usize) -> String {
    let values: Vec<String> = (0..values).map(|value| format!("\"v{value}\"")).collect();
    format!(
        r#"{{"name":"{name}","when":{{}},"labels":{{"a":{{"request_header":"x-a","values":[{}]}}}}}}"#,
        values.join(",")
    )
}

#[test]
fn a_counter_counts_requests_by_default() {
    let rule = accepted(r#"{"name":"c","when":{}}"#).remove(0);
    assert_eq!((rule.kind, rule.value, rule.labels.len()), (MetricKind::Counter, None, 0));
    assert!(rule.when.status.is_empty() && rule.when.grpc_status.is_empty());
}

#[test]
fn everything_there_is_is_understood() {
    let rule = accepted(
        r#"{ "name": "payment_amount", "type": "histogram",
             "value": { "response_header": "X-Amount" },
             "when": { "request": { "methods": ["POST"], "path_prefix": "/pay/",
                                    "headers": [ { "name": "x-payment-id", "present": true } ] },
                       "response": { "status": ["2xx"], "grpc_status": ["OK", "UNAVAILABLE"],
                                     "headers": [ { "name": "x-paid", "exact": "yes" } ] } },
             "labels": { "order_type": { "request_header": "X-Order-Type", "values": ["retail"] },
                         "tier": { "response_header": "x-tier", "values": ["gold"] },
                         "cluster": { "attribute": "xds.cluster_name", "values": ["app"] },
                         "route": { "attribute": "xds.route_name", "values": ["pay"] } } }"#,
    )
    .remove(0);
    assert_eq!(rule.kind, MetricKind::Histogram);
    assert_eq!(rule.value, Some(ValueSource::ResponseHeader("x-amount".into())));
    assert_eq!(rule.when.request.methods, ["POST"]);
    assert_eq!(rule.when.grpc_status, [code::OK, code::UNAVAILABLE]);
    assert_eq!(rule.when.response_headers[0].name, "x-paid");
    let sources: Vec<_> = rule.labels.into_iter().map(|label| label.source).collect();
    assert_eq!(
        sources,
        [
            LabelSource::RequestHeader("x-order-type".into()),
            LabelSource::ResponseHeader("x-tier".into()),
            LabelSource::Cluster,
            LabelSource::Route,
        ]
    );
}

#[test]
fn a_gauge_and_a_histogram_are_of_something() {
    for (kind, what) in [("gauge", "a gauge"), ("histogram", "a histogram")] {
        assert_eq!(
            mistakes(&with(&format!(r#""type":"{kind}""#))),
            [format!(r#"counters[0]: is {what} of nothing; add "value": "duration_ms""#)]
        );
        accepted(&with(&format!(r#""type":"{kind}","value":"request_bytes""#)));
    }
}

#[test]
fn a_type_and_a_value_are_of_those_there_are() {
    for (more, mistake) in [
        (
            r#""type":"summary""#,
            r#"counters[0].type: "summary" isn't known; write "counter" or "gauge" or "histogram""#,
        ),
        (
            r#""value":"duration""#,
            r#"counters[0].value: "duration" isn't known; write "duration_ms" or "request_bytes" or "response_bytes""#,
        ),
        (
            r#""value":{}"#,
            r#"counters[0].value: has no "response_header"; add "response_header": "x-amount""#,
        ),
        (
            r#""value":{"response_header":"x amount"}"#,
            r#"counters[0].value.response_header: "x amount" is not a header name; write it like "user-agent""#,
        ),
        (
            r#""value":{"request_header":"x-amount"}"#,
            r#"counters[0].value.request_header: unknown key; known here: response_header"#,
        ),
    ] {
        assert_eq!(mistakes(&with(more))[0], mistake);
    }
}

#[test]
fn conditions_on_requests_are_those_of_probes() {
    let when = |when: &str| mistakes(&format!(r#"{{"name":"c","when":{when}}}"#));
    assert_eq!(
        when(r#"{"request":{"path":"/a","path_prefix":"/b","methods":["get"]}}"#),
        [
            r#"counters[0].when.request.path_prefix: can't stand beside "path"; keep one of them"#,
            r#"counters[0].when.request.methods[0]: "get" is not a method; write "GET""#,
        ]
    );
    assert_eq!(
        when(r#"{"response":{"grpc_status":["14"]}}"#),
        [
            r#"counters[0].when.response.grpc_status[0]: "14" is not a gRPC status; write it like "UNAVAILABLE""#
        ]
    );
    accepted(r#"{"name":"c","when":{"request":{"methods":["POST"]}}}"#);
}

#[test]
fn a_labels_name_is_one_that_prometheus_takes() {
    for name in ["", "1a", "a-b", "a.b", "__a", "le", "quantile", "ü", &"x".repeat(65)] {
        assert_eq!(
            mistakes(&labelled("c", &[name])),
            [format!(
                r#"counters[0].labels.{name}: is not a label's name; write it like "order_type""#
            )]
        );
    }
    accepted(&labelled("c", &["_a1", "LE"]));
}

#[test]
fn no_label_ends_like_another_one() {
    let clash = |label: &str, other: &str| {
        format!(
            "{label}: ends like the label {other:?}, and Envoy would take one for the other; choose another name"
        )
    };
    assert_eq!(
        mistakes(&labelled("c", &["order_type", "type"])),
        [clash("counters[0].labels.type", "order_type")]
    );
    let both = format!("{},{}", labelled("c", &["type"]), labelled("d", &["order_type"]));
    assert_eq!(mistakes(&both), [clash("counters[1].labels.order_type", "type")]);
    for built_in in ["probe", "outcome", "component", "status", "result", "axis", "module_version"]
    {
        assert_eq!(
            mistakes(&labelled("c", &[&format!("my_{built_in}")])),
            [clash(&format!("counters[0].labels.my_{built_in}"), built_in)]
        );
    }
    assert_eq!(mistakes(&labelled("c", &["ult"])), [clash("counters[0].labels.ult", "result")]);
    accepted(&labelled("c", &["status", "order_type", "type_of_order"]));
    accepted(&format!("{},{}", labelled("c", &["type"]), labelled("d", &["type"])));
}

#[test]
fn a_label_has_one_source() {
    let label = |keys: &str| mistakes(&with(&format!(r#""labels":{{"a":{{{keys}}}}}"#)));
    assert_eq!(
        label(r#""values":["v"]"#),
        [
            "counters[0].labels.a: is of nothing; add one of request_header, response_header, attribute"
        ]
    );
    assert_eq!(
        label(r#""values":["v"],"request_header":"x","attribute":"xds.route_name""#),
        ["counters[0].labels.a: has request_header and attribute; keep one of them"]
    );
    assert_eq!(
        label(r#""values":["v"],"attribute":"xds.cluster""#),
        [
            r#"counters[0].labels.a.attribute: "xds.cluster" isn't known; write "xds.cluster_name" or "xds.route_name" or "request.method" or "response.code_class""#
        ]
    );
    assert_eq!(
        label(r#""values":["2xx","200"],"attribute":"response.code_class""#),
        [
            r#"counters[0].labels.a.values[1]: "200" is not a class of statuses; write it like "2xx""#
        ]
    );
    assert_eq!(
        label(r#""request_header":"x""#),
        [r#"counters[0].labels.a: has no "values"; add "values": ["retail", "wholesale"]"#]
    );
    assert_eq!(
        mistakes(&with(r#""labels":{}"#)),
        ["counters[0].labels: is empty; name at least one, or leave the key out"]
    );
}

#[test]
fn a_labels_values_are_few_different_and_safe_in_a_stat() {
    let values = |values: &str| {
        let label = format!(r#""a":{{"request_header":"x","values":[{values}]}}"#);
        format!(r#""labels":{{{label}}}"#)
    };
    let refused = |list: &str| mistakes(&with(&values(list)));
    let place = "counters[0].labels.a.values";
    assert_eq!(
        refused(""),
        [format!("{place}: is empty; name at least one, or leave the key out")]
    );
    assert_eq!(
        refused(r#""v","w","v""#),
        [format!(r#"{place}[2]: "v" stands here twice; keep one"#)]
    );
    assert_eq!(
        refused(r#""other""#),
        [format!(
            r#"{place}[0]: "other" is what all values are called that aren't listed; leave it out"#
        )]
    );
    for value in ["", "a;b", "a=b", "a b", "ü", "a,b", "a'", &"v".repeat(129)] {
        assert_eq!(
            refused(&format!("{value:?}")),
            [format!(
                "{place}[0]: {value:?} can't be a label's value; write 1 to 128 letters, digits or _-./|:*@+"
            )]
        );
    }
    accepted(&with(&values(r#""outbound|80|v1|app.shop.svc:80/*","Others","a+b@c_d""#)));
}

#[test]
fn a_metric_has_64_series_at_most() {
    let label = |name: &str, values: usize| {
        let values: Vec<String> = (0..values).map(|value| format!("\"v{value}\"")).collect();
        format!(r#""{name}":{{"request_header":"x-a","values":[{}]}}"#, values.join(","))
    };
    let labels = |a, b| with(&format!(r#""labels":{{{},{}}}"#, label("a", a), label("b", b)));
    assert_eq!(accepted(&labels(7, 7))[0].series(), 64);
    assert_eq!(
        mistakes(&labels(8, 7)),
        [
            "counters[0].labels: (8 + 1) × (7 + 1) = 72 series, and a metric may have 64; name fewer values"
        ]
    );
    let many: Vec<String> = (0..40).map(|number| label(&format!("a{number}a"), 9)).collect();
    let many = mistakes(&with(&format!(r#""labels":{{{}}}"#, many.join(","))));
    assert!(
        many[0].ends_with("= far too many series, and a metric may have 64; name fewer values")
    );
}

#[test]
fn all_counters_together_have_512_series_at_most() {
    let counters = |last| {
        let mut counters: Vec<String> =
            (0..8).map(|number| with_values(&format!("c{number}"), 62)).collect();
        counters.push(with_values("last", last));
        counters.join(",")
    };
    let series: usize = accepted(&counters(7)).iter().map(CounterRule::series).sum();
    assert_eq!(series, 512);
    assert_eq!(
        mistakes(&counters(8)),
        [
            "counters: 63 (c0) + 63 (c1) + 63 (c2) + 63 (c3) + 63 (c4) + 63 (c5) + 63 (c6) + 63 (c7) + 9 (last) = 513 series, and all counters together may have 512; name fewer values, or count less"
        ]
    );
}

#[test]
fn a_name_that_envoy_or_prometheus_would_change_is_refused() {
    for name in ["pay_rq_200", "pay_rq_2xx"] {
        assert_eq!(
            mistakes(&format!(r#"{{"name":"{name}","when":{{}}}}"#)),
            [format!(
                "counters[0].name: {name:?} would lose its end: Envoy takes that for a status; choose another name"
            )]
        );
    }
    for name in ["pay_rq", "pay_rq_20", "pay_rq_xxx", "pay_200", "rq_2xx_total"] {
        accepted(&format!(r#"{{"name":"{name}","when":{{}}}}"#));
    }
}

#[test]
fn no_counter_is_called_like_a_part_of_a_histogram() {
    let histogram = r#"{"name":"took","type":"histogram","value":"duration_ms","when":{}}"#;
    for part in ["took_bucket", "took_sum", "took_count"] {
        let counters = format!(r#"{{"name":"{part}","when":{{}}}},{histogram}"#);
        assert_eq!(
            mistakes(&counters),
            [format!(
                r#"counters[0]: the name "{part}" is a part of the histogram "took"; choose another"#
            )]
        );
    }
    accepted(r#"{"name":"took","when":{}},{"name":"took_count","when":{}}"#);
}
