//! `counters`: metrics that people make up.

use super::probes::{BESIDE_PATH, HEADERS, headers, methods, path, path_prefix};
use crate::reader::keys::Kind::{List, Map, Object, Text, Word, WordOrObject};
use crate::reader::keys::Presence::{Default, OneOf, Optional, Required, SomeOf};
use crate::reader::keys::Scope::Without;
use crate::reader::keys::{Form, Key, filled, key};

/// A counter of `counters`.
pub(in crate::config) const COUNTER: &[Key] = &[
    key(
        "name",
        &Text(Form::MetricName),
        &Required(r#""name": "payment_request_success""#),
        "The metric's name in Prometheus; unique, and neither `heartbeat_*` nor `app_health_*`",
    ),
    key(
        "type",
        &Word(&["counter", "gauge", "histogram"]),
        &Default("counter"),
        "`counter` rises, `gauge` shows the last value, `histogram` counts values by size",
    ),
    key(
        "value",
        &WordOrObject(&(&["duration_ms", "request_bytes", "response_bytes"], VALUE)),
        &Optional,
        "What is added or shown; a counter without it counts requests",
    ),
    key(
        "when",
        &Object(WHEN),
        &Required(r#""when": { "response": { "status": ["2xx"] } }"#),
        "Which requests count; `{}` for all, probes included",
    ),
    key(
        "labels",
        &Map(LABEL),
        &Optional,
        "What it is divided by: for each label's name, its source",
    ),
];

/// `value`, where it is a header's.
const VALUE: &[Key] = &[key(
    "response_header",
    &Text(Form::HeaderName),
    &Required(r#""response_header": "x-amount""#),
    "The number in this header of the answer",
)];

/// `when`.
const WHEN: &[Key] = &[
    key("request", &Object(REQUEST), &Optional, "What the request must be like"),
    key("response", &Object(RESPONSE), &Optional, "What the answer must be like"),
];

/// `when.request`.
const REQUEST: &[Key] = &[
    path().presence(&SomeOf),
    path_prefix().presence(&SomeOf).only(&Without(&[BESIDE_PATH])),
    methods().presence(&SomeOf),
    headers().presence(&SomeOf),
];

/// `when.response`.
const RESPONSE: &[Key] = &[
    key("status", &List(&filled(Text(Form::Status))), &SomeOf, "Any of these: `200`, `2xx`"),
    key("headers", &List(&HEADERS), &SomeOf, "Conditions on headers, all of which must hold"),
    key(
        "grpc_status",
        &List(&filled(Text(Form::GrpcStatus))),
        &SomeOf,
        "Any of these: `OK`, `UNAVAILABLE`",
    ),
];

/// A label of `labels`.
pub(in crate::config) const LABEL: &[Key] = &[
    key("request_header", &Text(Form::HeaderName), &OneOf, "A header of the request"),
    key("response_header", &Text(Form::HeaderName), &OneOf, "A header of the answer"),
    key(
        "attribute",
        &Word(&["xds.cluster_name", "xds.route_name", "request.method", "response.code_class"]),
        &OneOf,
        "What Envoy knows of the request",
    ),
    key(
        "values",
        &List(&filled(Text(Form::LabelValue)).distinct()),
        &Required(r#""values": ["retail", "wholesale"]"#),
        "The values that are told apart; any other is `other`",
    ),
];
