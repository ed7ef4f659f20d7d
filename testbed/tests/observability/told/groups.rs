//! How many messages there are.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::cases;
use super::chats::Chats;
use super::setup::Told;

/// Longer than the group_wait and the group_interval of the test.
const QUIET: Duration = Duration::from_secs(4);

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("ten_proxies_with_one_trouble_are_one_message_that_names_them", || {
            crate::block_on(ten_proxies())
        }),
        crate::trial("of_many_proxies_ten_are_named_and_the_rest_is_counted", || {
            crate::block_on(many_proxies())
        }),
        crate::trial("what_is_over_is_told_once_with_how_long_it_was", || {
            crate::block_on(resolved())
        }),
        crate::trial("critical_goes_to_the_pager_and_warning_to_tickets", || {
            crate::block_on(by_severity())
        }),
    ]
}

/// The alert at this many proxies.
fn at_proxies(count: usize) -> Result<Vec<Value>> {
    let alert = cases::one("HeartbeatProbeFailing")?;
    let proxy = |number| alert.clone().with("instance", &format!("10.1.0.{number}:9901")).json();
    Ok((1..=count).map(proxy).collect())
}

/// The messages of one of them, once there were no more for a while.
async fn all_told(chats: &Chats, to: &str) -> Result<Vec<String>> {
    chats.until(|all| all.iter().any(|it| it.to == to).then_some(())).await?;
    tokio::time::sleep(QUIET).await;
    Ok(chats.messages_to(to).iter().map(super::chats::Message::text).collect())
}

async fn ten_proxies() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    told.alertmanager.post(&at_proxies(10)?).await?;
    for to in ["slack", "wecom"] {
        let texts = all_told(&told.chats, to).await?;
        let [text] = &texts[..] else { anyhow::bail!("{to}: {} messages", texts.len()) };
        ensure!(text.contains("FIRING ×10 HeartbeatProbeFailing at payments"), "{text}");
        let missing = (1..=10).find(|number| !text.contains(&format!("10.1.0.{number}:9901")));
        ensure!(missing.is_none(), "{to}: no proxy {missing:?} in\n{text}");
        ensure!(!text.contains(" more"), "{text}");
    }
    Ok(())
}

async fn many_proxies() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    told.alertmanager.post(&at_proxies(47)?).await?;
    for to in ["slack", "wecom"] {
        let text = told.chats.message(to, "FIRING ×47 ").await?.text();
        let short = text.lines().filter(|line| line.starts_with(['•', '-']));
        ensure!(short.count() == 9, "{text}");
        ensure!(text.contains("\nand 37 more\n"), "{text}");
    }
    Ok(())
}

async fn resolved() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let mut alerts = at_proxies(12)?;
    told.alertmanager.post(&alerts).await?;
    told.chats.message("wecom", "FIRING ×12").await?;
    // One is over first: a side note.
    alerts[0]["startsAt"] = json!("2026-01-01T00:00:00Z");
    alerts[0]["endsAt"] = json!("2026-01-01T00:07:03Z");
    told.alertmanager.post(&alerts[..1]).await?;
    for to in ["slack", "wecom"] {
        let text = told.chats.message(to, "FIRING ×11").await?.text();
        ensure!(text.contains(": `10.1.0.1:9901 health`"), "{text}");
    }
    for alert in &mut alerts[1..] {
        alert["startsAt"] = json!("2026-01-01T00:00:00Z");
        alert["endsAt"] = json!("2026-01-01T00:07:03Z");
    }
    told.alertmanager.post(&alerts[1..]).await?;
    for to in ["slack", "wecom"] {
        let text = told.chats.message(to, "RESOLVED ×11 HeartbeatProbeFailing").await?.text();
        ensure!(text.matches("over after ").count() == 10, "{text}");
        ensure!(text.contains("and 1 more are over"), "{text}");
        ensure!(!text.contains("What to do"), "{text}");
    }
    let slack = told.chats.message("slack", "RESOLVED").await?.body;
    ensure!(slack["attachments"][0]["color"] == "good", "{slack}");
    Ok(())
}

async fn by_severity() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let alerts =
        ["HeartbeatProbeFailing", "HeartbeatCheckDown"].map(|name| Ok(cases::one(name)?.json()));
    told.alertmanager.post(&alerts.into_iter().collect::<Result<Vec<_>>>()?).await?;
    told.chats.message("page", "HeartbeatProbeFailing").await?;
    told.chats.message("ticket", "HeartbeatCheckDown").await?;
    tokio::time::sleep(QUIET).await;
    let odd = |it: &super::chats::Message| {
        let critical = it.text().contains("HeartbeatProbeFailing");
        (it.to == "page" && !critical) || (it.to == "ticket" && critical)
    };
    let odd: Vec<_> = told.chats.messages().into_iter().filter(odd).collect();
    ensure!(odd.is_empty(), "{odd:?}");
    Ok(())
}
