//! What is shipped for those who write events says what the reader says.

use super::*;
use heartbeat_common::schema::Compiled;
use serde_json::Value;
use std::sync::OnceLock;

/// Holds the JSON schema to what the reader has made of an event.
pub(super) fn hold(body: &str, taken: bool) {
    static SCHEMA: OnceLock<Compiled> = OnceLock::new();
    let text = include_str!("../../../../../envoy-config/schema/health-event.schema.json");
    let schema = SCHEMA.get_or_init(|| Compiled::new(text));
    // What is nested deeper than a value may be, the reader passes over.
    let Ok(event) = serde_json::from_str::<Value>(body) else { return };
    assert_eq!(schema.takes(&event), taken, "{body}");
    let batch = Value::Array(vec![event.clone(), event]);
    assert_eq!(schema.takes(&batch), taken, "a batch of {body}");
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let good = with(r#""status":"pass""#);
    for field in [
        r#""latency_p95_ms":0"#,
        r#""latency_p95_ms":3600000"#,
        r#""error_rate":1"#,
        r#""http_status_code":100"#,
        r#""http_status_code":599"#,
        r#""weight":128,"priority":128"#,
        r#""weight":null,"priority":null,"address":null,"locality":null"#,
        r#""locality":{"region":null,"zone":"a"}"#,
        r#""service":null,"source":null,"error_rate":null"#,
        r#""address":"[fd00::5]:80","locality":{"sub_zone":"rack-7","colour":"red"}"#,
    ] {
        let body = with(&format!(r#""status":"pass",{field}"#));
        assert!(one(&body).is_ok(), "{body}");
    }
    for stamp in ["18446744073709551615", r#""18446744073709551615""#, r#""001""#] {
        assert!(one(&good.replace("_ns\":1", &format!("_ns\":{stamp}"))).is_ok(), "{stamp}");
    }
    for stamp in [r#""18446744073709551616""#, r#""0""#, r#""""#, r#""-1""#, "null", "true"] {
        assert!(one(&good.replace("_ns\":1", &format!("_ns\":{stamp}"))).is_err(), "{stamp}");
    }
}

/// A field of a message: its name, its type, and its number.
type Field = (String, String, u32);

/// The fields of the messages in the text of `health-event.proto`.
fn fields_of_proto(text: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let Some((declared, number)) = line.trim_end_matches(';').split_once(" = ") else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        let (kind, name) = declared.rsplit_once(' ').unwrap();
        fields.push((name.to_owned(), kind.to_owned(), number));
    }
    fields
}

/// The fields of the messages in the text of `proto.rs`.
fn fields_of_code(text: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(attribute) = line.strip_prefix("#[prost(").and_then(|it| it.strip_suffix(")]"))
        else {
            continue;
        };
        let (kind, number) = attribute.split_once(", tag = ").unwrap();
        let declared = lines.next().and_then(|it| it.strip_prefix("pub ")).unwrap();
        let (name, holds) = declared.trim_end_matches(',').split_once(": ").unwrap();
        let (scalar, label) = kind.split_once(", ").unwrap_or((kind, ""));
        let message = holds.trim_end_matches('>').rsplit('<').next().unwrap();
        let kind = if scalar == "message" { message } else { scalar };
        let kind = format!("{label} {kind}");
        let number = number.trim_matches('"').parse().unwrap();
        fields.push((name.to_owned(), kind.trim_start().to_owned(), number));
    }
    fields
}

#[test]
fn the_protobuf_message_that_is_shipped_is_the_one_that_is_read() {
    let shipped = include_str!("../../../../../envoy-config/schema/health-event.proto");
    assert!(shipped.contains("\npackage heartbeat.mesh.v1;\n"));
    let fields = fields_of_proto(shipped);
    assert_eq!(fields, fields_of_code(include_str!("../proto.rs")));
    assert_eq!(fields.len(), 18, "{fields:?}");
}
