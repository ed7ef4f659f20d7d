//! What `explain` says of the requests of scenarios is what a real Envoy does with them.
//!
//! They are all those of some files whose scenarios ask one thing after the other, with
//! configurations under which one request changes nothing for the next.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use heartbeat_core::Config;
use heartbeat_core::probe::Action;
use libtest_mimic::Trial;
use regex::Regex;
use serde_json::Value;
use testbed::app::record::Seen;
use testbed::client::grpc;
use testbed::client::http::{self, Version};
use testbed::client::tls::Identity;
use testbed::envoy::{Envoy, PluginConfig};
use testbed::metrics::Metrics;
use testbed::scenario::{self, Answer, Observed, Question, Scenario, observe};
use testbed::tools;

use crate::metrics;

const FILES: [&str; 4] = ["allow", "grpc_probes", "http_probes", "match"];
/// So many requests at least.
const ENOUGH: usize = 40;
/// How long counters may lag behind.
const LAG: Duration = Duration::from_secs(2);

pub fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let mut requests = 0;
    for file in scenario::read_all(&tools::scenarios())? {
        if !FILES.contains(&file.group.as_str()) {
            continue;
        }
        for scenario in file.scenarios.into_iter().filter(is_comparable) {
            requests += scenario.questions();
            let name = format!("requests::{}::{}", file.group, scenario.name);
            trials.push(crate::trial(name, move || crate::block_on(compare(scenario))));
        }
    }
    ensure!(requests >= ENOUGH, "only {requests} requests can be compared");
    println!("{requests} requests of scenarios");
    Ok(trials)
}

/// Whether its requests are single ones, and change nothing for those that follow.
fn is_comparable(scenario: &Scenario) -> bool {
    let config = match scenario.plugin_config() {
        PluginConfig::Text(text) => Config::parse(text.as_bytes()),
        PluginConfig::Absent => Config::parse(b""),
        _ => return false,
    };
    config.is_ok_and(|config| {
        scenario.asks_one_by_one()
            && config.checks.is_empty()
            && config.score.is_none()
            && config.probes.iter().all(|rule| {
                rule.limit.is_none()
                    && rule.breaker.is_none()
                    && rule.via_http.is_none()
                    && !matches!(rule.action, Action::Cache(_))
            })
    })
}

async fn compare(scenario: Scenario) -> Result<()> {
    let tools = crate::tools();
    let mut faults = Vec::new();
    let mut number = 0;
    observe(&scenario, &tools, async |envoy, observed| {
        let account = explain(envoy, &observed).with_context(|| observed.step.clone())?;
        let mut found = answer_faults(&account, &observed);
        found.extend(arrival_faults(&account, &observed, number == 0));
        found.extend(metric_faults(&account, &observed.before, envoy).await?);
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", observed.step)));
        number += 1;
        metrics::are_listed(envoy).await
    })
    .await?;
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// What is said of it.
fn explain(envoy: &Envoy, observed: &Observed) -> Result<Value> {
    let mut words = crate::words(["explain", "--format", "json"]);
    let mut say = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    match &observed.question {
        Question::Http(request, version) => {
            request.headers.iter().for_each(|(name, value)| say("-H", &format!("{name}: {value}")));
            let body = request.body.concat();
            say("--body", &String::from_utf8(body)?);
            say("--http", if *version == Version::Http2 { "2" } else { "1.1" });
        }
        Question::Grpc(call) => {
            say("--grpc", &format!("{:?}", call.method));
            say("--service", &call.service);
            call.metadata.iter().for_each(|(name, value)| say("-H", &format!("{name}: {value}")));
            if let Some(deadline) = call.deadline {
                say("-H", &format!("grpc-timeout: {}m", deadline.as_millis()));
            }
        }
    }
    // From the machine to itself.
    let from = observed.way.from.unwrap_or(envoy.http.ip());
    say("--from", &from.to_string());
    if let Some(Identity::Uri(id)) = &observed.way.r#as {
        say("--principal", id);
    }
    match &observed.of_application {
        None => say("--app", "timeout"),
        Some(Answer::Http(answer)) => {
            say("--app", &answer.status.to_string());
            let marks = answer.headers.iter().filter(|(name, _)| name.starts_with("x-"));
            marks.for_each(|(name, value)| say("--app-header", &format!("{name}: {value}")));
        }
        Some(Answer::Grpc(answer)) => {
            let said = answer.statuses.first().filter(|_| answer.code == "OK");
            match said {
                Some(status) => say("--app", status),
                None if answer.code == "OK" => {}
                None => say("--app", &answer.code),
            }
        }
    }
    let path = envoy.config_path();
    words.push(path.to_str().context("the path isn't UTF-8")?.to_owned());
    if let Question::Http(request, _) = &observed.question {
        words.extend([request.method.clone(), request.target.clone()]);
    }
    crate::json(&words)
}

type Headers = Vec<(String, String)>;

