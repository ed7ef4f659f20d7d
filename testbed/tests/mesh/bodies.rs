//! Bodies of requests that Envoy doesn't show, or not at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::json;
use testbed::client::http;
use testbed::envoy::EnvoyBuilder;
use testbed::mesh::{Hub, Source, discovery, event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::polls::instance;
use crate::stack::{is_well, lone_hub};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("bodies::where_envoy_shows_none_each_is_told_which_setting_is_missing", hidden),
        trial("bodies::one_that_comes_late_is_waited_for", late),
    ]
}

const SETTING: &str = "allow_on_headers_stop_iteration";

/// The hub as a plugin that can't be given the setting.
fn without_setting(builder: EnvoyBuilder) -> EnvoyBuilder {
    builder.workers(1).patch_hcm(&json!({ "http_filters": [{ "name": "heartbeat_hub",
        "typed_config": { "config": { "allow_on_headers_stop_iteration": null } } }] }))
}

async fn hidden() -> Result<()> {
    let hub = lone_hub(&[instance()], &json!({}), without_setting).await?;
    let mut source = Source::new(1, hub.people);
    let start = Instant::now();
    for events in [json!(event(instance(), "pass")), json!(vec![event(instance(), "pass"); 400])] {
        let answer = source.post(&events).await?;
        let text = answer.text();
        ensure!(answer.status == 500 && text.contains(SETTING), "{} {text}", answer.status);
    }
    let answer = http::fetch(hub.people, &discovery("gateway-1", "payments", None)).await?;
    let text = answer.text();
    ensure!(answer.status == 500 && text.contains(SETTING), "{} {text}", answer.status);
    ensure!(start.elapsed() < Duration::from_secs(6), "after {:?}", start.elapsed());
    // What has no body is answered as ever.
    for path in ["/mesh/v1/ready", "/mesh/v1/health/payments"] {
        let answer = hub.get(path).await?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text());
    }
    let log = hub.envoy.log()?;
    let told: Vec<_> = log.lines().filter(|line| line.contains(SETTING)).collect();
    ensure!(matches!(told[..], [line] if line.contains("[error]")), "{told:?}");
    ensure!(!log.contains("Proxy-Wasm plugin in-VM") && !log.contains("[critical]"), "{log}");
    Ok(())
}

async fn late() -> Result<()> {
    let hub = lone_hub(&[instance()], &json!({}), |builder| builder.workers(1)).await?;
    let body = event(instance(), "pass").to_string();
    let answer = slow_post(&hub, &body, Duration::from_millis(2_500)).await?;
    ensure!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    is_well(&hub).await
}

/// Posts an event, the body so much later than the head.
async fn slow_post(hub: &Hub, body: &str, pause: Duration) -> Result<String> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind((Source::address(1), 0).into())?;
    let mut stream: TcpStream = socket.connect(hub.people).await?;
    let head = format!(
        "POST /mesh/v1/health/events HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    tokio::time::sleep(pause).await;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.context("no answer")?;
    Ok(answer)
}
