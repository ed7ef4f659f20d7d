//! Secrets stand in files of their own.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use regex::Regex;
use testbed::prometheus::shipped;

use super::cases;
use super::chats::WECOM_SECRET;
use super::setup::Told;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("the_shipped_configuration_holds_no_secret", no_secret),
        crate::trial("wecoms_secret_is_of_a_file_and_its_token_is_used_again", || {
            crate::block_on(token())
        }),
        crate::trial("chats_without_their_secrets_keep_nobody_else_from_being_told", || {
            crate::block_on(without_secrets())
        }),
    ]
}

fn no_secret() -> Result<()> {
    let text = std::fs::read_to_string(shipped().join("alertmanager.yml"))?;
    let secret = Regex::new("(?m)^[ -]*(api_url|api_secret|password|credentials|.*_key): *(.*)$")?;
    let plain = secret.captures_iter(&text).find(|it| !it[2].contains("{{ template "));
    ensure!(plain.is_none(), "{plain:?}");
    ensure!(!text.contains("hooks.slack.com"), "an address of Slack's");
    Ok(())
}

async fn token() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let alert = cases::one("HeartbeatProbeFailing")?;
    for job in ["job1", "job2"] {
        told.alertmanager.post(&[alert.clone().with("job", job).json()]).await?;
        told.chats.message("wecom", job).await?;
    }
    let logins = told.chats.logins();
    let good = ("ww0123456789abcdef".to_owned(), WECOM_SECRET.to_owned());
    ensure!(logins == [good], "{logins:?}");
    Ok(())
}

async fn without_secrets() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let slack = told.secrets.path().join("slack-url");
    let address = std::fs::read(&slack)?;
    std::fs::remove_file(&slack)?;
    let alert = cases::one("HeartbeatProbeFailing")?;
    told.alertmanager.post(&[alert.json()]).await?;
    told.chats.message("page", alert.name()).await?;
    told.chats.message("wecom", alert.name()).await?;
    ensure!(told.chats.messages_to("slack").is_empty(), "Slack was told without its address");
    // It is read anew for each message.
    std::fs::write(&slack, address)?;
    told.alertmanager.post(&[alert.with("instance", "another").json()]).await?;
    told.chats.message("slack", "another").await?;
    let log = told.alertmanager.log()?;
    ensure!(log.contains("slack-url: no such file"), "it is silent:\n{log}");
    Ok(())
}
