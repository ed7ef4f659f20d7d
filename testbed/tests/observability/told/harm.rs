//! Labels are what somebody else wrote.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use super::cases;
use super::chats::{Message, WECOM_LIMIT};
use super::setup::Told;
use crate::faults;

/// Slack's own limit of a text block; the shipped message is an attachment, and keeps to it.
const SLACK_LIMIT: usize = 3000;

/// Each of them would break something, or mention somebody.
const HOSTILE: [&str; 10] = [
    "<!channel> <!here> <@U012AB3CD> <#C024BE7LR>",
    "<https://evil.example|What to do>",
    "[What to do](https://evil.example)",
    "<@all> <font color=\"warning\">x</font>",
    "line\nbreak\r\n*FIRING* `code` ```block``` \"quoted\" 'quoted' \\",
    "{{ .ExternalURL }} {{ template \"wecom.secret\" . }}",
    "&lt;!channel&gt; & &amp;",
    "one ` alone",
    "\u{202e}desrever\u{0}\u{7}\u{200b}",
    "支付服务的健康检查失败🔥",
];

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("hostile_labels_mention_nobody_and_break_nothing", || {
            crate::block_on(hostile())
        }),
        crate::trial("no_message_is_too_long_whatever_labels_hold", || crate::block_on(too_long())),
    ]
}

async fn hostile() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let alert = cases::one("HeartbeatEvidenceDown")?;
    let mut bodies = Vec::new();
    for (number, text) in HOSTILE.iter().enumerate() {
        let mut alert = alert.clone().with("job", &format!("job{number}"));
        for label in ["instance", "probe", "evidence"] {
            alert = alert.with(label, text);
        }
        for (name, annotation) in &mut alert.annotations {
            if name != "runbook_url" {
                annotation.push_str(text);
            }
        }
        alert.annotations.insert("rests_on".into(), (*text).into());
        bodies.push(alert.json());
    }
    told.alertmanager.post(&bodies).await?;
    let mut faults = Vec::new();
    for number in 0..HOSTILE.len() {
        for to in ["slack", "wecom"] {
            let message = told.chats.message(to, &format!("at job{number}")).await?;
            faults.extend(harm(&message));
        }
    }
    faults::none(faults)
}

/// What is in a message that isn't the template's own.
fn harm(message: &Message) -> Vec<String> {
    let text = message.text();
    let mut harm = Vec::new();
    // Slack: the template's own links are all that is in angle brackets.
    let own = ["http://127.0.0.1:9090/graph", "https://example.com/heartbeat-filter/"];
    let links = text.split('<').skip(1);
    harm.extend(links.filter(|it| !own.iter().any(|own| it.starts_with(own))).map(str::to_owned));
    if message.to == "wecom" {
        harm.extend(text.contains('>').then(|| "a bracket".to_owned()));
        let links = text.split("](").skip(1);
        harm.extend(links.filter(|it| !it.starts_with(own[1])).map(str::to_owned));
    }
    let lines =
        text.lines().filter(|line| line.starts_with("break") || line.starts_with("*FIRING"));
    harm.extend(lines.map(str::to_owned));
    harm.extend(text.contains("no-real").then(|| "a secret".to_owned()));
    let controls = text.chars().filter(|it| it.is_control() && *it != '\n');
    harm.extend(
        controls
            .chain(text.chars().filter(|it| "\u{202e}\u{200b}".contains(*it)))
            .map(String::from),
    );
    // Backticks of values would end the code that they stand in.
    let facts = text.lines().filter(|line| line.contains(" · proxy `"));
    harm.extend(facts.filter(|line| line.matches('`').count() % 2 == 1).map(str::to_owned));
    harm.into_iter().map(|it| format!("{it:?} in what {} gets:\n{text}", message.to)).collect()
}

async fn too_long() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let alert = cases::one("HeartbeatEvidenceDown")?;
    let mut bodies = Vec::new();
    for (group, text) in ["x", "&", "支", "<!channel>"].iter().enumerate() {
        let text = text.repeat(10_000 / text.len());
        for number in 0..47 {
            let mut alert = alert.clone().with("job", &format!("job{group}"));
            for label in ["probe", "evidence", "a", "b", "c", "d", "e", "f"] {
                alert = alert.with(label, &text);
            }
            alert = alert.with("instance", &format!("{number}{text}"));
            for annotation in ["summary", "description", "rests_on"] {
                alert.annotations.insert(annotation.into(), text.clone());
            }
            bodies.push(alert.json());
        }
    }
    told.alertmanager.post(&bodies).await?;
    for group in 0..4 {
        let slack = told.chats.message("slack", &format!("at job{group}")).await?.text();
        ensure!(slack.len() < SLACK_LIMIT, "{} bytes to Slack:\n{slack}", slack.len());
        // Beyond that WeCom takes none.
        let wecom = told.chats.message("wecom", &format!("at job{group}")).await?.text();
        ensure!(wecom.len() <= WECOM_LIMIT, "{} bytes to WeCom:\n{wecom}", wecom.len());
        for text in [slack, wecom] {
            ensure!(text.contains("and 37 more"), "{text}");
            ensure!(!text.contains('\u{fffd}'), "half a character: {text}");
            ensure!(text.lines().all(|line| !line.ends_with("&amp…`")), "half an escape: {text}");
        }
    }
    Ok(())
}
