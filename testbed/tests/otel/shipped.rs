//! The shipped files, through the collector's own check.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::Value;
use testbed::envoy::port;
use testbed::prometheus::dashboard::Dashboard;
use testbed::prometheus::rules;
use tokio::io::AsyncReadExt;

use crate::Test;
use crate::collector::validate;
use crate::config::{self, ENDPOINT};

pub fn trials() -> Vec<Test> {
    vec![
        ("shipped::the_collector_takes_the_files", taken),
        ("shipped::an_endpoint_that_is_none_is_refused_and_named", endpoints_are_checked),
        ("shipped::the_scheme_of_the_endpoint_decides_on_tls", || {
            crate::alone(the_scheme_decides())
        }),
        ("shipped::what_rules_and_panels_ask_for_is_kept", all_is_kept),
        ("shipped::both_files_keep_the_same", both_keep_the_same),
    ]
}

fn taken() -> Result<()> {
    let files = config::files();
    for files in [&files[..1], &files[..]] {
        let output = validate(files, &[])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn endpoints_are_checked() -> Result<()> {
    for (endpoint, why) in [
        ("", r#"exporters::otlp_grpc: requires a non-empty "endpoint""#),
        ("a:b:c", "exporters::otlp_grpc::clientconfig: address a:b:c: too many colons in address"),
    ] {
        let output = validate(&config::files()[..1], &[(ENDPOINT, endpoint)])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success(), "{endpoint:?} is taken");
        ensure!(said.contains(why), "{endpoint:?}: {said}");
    }
    Ok(())
}

async fn the_scheme_decides() -> Result<()> {
    // A handshake of TLS, and HTTP/2 in plain text.
    for (scheme, greeting) in [("https://", &b"\x16\x03"[..]), ("http://", b"PRI "), ("", b"PRI ")]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let endpoint = format!("{scheme}{address}");
        let envoy = SocketAddr::from(([127, 0, 0, 1], port::choose()?));
        let _collector = config::start_with(&crate::tools(), envoy, &endpoint).await?;
        let (mut connection, _) = tokio::time::timeout(crate::TIMEOUT, listener.accept()).await??;
        let mut said = vec![0; greeting.len()];
        connection.read_exact(&mut said).await?;
        ensure!(said == greeting, "{endpoint}: it begins with {said:?}");
    }
    Ok(())
}

/// Whatever a rule or a panel asks for by its name.
pub fn asked_for() -> Result<BTreeSet<String>> {
    let rules = rules::all()?.into_iter().map(|rule| rule.expr);
    let panels = Dashboard::read()?.queries().into_iter().map(|query| query.expression);
    let asked: BTreeSet<_> = rules.chain(panels).flat_map(|expr| metrics(&expr)).collect();
    ensure!(asked.len() > 20, "only {asked:?}");
    Ok(asked)
}

fn all_is_kept() -> Result<()> {
    let kept = Regex::new(&format!("^(?:{})$", kept()?[0]))?;
    let lost: Vec<_> = asked_for()?.into_iter().filter(|name| !kept.is_match(name)).collect();
    ensure!(lost.is_empty(), "asked for, and not kept: {}", lost.join(", "));
    Ok(())
}

/// The metrics that a PromQL expression names, without recorded ones.
fn metrics(expr: &str) -> Vec<String> {
    let labels = r"\{[^}]*\}|\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)";
    let strings = r#""[^"]*""#;
    let expr = Regex::new(&format!("{labels}|{strings}")).map(|it| it.replace_all(expr, " "));
    let name = Regex::new(r"[a-z_][a-z0-9_:]*");
    let (Ok(expr), Ok(name)) = (expr, name) else { return vec![] };
    let names = name.find_iter(&expr).map(|found| found.as_str());
    let ours = ["heartbeat_", "app_health_", "payment_request_", "envoy_", "istio_"];
    let ours = |name: &&str| ours.iter().any(|it| name.starts_with(it)) && !name.contains(':');
    names.filter(ours).map(str::to_owned).collect()
}

fn both_keep_the_same() -> Result<()> {
    let [stock, istio] = kept()?;
    let more = istio.strip_prefix(&stock);
    ensure!(more == Some("|envoy_cluster_upstream_rq"), "{stock}\nand\n{istio}");
    Ok(())
}

/// The regexes of what is kept, of both files.
fn kept() -> Result<[String; 2]> {
    let path = "/receivers/prometheus/config/scrape_configs/0/metric_relabel_configs";
    let [stock, istio] = config::read()?.map(|config| {
        let rules = config.pointer(path).and_then(Value::as_array);
        let keep = rules.and_then(|rules| rules.iter().find(|rule| rule["action"] == "keep"));
        let regex = keep.and_then(|keep| keep["regex"].as_str());
        regex.map(str::to_owned).context("it keeps everything")
    });
    Ok([stock?, istio?])
}
