//! The policy as it is shipped.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use testbed::client::http::Request;
use testbed::tools::Tools;

use crate::bed::Bed;
use crate::image::Form;
use crate::policy::Policy;
use crate::web::Server;

/// The balancer is answered, and the application gets everything else. The policy is there
/// before Envoy Gateway starts.
pub async fn from_an_image(tools: &Tools, form: Form) -> Result<()> {
    let mut bed = Bed::prepare(tools, form, &json!({}))?;
    bed.gateway.apply("policy", &Policy::shipped(&bed.image)?.to_string())?;
    bed.gateway.start().await?;
    works(&bed).await
}

/// The same, fetched from a web server.
pub async fn from_a_web_server(tools: &Tools) -> Result<()> {
    let module = tools.module()?;
    let checksum = Sha256::digest(std::fs::read(module)?);
    let checksum: String = checksum.iter().map(|it| format!("{it:02x}")).collect();
    let server = Server::start(tools, module.parent().context("it is in no folder")?)?;
    let url = format!("{}/heartbeat_filter.wasm", server.url);
    let mut bed = Bed::prepare(tools, Form::Image, &json!({}))?;
    let code = json!({ "type": "HTTP", "http": { "url": url, "sha256": checksum } });
    let policy = Policy::shipped(&bed.image)?.with("/spec/wasm/0/code", code)?;
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.gateway.start().await?;
    works(&bed).await
}

async fn works(bed: &Bed) -> Result<()> {
    bed.answers("/lb-health", 200).await?;
    bed.took_all().await?;
    bed.application.take_seen().await?;
    // Three times the burst that the rule allows.
    for _ in 0..150 {
        let answer = bed.get("/lb-health").await?;
        let ready = answer.headers.iter().any(|it| it.0 == "x-heartbeat-status" && it.1 == "ready");
        ensure!(answer.status == 200 && ready, "{} {:?}", answer.status, answer.headers);
    }
    let head = bed.send(&Request::new("HEAD", "/lb-health")).await?;
    ensure!(head.status == 200 && head.body.is_empty(), "HEAD: {}", head.status);
    let seen = bed.application.take_seen().await?;
    ensure!(seen.is_empty(), "the application was asked: {seen:?}");

    bed.send(&Request::new("POST", "/lb-health")).await?;
    bed.send(&Request::new("GET", "/orders/1").header("x-heartbeat-probe", "forged")).await?;
    let seen = bed.application.take_seen().await?;
    let targets: Vec<_> = seen.iter().map(|it| format!("{} {}", it.method, it.target)).collect();
    ensure!(targets == ["POST /lb-health", "GET /orders/1"], "the application saw {targets:?}");
    let forged = |it: &(String, String)| it.0 == "x-heartbeat-probe";
    let forged = seen.iter().flat_map(|it| &it.headers).any(forged);
    ensure!(!forged, "a forged marker came through: {seen:?}");
    Ok(())
}
