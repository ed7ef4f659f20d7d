//! Configurations of the hub that are wrong.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::envoy::{PluginConfig, Refused, Reloaded};
use testbed::mesh::{self, Hub, Source, version_of};

use crate::polls::instance;
use crate::stack::{SOON, assignment, config};
use crate::trial;
use crate::verdicts::becomes;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("refused::at_the_start_envoy_ends_and_names_each_mistake", at_the_start),
        trial("refused::in_an_update_the_old_one_stays_at_work", in_an_update),
    ]
}

/// A configuration with two mistakes, and what is said of them: place and mend.
fn wrong() -> (Value, [&'static str; 3]) {
    let patch = json!({ "hold": "2m", "quorum": "50%" });
    let said = [
        "heartbeat-hub: configuration refused, 2 mistakes:",
        r#"heartbeat-hub: hold: "2m" is out of range; write "1s" to "60s""#,
        "heartbeat-hub: quorum: unknown key",
    ];
    (config(&[instance()], &patch), said)
}

fn ensure_said(log: &str, said: &[&str]) -> Result<()> {
    for words in said {
        ensure!(log.contains(words), "it isn't said: {words}\n{log}");
    }
    Ok(())
}

async fn at_the_start() -> Result<()> {
    let authority = mesh::authority()?;
    let (wrong, said) = wrong();
    for (config, said) in [
        (wrong.to_string(), &said[..]),
        ("{".into(), &["heartbeat-hub: configuration refused, 1 mistake:"]),
        (String::new(), &["heartbeat-hub: configuration refused"]),
    ] {
        let builder = mesh::envoy_of_hub(&crate::tools(), &authority, &json!({}))?;
        let builder = builder.plugin_config(PluginConfig::Text(config.clone()));
        let error = match Hub::start(builder).await {
            Ok(_) => anyhow::bail!("Envoy starts with {config}"),
            Err(error) => error,
        };
        let Some(Refused { log, .. }) = error.downcast_ref() else { return Err(error) };
        ensure_said(log, said)?;
        ensure!(!log.contains("Proxy-Wasm plugin in-VM") && !log.contains("panicked"), "{log}");
    }
    Ok(())
}

async fn in_an_update() -> Result<()> {
    let authority = mesh::authority()?;
    let right = config(&[instance()], &json!({}));
    let builder = mesh::envoy_of_hub(&crate::tools(), &authority, &right)?;
    let mut hub = Hub::start(builder.dynamic(true)).await?;
    let mut source = Source::new(1, hub.people);
    source.says(instance(), "fail").await?;
    becomes(&hub, instance(), "dead", SOON).await?;
    let version = version_of(&assignment(&hub, "gateway-1", None).await?);
    let (wrong, said) = wrong();
    let reloaded = hub.envoy.reload(&PluginConfig::Text(wrong.to_string())).await?;
    ensure!(reloaded == Reloaded::Refused, "{reloaded:?}");
    ensure_said(&hub.envoy.log()?, &said)?;
    let now = version_of(&assignment(&hub, "gateway-1", None).await?);
    ensure!(now == version, "{now:?} and not {version:?}");
    source.says(instance(), "pass").await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    // And a right one is taken after it.
    let reloaded = hub.envoy.reload(&PluginConfig::Text(right.to_string())).await?;
    ensure!(reloaded == Reloaded::Taken, "{reloaded:?}");
    Ok(())
}
