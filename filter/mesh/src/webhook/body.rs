//! What is written to a target.

use super::{Change, Format};

/// The body of a delivery, which says how many changes before it have never arrived.
pub fn body<'a>(
    format: Format,
    webhook: &str,
    delivery: &str,
    missed: u64,
    changes: impl Iterator<Item = &'a Change>,
) -> String {
    let missed = missed.to_string();
    let mut body = String::new();
    match format {
        Format::Event => push(
            &mut body,
            &[r#"{"webhook":""#, webhook, r#"","delivery":""#, delivery, r#"","missed":"#, &missed],
        ),
        Format::Slack if missed != "0" => {
            push(&mut body, &["_", &missed, " changes before these were not delivered_\n"]);
        }
        Format::Slack => {}
        Format::Pulsar => body.push_str(r#"{"producerName":"heartbeat-hub""#),
    }
    let mut before = match format {
        Format::Event => r#","changes":["#,
        Format::Slack => "",
        Format::Pulsar => r#","messages":["#,
    };
    let mut properties = (missed != "0").then_some(&*missed);
    for change in changes {
        body.push_str(before);
        before = ",";
        let Change { service, instance, says, json, .. } = change;
        match format {
            Format::Event => body.push_str(json),
            Format::Slack => {
                before = "\n";
                let (was, is) = (change.previous.word(), change.word());
                push(
                    &mut body,
                    &["`", service, "` `", instance, "`: ", was, " → *", is, "* (", says, ")"],
                );
            }
            // Its schema makes a message of a string.
            Format::Pulsar => {
                let payload = quoted(json);
                push(
                    &mut body,
                    &[r#"{"key":""#, service, "/", instance, r#"","payload":"#, &payload],
                );
                if let Some(missed) = properties.take() {
                    push(&mut body, &[r#","properties":{"missed":""#, missed, r#""}"#]);
                }
                body.push('}');
            }
        }
    }
    match format {
        Format::Event | Format::Pulsar => body.push_str("]}"),
        Format::Slack => body = [r#"{"text":"#, &quoted(&body), "}"].concat(),
    }
    body
}

/// Names have no letter that JSON or Slack's markup would have to escape.
fn push(body: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| body.push_str(part));
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
