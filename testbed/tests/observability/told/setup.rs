//! The shipped Alertmanager, made to tell stand-ins, and soon.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::prometheus::{Alertmanager, shipped};

use super::chats::{Chats, SLACK_PATH, WECOM_SECRET};

/// In place of half a minute and five: nobody waits that long here.
const GROUP_WAIT: &str = "1s";
const GROUP_INTERVAL: &str = "2s";

/// An Alertmanager, and whoever it tells.
pub struct Told {
    pub chats: Chats,
    pub alertmanager: Alertmanager,
    pub secrets: TempDir,
}

impl Told {
    /// With the shipped configuration, and `change`d.
    pub async fn start(change: impl FnOnce(&mut Value)) -> Result<Self> {
        let chats = Chats::start().await?;
        let secrets = tempfile::tempdir()?;
        write_secrets(secrets.path(), &chats)?;
        let mut config = config(secrets.path(), &chats)?;
        change(&mut config);
        let alertmanager = Alertmanager::start(&crate::tools(), &config).await?;
        Ok(Self { chats, alertmanager, secrets })
    }
}

/// What the configuration looks for in its folder of secrets.
fn write_secrets(folder: &Path, chats: &Chats) -> Result<()> {
    std::fs::write(folder.join("slack-url"), format!("http://{}{SLACK_PATH}\n", chats.address))?;
    let defined = format!(r#"{{{{ define "wecom.secret" }}}}{WECOM_SECRET}{{{{ end }}}}"#);
    std::fs::write(folder.join("wecom.tmpl"), format!("{defined}\n"))?;
    Ok(())
}

/// The shipped configuration with the secrets of `folder`, for `chats`.
fn config(folder: &Path, chats: &Chats) -> Result<Value> {
    let text = std::fs::read_to_string(shipped().join("alertmanager.yml"))?;
    let mut config: Value = serde_saphyr::from_str(&text)?;
    config["route"]["group_wait"] = json!(GROUP_WAIT);
    config["route"]["group_interval"] = json!(GROUP_INTERVAL);
    config["global"]["wechat_api_url"] = json!(format!("http://{}/cgi-bin/", chats.address));
    for template in config["templates"].as_array_mut().into_iter().flatten() {
        let name = template.as_str().context("odd templates")?;
        *template = json!(moved(name, folder).unwrap_or_else(|| shipped().join(name)));
    }
    let mut replaced = 0;
    for receiver in config["receivers"].as_array_mut().into_iter().flatten() {
        if let Some(file) = receiver.pointer_mut("/slack_configs/0/api_url_file") {
            let name = file.as_str().context("odd file")?;
            *file = json!(moved(name, folder).context("Slack's secret stands elsewhere")?);
            replaced += 1;
        }
        if let Some(url) = receiver.pointer_mut("/webhook_configs/0/url") {
            let text = url.as_str().context("odd URL")?;
            *url = json!(text.replace("127.0.0.1:9095", &chats.address.to_string()));
            replaced += 1;
        }
    }
    ensure!(replaced == 3, "{replaced} receivers were found, and not the three");
    Ok(config)
}

/// A path in the shipped folder of secrets, in another folder.
fn moved(path: &str, folder: &Path) -> Option<std::path::PathBuf> {
    Some(folder.join(path.strip_prefix("/etc/alertmanager/secrets/")?))
}
