//! What istiod sends, beside what the testbed's own control plane does
//! (testbed/tests/istiod), which must be its like.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::app::Application;
use testbed::tools::Tools;

use crate::istiod::Istiod;
use crate::proxy::{Proxy, Role};
use crate::sidecar::{Form, LISTENER};
use crate::wasm_plugin::{TYPE_URLS, WasmPlugin};
use crate::workload;

/// The extension, and the filter that asks for it.
pub async fn alike(tools: &Tools) -> Result<()> {
    let application = Application::start(tools)?;
    let istiod = Istiod::start(tools).await?;
    istiod
        .apply(&workload::inbound(&LISTENER.ip().to_string(), application.addresses.http)?)
        .await?;
    istiod.apply(&Form::WasmPlugin.shipped(tools)?.to_string()).await?;
    let proxy = Proxy::start(tools, &istiod, Role::Sidecar, LISTENER).await?;
    proxy.answers("/readyz", 200).await?;

    let ours = WasmPlugin::shipped(tools.module()?)?;
    let dump = proxy.dump("ecds_filters").await?;
    let mut theirs = dump["configs"][0]["ecds_filter"].clone();
    let mut own = ours.to_json();
    for extension in [&mut theirs, &mut own] {
        // One string of JSON may be written in several ways.
        let text = extension.pointer_mut("/typed_config/config/configuration/value");
        let text = text.context("no configuration")?;
        *text = serde_json::from_str(text.as_str().unwrap_or_default())?;
    }
    ensure!(theirs == own, "istiod sends\n{theirs:#}\nand the testbed\n{own:#}");

    let filters = proxy.dump("dynamic_listeners").await?;
    let mut asking = vec![];
    discoveries(&filters, &mut asking);
    let asking = asking.iter().find(|it| it["name"] == ours.resource.as_str());
    let types = &asking.with_context(|| format!("no filter {}", ours.resource))?["config_discovery"]
        ["type_urls"];
    ensure!(*types == serde_json::json!(TYPE_URLS), "other types: {types}");
    proxy.envoy.stop()
}

fn discoveries(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            if object.contains_key("config_discovery") {
                found.push(value.clone());
            }
            object.values().for_each(|it| discoveries(it, found));
        }
        Value::Array(list) => list.iter().for_each(|it| discoveries(it, found)),
        _ => {}
    }
}