/// The headers in a part of an account.
fn headers(part: &Value) -> Headers {
    let headers = part["headers"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    headers.map(|header| (text(&header["name"]), text(&header["value"]))).collect()
}

fn has(headers: &Headers, name: &str, value: &str) -> bool {
    headers.iter().any(|(known, there)| known == name && there == value)
}

/// What is wrong with what the prober sees.
fn answer_faults(account: &Value, observed: &Observed) -> Vec<String> {
    let told = &account["prober"];
    let mut faults = Vec::new();
    let real = match &observed.answer {
        Answer::Http(answer) => {
            http_faults(told, answer, &mut faults);
            &answer.headers
        }
        Answer::Grpc(answer) => {
            call_faults(told, answer, &mut faults);
            &answer.metadata
        }
    };
    let is_call = matches!(observed.answer, Answer::Grpc(_));
    let of_call = |name: &str| is_call && (name.starts_with("grpc-") || name == "content-type");
    let told = headers(told);
    for (name, value) in told.iter().filter(|(name, _)| !of_call(name)) {
        if !has(real, name, value) {
            faults.push(format!("told, and not sent: {name}: {value}; but {real:?}"));
        }
    }
    // Envoy's own.
    let known = ["x-envoy-upstream-service-time"];
    let filters = |name: &str| name.starts_with("x-heartbeat-") || name.starts_with("x-envoy-");
    let real = real.iter().filter(|(name, _)| filters(name) && !known.contains(&name.as_str()));
    for (name, value) in real {
        if !has(&told, name, value) {
            faults.push(format!("sent, and not told: {name}: {value}"));
        }
    }
    faults
}

fn http_faults(told: &Value, real: &http::Response, faults: &mut Vec<String>) {
    static TIME: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").ok());
    let without_time = |text: &str| {
        TIME.as_ref().map_or_else(|| text.to_owned(), |it| it.replace_all(text, "").into_owned())
    };
    if told["status"] != real.status {
        faults.push(format!("told status {}, and it is {}", told["status"], real.status));
    }
    if let Some(body) = told["body"].as_str()
        && without_time(body) != without_time(&real.text())
    {
        faults.push(format!("told body {body:?}, and it is {:?}", real.text()));
    }
}

fn call_faults(told: &Value, real: &grpc::Answer, faults: &mut Vec<String>) {
    let code = told["grpc_status"].as_str().unwrap_or("OK");
    // A Watch that goes on is given up by its client.
    let goes_on = !real.statuses.is_empty() && code == "OK";
    if code != real.code && !goes_on {
        faults.push(format!("told {code}, and it is {}", real.code));
    }
    let serving = told["serving"].as_str();
    if let Some(first) = real.statuses.first()
        && serving != Some(first)
    {
        faults.push(format!("told {serving:?}, and it is {first}"));
    }
}

/// What is wrong with what the application sees.
fn arrival_faults(account: &Value, observed: &Observed, is_first: bool) -> Vec<String> {
    let told = &account["application"];
    let arrives = told["by"] == "app";
    let retries = told["retries"].as_str().and_then(|it| it.parse().ok()).unwrap_or(0);
    let seen = match observed.seen.as_slice() {
        [] if !arrives => return vec![],
        [first, again @ ..] if arrives && again.len() <= retries => first,
        seen => return vec![format!("told {told}, and it has seen {seen:?}")],
    };
    let mut faults = line_faults(told, seen);
    // Envoy's router adds and takes these, and clients of gRPC have their own.
    let of_envoy = [
        "host",
        "x-request-id",
        "x-forwarded-proto",
        "x-forwarded-for",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-internal",
        "x-envoy-external-address",
        "x-forwarded-client-cert",
        "content-length",
        "transfer-encoding",
        "grpc-timeout",
        "grpc-accept-encoding",
    ];
    let is_call = matches!(observed.question, Question::Grpc(_));
    let counts = |name: &str| {
        !(of_envoy.contains(&name)
            || is_call && name == "user-agent"
            // What is known of a cluster after one request is unknown before it.
            || !is_first && name == "connection")
    };
    let mut told_headers = headers(told);
    let mut real = seen.headers.clone();
    for headers in [&mut told_headers, &mut real] {
        headers.retain(|(name, _)| counts(name));
        headers.sort();
    }
    if told_headers != real {
        faults.push(format!("the application sees {real:?}, told {told_headers:?}"));
    }
    faults
}

fn line_faults(told: &Value, seen: &Seen) -> Vec<String> {
    let line = format!("{} {}", seen.method, seen.target);
    let told_line = [&told["method"], &told["target"]].map(|it| it.as_str().unwrap_or_default());
    let mut faults = Vec::new();
    if told_line.join(" ") != line {
        faults.push(format!("told {}, and it is {line}", told_line.join(" ")));
    }
    let expected = seen.headers.iter().find(|(name, _)| name == "x-envoy-expected-rq-timeout-ms");
    let timeout = told["timeout"].as_str().and_then(|it| it.strip_suffix(" ms"));
    if let (Some(timeout), Some((_, expected))) = (timeout, expected)
        && timeout != expected
    {
        faults.push(format!("told a timeout of {timeout} ms, and it is {expected}"));
    }
    faults
}

/// What is wrong with which rule has taken it, and how it ended.
async fn metric_faults(account: &Value, before: &Metrics, envoy: &Envoy) -> Result<Vec<String>> {
    const NAME: &str = "heartbeat_probe_total";
    let rises = account["metrics"].as_array().into_iter().flatten();
    let told = rises.filter_map(|rise| rise["series"].as_str());
    let mut told: Vec<_> = told.filter(|it| it.starts_with(NAME)).map(str::to_owned).collect();
    told.sort();
    let deadline = tokio::time::Instant::now() + LAG;
    loop {
        let now = envoy.prometheus().await?;
        let value = |series: &str| before.get(series).map(Option::unwrap_or_default);
        let mut risen = Vec::new();
        for (series, count) in now.series(NAME) {
            if count > value(&series)? {
                risen.push(series);
            }
        }
        risen.sort();
        if risen == told {
            return Ok(vec![]);
        }
        if tokio::time::Instant::now() > deadline {
            return Ok(vec![format!("told that {told:?} rise, and {risen:?} do")]);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
