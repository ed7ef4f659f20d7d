//! What is posted.

use super::*;

fn posted(format: Format, missed: bool) -> HttpCall {
    let mut setup = Setup::of(vec![WebhookRule { format, queue: 2, ..rule("pager") }]);
    setup.note(if missed { 1..=5 } else { 1..=2 });
    let (_, call) = setup.calls();
    assert_eq!((&*call.cluster, &*call.host, &*call.path), ("pager", "pager.example", "/hook"));
    assert!(matches!(call.payload, Payload::Json(_)));
    call
}

fn one() -> Value {
    json!({
        "id": 1, "service": "payments", "instance": "10.1.0.5:80",
        "verdict": "dead", "previous": "unknown", "alive": false,
        "since_ns": 5, "timestamp_ns": 7, "confidence": 0.9,
        "sources": [ { "name": "istio", "says": "dead", "trust": 0.9 },
                     { "name": "edge", "says": "alive", "trust": 0.6 } ],
    })
}

/// As far as a number of 32 bits is that.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < 1e-6
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|it| alike(value, it)))
        }
        _ => one == other,
    }
}

#[test]
fn an_event_says_all_that_is_known() {
    let document = document(&posted(Format::Event, false));
    assert_eq!(document["webhook"], "pager");
    assert_eq!(document["delivery"], "pager-1-2-0");
    assert_eq!(document["missed"], 0);
    assert!(alike(&document["changes"][0], &one()), "{document}");
    assert_eq!(document["changes"][1]["verdict"], "alive");
}

#[test]
fn a_message_for_slack_has_a_line_for_each_change() {
    let text = |missed| document(&posted(Format::Slack, missed))["text"].clone();
    assert_eq!(
        text(false),
        "`payments` `10.1.0.5:80`: unknown → *dead* (istio: dead, edge: alive)\n\
         `payments` `10.1.0.5:80`: unknown → *alive* (istio: dead, edge: alive)"
    );
    assert!(text(true).as_str().unwrap().starts_with("_3 changes before these were not"));
}

#[test]
fn a_message_for_pulsar_has_the_instance_as_its_key_and_a_string_as_its_payload() {
    let document = document(&posted(Format::Pulsar, true));
    assert_eq!(document["producerName"], "heartbeat-hub");
    let messages = document["messages"].as_array().unwrap();
    assert_eq!(messages[0]["key"], "payments/10.1.0.5:80");
    let payload: Value = serde_json::from_str(messages[0]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["id"], 4);
    assert_eq!(messages[0]["properties"], json!({ "missed": "3" }));
    assert!(messages[1].get("properties").is_none());
}

#[test]
fn slack_is_told_no_more_than_once_a_second() {
    let mut setup = Setup::of(vec![WebhookRule { format: Format::Slack, ..rule("slack") }]);
    setup.note([1]);
    setup.takes("200");
    setup.note([2]);
    let since = setup.now;
    setup.next_call(10 * SECOND).unwrap();
    assert_eq!(setup.now.since(since), SECOND);
}

#[test]
fn whoever_is_gone_is_told_as_such() {
    let of = ("payments", "10.1.0.5:80");
    let gone = Change::new(9, of, None, Verdict::Dead, Vec::new(), (7, 7));
    let document: Value = serde_json::from_str(&gone.json).unwrap();
    assert_eq!((&document["verdict"], &document["alive"]), (&json!("gone"), &json!(false)));
}

#[test]
fn a_change_names_so_many_sources_at_most() {
    let sources = (0..500).map(|_| Says::new("source", Claim::Dead, 900)).collect();
    let all = Change::new(1, ("s", "i"), None, Verdict::Dead, sources, (7, 7));
    let document: Value = serde_json::from_str(&all.json).unwrap();
    assert_eq!(document["sources"].as_array().unwrap().len(), 16);
    assert!(all.json.len() < 2_000);
}
