use super::*;
use proptest::prelude::*;

mod as_serde;
mod schema;
mod visitor;

const MOST: usize = 500;

fn json(body: &str) -> Vec<Result<Event<'_>, Refused>> {
    read(body.as_bytes(), Form::Json, MOST).unwrap()
}

/// An event with these fields beside the required ones.
fn with(fields: &str) -> String {
    format!(r#"{{"instance_id":"a:1","timestamp_ns":1,"probe_method":"http",{fields}}}"#)
}

fn one(body: &str) -> Result<Event<'_>, Refused> {
    let mut events = json(body);
    assert_eq!(events.len(), 1);
    schema::hold(body, events[0].is_ok());
    events.remove(0)
}

fn claim(fields: &str) -> Claim {
    one(&with(fields)).unwrap().report.claim
}

/// The field and the reason for which an event with these fields is refused.
fn refused(body: &str) -> (&'static str, String) {
    let refused = one(body).unwrap_err();
    (refused.field, refused.reason.into_owned())
}

#[test]
fn a_full_event_is_read_as_it_is_written() {
    let body = r#"{"instance_id":"10.1.0.5:8080","timestamp_ns":"1753000000000000001",
        "probe_method":"passive","latency_p95_ms":12.5,"connection_established":true,
        "http_status_code":200,"status":"warn","service":"payments","error_rate":0.25,
        "source":"istio","address":"10.1.0.5:8080","locality":{"region":"eu","zone":"a"},
        "priority":1,"weight":3,"colour":"red","nested":{"a":[1,{}]}}"#;
    let event = one(body).unwrap();
    assert_eq!(event.instance, "10.1.0.5:8080");
    assert_eq!(event.method, ProbeMethod::Passive);
    assert_eq!(event.report.stamp, 1_753_000_000_000_000_001);
    assert_eq!((event.report.latency_ms, event.report.error_rate), (Some(12.5), Some(0.25)));
    assert_eq!(event.report.claim, Claim::Warn, "status outranks what was measured");
    assert_eq!(
        (event.service.as_deref(), event.source.as_deref()),
        (Some("payments"), Some("istio"))
    );
    assert_eq!(event.place.address, Some("10.1.0.5:8080".parse().unwrap()));
    assert_eq!(event.place.locality, ["eu", "a", ""]);
    assert_eq!((event.place.priority, event.place.weight, event.ignored), (Some(1), Some(3), 2));
}

