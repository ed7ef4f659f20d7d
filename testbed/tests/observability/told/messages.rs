//! What a message says.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::prometheus::rules;
use testbed::tools;

use super::cases::{self, Fired};
use super::chats::Message;
use super::setup::Told;
use crate::faults;

/// What no message may show: a template's gaps.
const GAPS: [&str; 6] = ["<no value>", "&lt;no value", "‹no value", "``", "rests on \n", "  "];

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("each_alert_is_told_by_a_message_without_gaps", || {
            crate::block_on(each_has_its_message())
        }),
        crate::trial("a_message_is_as_the_page_shows_it", || crate::block_on(as_on_the_page())),
    ]
}

async fn each_has_its_message() -> Result<()> {
    let alerts = cases::all()?;
    // Each alone: what follows from what is another matter.
    let told = Told::start(|config| config["inhibit_rules"] = json!([])).await?;
    let bodies: Vec<_> = alerts.values().map(Fired::json).collect();
    told.alertmanager.post(&bodies).await?;
    let mut faults = Vec::new();
    for alert in alerts.values() {
        for to in ["slack", "wecom"] {
            match told.chats.message_about(to, alert.name()).await {
                Ok(message) => faults.extend(faults_of(&message, alert)),
                Err(error) => faults.push(format!("{}: {error:#}", alert.name())),
            }
        }
    }
    faults.extend(unknown_grounds(alerts.values())?);
    faults::none(faults)
}

/// What a message lacks of what its alert has.
fn faults_of(message: &Message, alert: &Fired) -> Vec<String> {
    let text = message.text();
    let gaps = GAPS.iter().filter(|gap| text.contains(**gap));
    let gaps = gaps.map(|gap| format!("there is {gap:?}"));
    let labels = alert.labels.iter().filter(|(name, _)| *name != "alertname");
    let labels = labels.map(|(_, value)| value.clone());
    let words = ["summary", "rests_on", "runbook_url"].into_iter().filter_map(|name| {
        let text = alert.annotations.get(name)?;
        // Long ones are cut.
        Some(text.chars().take(100).collect())
    });
    let missing = labels.chain(words).filter(|part| !shown(&text, part));
    let missing = missing.map(|part| format!("no {part:?}"));
    let faults: Vec<_> = gaps.chain(missing).collect();
    faults
        .into_iter()
        .map(|it| format!("{} to {}: {it}\n{text}", alert.name(), message.to))
        .collect()
}

/// Whether a text is there, however it is escaped.
fn shown(text: &str, part: &str) -> bool {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    plain.contains(part) || text.contains(part)
}

/// Rules that look up what an alert rests on, and find nothing where it fires.
fn unknown_grounds<'a>(alerts: impl Iterator<Item = &'a Fired>) -> Result<Vec<String>> {
    let rules = rules::all()?.into_iter().filter(|rule| rule.annotations.contains_key("rests_on"));
    let names: Vec<_> = rules.filter_map(|rule| rule.alert).collect();
    ensure!(!names.is_empty(), "no rule says what it rests on");
    let fired = alerts.filter(|alert| names.iter().any(|name| name == alert.name()));
    let empty =
        fired.filter(|it| it.annotations.get("rests_on").is_none_or(|it| it.trim().is_empty()));
    Ok(empty.map(|it| format!("{}: its case doesn't show what it rests on", it.name())).collect())
}

/// The messages that docs/alertmanager.md shows are those that Slack and WeCom get.
async fn as_on_the_page() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let alert = cases::one("HeartbeatProbeFailing")?;
    told.alertmanager.post(&[alert.json()]).await?;
    let page = std::fs::read_to_string(tools::workspace().join("docs/alertmanager.md"))?;
    let mut faults = Vec::new();
    for to in ["slack", "wecom"] {
        let message = told.chats.message_about(to, alert.name()).await?;
        let text = message.text();
        if !page.contains(&format!("```text\n{}\n```", text.trim_end())) {
            faults.push(format!("the page doesn't show what {to} gets:\n{text}"));
        }
    }
    let slack = told.chats.message_about("slack", alert.name()).await?.body;
    let attachment = &slack["attachments"][0];
    let expected = json!({
        "title_link": alert.annotations.get("runbook_url"),
        "fallback": "FIRING HeartbeatProbeFailing at payments",
        "color": "danger",
    });
    for (name, value) in expected.as_object().into_iter().flatten() {
        if attachment.get(name).unwrap_or(&Value::Null) != value {
            faults.push(format!("{name}: {} and not {value}", attachment[name]));
        }
    }
    let wecom = told.chats.message_about("wecom", alert.name()).await?.body;
    if wecom["msgtype"] != "markdown" || wecom["touser"] != "@all" {
        faults.push(format!("not for WeCom: {wecom}"));
    }
    faults::none(faults)
}
