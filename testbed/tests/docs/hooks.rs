//! The preStop hooks that pages tell of: each drains the Envoy of its page.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testbed::client::http::{self, Request};
use testbed::envoy::{Envoy, EnvoyBuilder};
use testbed::manifest::Manifest;
use testbed::page::Block;
use testbed::tools::Tools;

/// The admin port in the pages.
const ADMIN_PORT: &str = "9901";

/// What a hook must at least wait, for balancers to go elsewhere, once it has begun the drain.
const WAIT: Duration = Duration::from_secs(5);

/// The hook of a block that shows nothing but that, with its `lifecycle`.
pub fn fragment(yaml: &Value) -> Option<&Value> {
    yaml.get("lifecycle")
}

/// A Deployment around such a fragment, for the schema to look at.
pub fn in_deployment(lifecycle: &Value) -> Value {
    let container = json!({ "name": "app", "image": "app", "lifecycle": lifecycle });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "app" },
        "spec": {
            "selector": { "matchLabels": { "app": "app" } },
            "template": {
                "metadata": { "labels": { "app": "app" } },
                "spec": { "containers": [container] },
            },
        },
    })
}

/// The hooks in a block.
pub fn of(block: &Block) -> Vec<Value> {
    let documents = match Manifest::parse(&block.text) {
        Ok(manifests) => manifests.iter().map(|manifest| manifest.value().clone()).collect(),
        Err(_) => serde_saphyr::from_str::<Value>(&block.text).ok().into_iter().collect::<Vec<_>>(),
    };
    let fragments = documents.iter().filter_map(fragment);
    let containers = documents.iter().filter_map(|it| it.pointer("/spec/template/spec/containers"));
    let containers = containers.filter_map(Value::as_array).flatten();
    let lifecycles = fragments.chain(containers.filter_map(|it| it.get("lifecycle")));
    lifecycles.filter_map(|it| it.get("preStop")).cloned().collect()
}

/// Runs a hook beside an Envoy with the configuration `envoy`, which must drain at once, and
/// go on serving until the hook is over.
pub async fn drains(hook: &Value, envoy: Value, tools: &Tools) -> Result<()> {
    let drain_port = hook.pointer("/httpGet/port");
    let listener = drain_port.map(|port| listener_on(&envoy, port)).transpose()?;
    let envoy = EnvoyBuilder::from_config(tools, envoy).start().await?;
    ensure!(envoy.admin_get("/ready").await? == "LIVE\n", "Envoy isn't live");
    let hook = async {
        let begun = Instant::now();
        match listener {
            Some(listener) => ask(hook, &envoy, &listener).await?,
            None => execute(hook, &envoy).await?,
        }
        ensure!(begun.elapsed() > WAIT, "the hook ended after {:?}", begun.elapsed());
        Ok(())
    };
    let meanwhile = async {
        tokio::time::sleep(WAIT).await;
        // While it drains, its answer isn't 200.
        http::fetch(envoy.admin, &Request::new("GET", "/ready")).await
    };
    let (waited, ready) = tokio::join!(hook, meanwhile);
    waited?;
    ensure!(ready?.text() == "DRAINING\n", "it doesn't drain while the hook waits");
    Ok(())
}

/// The name of the listener on a port.
fn listener_on(envoy: &Value, port: &Value) -> Result<String> {
    let listeners = envoy.pointer("/static_resources/listeners").and_then(Value::as_array);
    let on_port = |it: &&Value| it.pointer("/address/socket_address/port_value") == Some(port);
    let found = listeners.into_iter().flatten().find(on_port);
    let name = found.and_then(|it| it["name"].as_str());
    Ok(name.with_context(|| format!("no listener on port {port}"))?.to_owned())
}

/// As kubelet asks an `httpGet` hook.
async fn ask(hook: &Value, envoy: &Envoy, listener: &str) -> Result<()> {
    let path = hook.pointer("/httpGet/path").and_then(Value::as_str).unwrap_or("/");
    let answer = http::fetch(envoy.listener(listener)?, &Request::new("GET", path)).await?;
    ensure!((200..400).contains(&answer.status), "{path}: {}", answer.status);
    Ok(())
}

/// As kubelet runs an `exec` hook, on this Envoy's admin port.
async fn execute(hook: &Value, envoy: &Envoy) -> Result<()> {
    let words = hook.pointer("/exec/command").and_then(Value::as_array);
    let words: Vec<String> = words
        .context("neither httpGet nor exec")?
        .iter()
        .filter_map(Value::as_str)
        .map(|word| word.replace(ADMIN_PORT, &envoy.admin.port().to_string()))
        .collect();
    let [program, arguments @ ..] = words.as_slice() else { bail!("an empty command") };
    let mut command = Command::new(program);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