#[test]
fn what_was_measured_makes_the_word_where_no_status_does() {
    for (fields, expected) in [
        (r#""latency_p95_ms":5"#, Claim::Alive),
        (r#""connection_established":true"#, Claim::Alive),
        (r#""connection_established":false,"http_status_code":200"#, Claim::Dead),
        (r#""http_status_code":200"#, Claim::Alive),
        (r#""http_status_code":399"#, Claim::Alive),
        (r#""http_status_code":429"#, Claim::Warn),
        (r#""http_status_code":404,"connection_established":true"#, Claim::Dead),
        (r#""http_status_code":100"#, Claim::Dead),
        (r#""http_status_code":503,"status":"pass""#, Claim::Alive),
        (r#""status":"draining""#, Claim::Draining),
        (r#""status":"fail","http_status_code":null"#, Claim::Dead),
    ] {
        assert_eq!(claim(fields), expected, "{fields}");
    }
}

#[test]
fn each_broken_rule_names_its_field() {
    let pass = r#""status":"pass""#;
    for (body, field) in [
        (r#"{"timestamp_ns":1,"probe_method":"http","status":"pass"}"#.to_owned(), "instance_id"),
        (with(pass).replace("a:1", &"a".repeat(129)), "instance_id"),
        (with(pass).replace("a:1", "a b"), "instance_id"),
        (with(pass).replace("a:1", r"a\u0000"), "instance_id"),
        (with(pass).replace("\"a:1\"", "7"), "instance_id"),
        (with(pass).replace("_ns\":1", "_ns\":0"), "timestamp_ns"),
        (with(pass).replace("_ns\":1", "_ns\":-1"), "timestamp_ns"),
        (with(pass).replace("_ns\":1", "_ns\":1.5"), "timestamp_ns"),
        (with(pass).replace("_ns\":1", "_ns\":99999999999999999999"), "timestamp_ns"),
        (with(pass).replace("_ns\":1", "_ns\":\"1 \""), "timestamp_ns"),
        (with(pass).replace("\"http\"", "\"icmp\""), "probe_method"),
        (with(r#""latency_p95_ms":-1"#), "latency_p95_ms"),
        (with(r#""latency_p95_ms":3600001"#), "latency_p95_ms"),
        (with(r#""latency_p95_ms":"5""#), "latency_p95_ms"),
        (with(r#""connection_established":"no""#), "connection_established"),
        (with(r#""http_status_code":99"#), "http_status_code"),
        (with(r#""http_status_code":600"#), "http_status_code"),
        (with(r#""status":"ok""#), "status"),
        (with(r#""status":"pass","error_rate":1.01"#), "error_rate"),
        (with(r#""status":"pass","address":"example.com:80""#), "address"),
        (with(r#""status":"pass","weight":0"#), "weight"),
        (with(r#""status":"pass","weight":129"#), "weight"),
        (with(r#""status":"pass","priority":129"#), "priority"),
        (with(r#""status":"pass","locality":5"#), "locality"),
        (with(r#""status":"pass","locality":["eu"]"#), "locality"),
        (with(r#""status":"pass","locality":{"zone":7}"#), "locality"),
        (
            with(&format!(r#""status":"pass","locality":{{"zone":"{}"}}"#, "z".repeat(129))),
            "locality",
        ),
        (with(r#""colour":"red""#), ""),
        (with(r#""status":null,"http_status_code":null"#), ""),
    ] {
        let (told, reason) = refused(&body);
        assert_eq!(told, field, "{body}: {reason}");
    }
}

#[test]
fn a_batch_tells_which_of_its_events_are_refused() {
    let (good, bad) = (with(r#""status":"pass""#), with(r#""status":"ok""#));
    for (form, body) in [
        (Form::Json, format!("[{good},{bad},{good}]")),
        (Form::Ndjson, format!("{good}\n{bad}\r\n\n{good}\n")),
    ] {
        let events = read(body.as_bytes(), form, MOST).unwrap();
        let refused: Vec<bool> = events.iter().map(Result::is_err).collect();
        assert_eq!(refused, [false, true, false]);
    }
}

#[test]
fn protobuf_says_the_same() {
    use prost::Message;
    let event = proto::HealthEvent {
        instance_id: "a:1".into(),
        timestamp_ns: 1,
        probe_method: "http".into(),
        http_status_code: Some(503),
        ..Default::default()
    };
    let broken = proto::HealthEvent { status: Some("ok".into()), ..event.clone() };
    let body = proto::HealthEvents { events: vec![event, broken] }.encode_to_vec();
    let events = read(&body, Form::Protobuf, MOST).unwrap();
    let written = with(r#""http_status_code":503"#);
    assert_eq!(events[0], Ok(one(&written).unwrap()));
    assert_eq!(events[1].as_ref().unwrap_err().field, "status");
}

#[test]
fn a_batch_beyond_its_bound_is_refused_as_a_whole() {
    let event = with(r#""status":"pass""#);
    let three = [&*event; 3];
    let json = format!("[{}]", three.join(","));
    let lines = three.join("\n");
    for (form, body) in [(Form::Json, json), (Form::Ndjson, lines)] {
        assert!(read(body.as_bytes(), form, 3).is_ok());
        assert_eq!(read(body.as_bytes(), form, 2), Err(Unreadable::TooMany));
    }
}

#[test]
fn what_is_no_json_is_refused_as_a_whole() {
    let deep = "[".repeat(100_000);
    for body in ["", "{", "[{]", "7", "\"a\"", "nul", "{}{}", &deep] {
        assert!(matches!(read(body.as_bytes(), Form::Json, MOST), Err(Unreadable::Malformed(_))));
    }
    let invalid = [with(r#""status":"pass""#).as_bytes(), b"\xff"].concat();
    assert!(matches!(read(&invalid, Form::Json, MOST), Err(Unreadable::Malformed(_))));
}

#[test]
fn what_nobody_knows_may_be_nested_as_deep_as_it_likes() {
    let (open, close) = ("[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(claim(&format!(r#""status":"pass","x":{open}{close}"#)), Claim::Alive);
    assert_eq!(refused(&with(&format!(r#""status":{open}{close}"#))).0, "status");
}

#[test]
fn the_media_type_tells_the_form() {
    for (value, form) in [
        (None, Some(Form::Json)),
        (Some("application/json; charset=utf-8"), Some(Form::Json)),
        (Some("Application/X-NDJSON"), Some(Form::Ndjson)),
        (Some("application/x-protobuf"), Some(Form::Protobuf)),
        (Some("text/plain"), None),
    ] {
        assert_eq!(Form::of(value.map(str::as_bytes)), form, "{value:?}");
    }
}

#[test]
fn a_line_that_is_no_json_is_refused_by_itself() {
    let good = with(r#""status":"pass""#).replace('\n', " ");
    let body = format!("{good}\nnot json\n{}\n{good}\n", good.replace("1,", "1e999,"));
    let events = read(body.as_bytes(), Form::Ndjson, MOST).unwrap();
    let accepted: Vec<_> = events.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, false, false, true]);
}

#[test]
fn events_are_counted_before_any_takes_room() {
    let many = [0x0a, 0x00].repeat(MOST + 1);
    assert_eq!(read(&many, Form::Protobuf, MOST), Err(Unreadable::TooMany));
    assert_eq!(read(&many[2..], Form::Protobuf, MOST).unwrap().len(), MOST);
    for broken in [&b"\x0a\x05"[..], b"\x0b", b"\xff\xff", b"\x0a\x02\x08"] {
        assert!(matches!(read(broken, Form::Protobuf, MOST), Err(Unreadable::Malformed(_))));
    }
}

proptest! {
    #[test]
    fn nothing_that_is_sent_traps(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for form in [Form::Json, Form::Ndjson, Form::Protobuf] {
            let _ = read(&body, form, MOST);
        }
    }

    #[test]
    fn whatever_is_read_keeps_the_rules(
        id in ".{0,140}", stamp in any::<u64>(), status in any::<u16>(), latency in any::<f64>(),
    ) {
        let event = serde_json::json!({
            "instance_id": id, "timestamp_ns": stamp, "probe_method": "tcp",
            "http_status_code": status, "latency_p95_ms": latency,
        });
        if let Ok(event) = one(&event.to_string()) {
            prop_assert!(is_id(&event.instance) && event.report.stamp > 0);
            prop_assert!(event.report.latency_ms.is_none_or(|it| (0.0..=3_600_000.0).contains(&it)));
        }
    }
}
