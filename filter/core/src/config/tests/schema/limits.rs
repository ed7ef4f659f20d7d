//! What the reader refuses and no schema can.

use super::SCHEMA;
use crate::config::Config;
use heartbeat_common::schema::Limit;

/// All there is.
pub(super) const LIMITS: &[Limit] = &[
    Limit {
        says: ": stands here twice; keep one",
        why: "what reads JSON for a validator has kept one of two equal keys",
        example: r#"{"probes":[],"probes":[]}"#,
    },
    Limit {
        says: " is taken by an earlier ",
        why: "uniqueItems compares whole items, not their names",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"}},{"name":"p","match":{"path":"/b"}}]}"#,
    },
    Limit {
        says: "is never reached",
        why: "no keyword holds one match against another",
        example: r#"{"probes":[{"name":"a","match":{"path":"/a"}},{"name":"b","match":{"path":"/a"}}]}"#,
    },
    Limit {
        says: "no check is called",
        why: "no keyword looks a value up elsewhere",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"action":"respond","when":[{"check":"db"}]}]}"#,
    },
    Limit {
        says: "needs the admin interface",
        why: "a rule of the root on what is in lists of lists would refuse the root, and not say where",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"action":"respond","when":[{"server":"live"}]}]}"#,
    },
    Limit {
        says: "needs the score",
        why: "as of the admin interface",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"action":"respond","when":[{"score":{"min":1}}]}]}"#,
    },
    Limit {
        says: r#" stands in this "when" already"#,
        why: "uniqueItems compares whole items, not what they look at",
        example: r#"{"score":{},"probes":[{"name":"p","match":{"path":"/a"},"action":"respond","when":[{"score":{"min":1}},{"score":{"min":2}}]}]}"#,
    },
    Limit {
        says: "names no probe with",
        why: "no keyword looks a value up elsewhere",
        example: r#"{"publish":{"cluster":"hub","instance":"a","probe":"p"}}"#,
    },
    Limit {
        says: "has nothing to say",
        why: "no keyword looks a value up elsewhere",
        example: r#"{"publish":{"cluster":"hub","instance":"a"}}"#,
    },
    Limit {
        says: "may mean several probes",
        why: "no keyword looks a value up elsewhere",
        example: concat!(
            r#"{"publish":{"cluster":"hub","instance":"a"},"score":{},"probes":["#,
            r#"{"name":"p","match":{"path":"/a"},"action":"respond","when":[{"score":{"min":1}}]},"#,
            r#"{"name":"q","match":{"path":"/b"},"action":"respond","when":[{"score":{"min":2}}]}]}"#
        ),
    },
    Limit {
        says: "which isn't set for the VM",
        why: "the environment is that of the proxy",
        example: r#"{"publish":{"cluster":"hub","instance":"${NO_SUCH}","when":[{"check":"a"}]},"checks":[{"name":"a","http":{"cluster":"a","path":"/"}}]}"#,
    },
    Limit {
        says: "is longer than the interval",
        why: "no keyword compares two values",
        example: r#"{"admin":{"cluster":"a","interval":"1s","timeout":"2s"}}"#,
    },
    Limit {
        says: r#"is above "max_error_rate""#,
        why: "no keyword compares two values",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"action":"respond","when":[{"traffic":{"max_error_rate":"1%","recovers_at":"2%"}}]}]}"#,
    },
    Limit {
        says: "is longer than a day",
        why: "no pattern reads numbers",
        example: r#"{"score":{},"checks":[{"name":"c","http":{"cluster":"c","path":"/"},"interval":"25h"}]}"#,
    },
    Limit {
        says: "has no prefix length from 0 to",
        why: "no pattern reads numbers",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"allow":{"cidrs":["10.0.0.0/33"]}}]}"#,
    },
    Limit {
        says: "has bits beyond its prefix",
        why: "no pattern calculates",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"allow":{"cidrs":["10.0.0.1/8"]}}]}"#,
    },
    Limit {
        says: "is IPv4 in the clothes of IPv6",
        why: "the forms of IPv6 are too many for a pattern",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"allow":{"cidrs":["::ffff:10.0.0.1"]}}]}"#,
    },
    Limit {
        says: "is not a range",
        why: "the forms of IPv6 are too many for a pattern",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"allow":{"cidrs":["1::2::3"]}}]}"#,
    },
    Limit {
        says: ".0 is out of range; write a whole number",
        why: "to a schema 2.0 is a whole number",
        example: r#"{"probes":[{"name":"p","match":{"path":"/a"},"retries":2.0}]}"#,
    },
    Limit {
        says: "is too long; write 1000 bytes or less",
        why: "maxLength counts letters, and some have several bytes",
        example: LONG_SERVICE,
    },
    Limit {
        says: "ends like the label",
        why: "no keyword compares the names of keys",
        example: r#"{"counters":[{"name":"c","when":{},"labels":{"my_status":{"request_header":"x","values":["v"]}}}]}"#,
    },
    Limit {
        says: "is a part of the histogram",
        why: "no keyword compares the names of counters",
        example: r#"{"counters":[{"name":"t","type":"histogram","value":"duration_ms","when":{}},{"name":"t_sum","when":{}}]}"#,
    },
    Limit {
        says: "series, and a metric may have",
        why: "no keyword multiplies",
        example: concat!(
            r#"{"counters":[{"name":"c","when":{},"labels":{"#,
            r#""a":{"request_header":"x","values":["1","2","3","4","5","6","7","8"]},"#,
            r#""b":{"request_header":"x","values":["1","2","3","4","5","6","7"]}}}]}"#
        ),
    },
    Limit {
        says: "series, and all counters together may have",
        why: "no keyword adds up",
        example: MANY_SERIES,
    },
];

/// Stand for what is too long to be written here.
const MANY_SERIES: &str = "many series";
const LONG_SERVICE: &str = "long service";

fn written_out(example: &str) -> String {
    match example {
        MANY_SERIES => many_series(),
        LONG_SERVICE => {
            let service = "é".repeat(501);
            format!(
                r#"{{"probes":[{{"name":"p","match":{{"grpc":{{"services":["{service}"]}}}}}}]}}"#
            )
        }
        short => short.to_owned(),
    }
}

/// Nine counters of 62 values each.
fn many_series() -> String {
    let values: Vec<String> = (0..62).map(|value| format!("\"v{value}\"")).collect();
    let values = values.join(",");
    let counter = |number| {
        let labels = format!(r#"{{"a":{{"request_header":"x","values":[{values}]}}}}"#);
        format!(r#"{{"name":"c{number}","when":{{}},"labels":{labels}}}"#)
    };
    format!(r#"{{"counters":[{}]}}"#, (0..9).map(counter).collect::<Vec<_>>().join(","))
}

#[test]
fn what_no_schema_can_say_the_reader_does() {
    for limit in LIMITS {
        let example = written_out(limit.example);
        let errors = Config::parse(example.as_bytes()).unwrap_err();
        SCHEMA.hold_limit(limit, &example, &errors);
    }
}
