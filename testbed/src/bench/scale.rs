//! What more costs: more rules, checks, counters and workers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::plan::{HttpVersion, Request};
use super::rounds::{Bench, Sample, order, ratios};
use super::setups::{envoy, listener, wasm};
use super::stats::Spread;
use crate::client::http;
use crate::envoy::Envoy;
use crate::tools::Tools;

/// The cost of a request against the number of something.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// What there is more and more of.
    pub of: &'static str,
    /// What the request is.
    pub request: &'static str,
    /// What the cost at each number is held against.
    pub against: &'static str,
    /// The cost at each number.
    pub points: Vec<Point>,
}

/// The cost at one number.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// How many.
    pub count: usize,
    /// Envoy's processor time, in microseconds a request.
    pub cpu_us: Spread,
    /// The same against what it is held against, round by round.
    pub ratio: Spread,
}

/// An Envoy, and the listener of it that is measured.
struct Target<'a> {
    count: usize,
    envoy: &'a Envoy,
    listener: String,
}

const ORDINARY: Request =
    Request { protocol: HttpVersion::Http1, path: "/orders/17", headers: &[], body: None };
const PROBE: Request = Request { path: "/up", ..ORDINARY };

/// Measures all series.
pub async fn measure(bench: &Bench, tools: &Tools) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for (of, request, sent, counts, config) in [
        ("rules", "ordinary GET", ORDINARY, [1, 10, 100, 1_000], rules as fn(usize) -> Value),
        ("counters that count it", "ordinary GET", ORDINARY, [0, 1, 10, 100], counters),
        ("checks that it rests on", "respond", PROBE, [0, 1, 10, 50], checks),
    ] {
        println!("==> scale: {of}");
        all.push(by_config(bench, tools, (of, request), &sent, &counts, config).await?);
    }
    println!("==> scale: workers");
    all.push(workers(bench, tools).await?);
    Ok(all)
}

/// One Envoy with a listener for each number.
async fn by_config(
    bench: &Bench,
    tools: &Tools,
    (of, request): (&'static str, &'static str),
    sent: &Request,
    counts: &[usize],
    config: fn(usize) -> Value,
) -> Result<Series> {
    let name = |count: &usize| format!("with_{count}");
    let listeners: Vec<_> = counts
        .iter()
        .map(|count| listener(&name(count), vec![wasm(&name(count), &config(*count))]))
        .collect();
    let envoy = envoy(tools, &listeners, &bench.upstream)?.start().await?;
    bench.cores.measure(envoy.id())?;
    let target = |count| Target { count, envoy: &envoy, listener: name(&count) };
    let targets: Vec<_> = counts.iter().copied().map(target).collect();
    for target in &targets {
        ready(target, sent).await?;
    }
    let samples = samples(bench, &targets, sent)?;
    let first = samples.first().context("there are no numbers")?;
    let point = |(target, own): (&Target<'_>, &Vec<Sample>)| point(target.count, own, first);
    let points = targets.iter().zip(&samples).map(point).collect::<Result<_>>()?;
    Ok(Series { of, request, against: "the first", points })
}

/// An Envoy for each number, all on the one core. More workers cost more without a
/// filter, too: each of them has its own connections to wait for.
async fn workers(bench: &Bench, tools: &Tools) -> Result<Series> {
    let listeners = [listener("none", vec![]), listener("ours", vec![wasm("ours", &rules(10))])];
    let mut envoys = Vec::new();
    for count in [1, 2, 4, 8] {
        let builder = envoy(tools, &listeners, &bench.upstream)?.workers(count);
        let envoy = builder.start().await?;
        bench.cores.measure(envoy.id())?;
        envoys.push((count, envoy));
    }
    let both = |(count, envoy)| {
        listeners.each_ref().map(|listener| Target {
            count,
            envoy,
            listener: listener.name.clone(),
        })
    };
    let targets: Vec<_> = envoys.iter().flat_map(|(count, envoy)| both((*count, envoy))).collect();
    let samples = samples(bench, &targets, &ORDINARY)?;
    let pairs = envoys.iter().zip(samples.chunks_exact(listeners.len()));
    let point = |((count, _), pair): (&(usize, Envoy), &[Vec<Sample>])| {
        let [none, ours] = pair else { bail!("a number has no pair") };
        point(*count, ours, none)
    };
    let points = pairs.map(point).collect::<Result<_>>()?;
    Ok(Series { of: "workers, on one core", request: "ordinary GET", against: "no filter", points })
}

/// Waits until requests succeed: checks have yet to be answered.
async fn ready(target: &Target<'_>, request: &Request) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let address = target.envoy.listener(&target.listener)?;
    let get = http::Request::new("GET", request.path);
    loop {
        let answer = http::fetch(address, &get).await?;
        if answer.status == 200 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} still answers {}: {}", target.listener, answer.status, answer.text());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Measures all targets, round by round.
fn samples(bench: &Bench, targets: &[Target<'_>], request: &Request) -> Result<Vec<Vec<Sample>>> {
    let mut count = u64::MAX;
    for target in targets {
        count = count.min(bench.calibrate(target.envoy, &target.listener, request)?);
    }
    let mut samples: Vec<Vec<Sample>> = targets.iter().map(|_| Vec::new()).collect();
    for round in 0..bench.effort.scale_rounds() {
        for index in order(round, targets.len()) {
            let target = &targets[index];
            samples[index].push(bench.sample(target.envoy, &target.listener, request, count)?);
        }
    }
    Ok(samples)
}

fn point(count: usize, own: &[Sample], against: &[Sample]) -> Result<Point> {
    let spread = |values: Vec<f64>| Spread::of(values).context("there was no round");
    Ok(Point {
        count,
        cpu_us: spread(own.iter().map(|sample| sample.cpu_us).collect())?,
        ratio: spread(ratios(own, against)?)?,
    })
}

/// So many rules, none of them for the request.
fn rules(count: usize) -> Value {
    let rule = |n: usize| {
        let key = if n.is_multiple_of(2) { "path" } else { "path_prefix" };
        json!({ "name": format!("p{n}"), "match": { key: format!("/health/{n}") } })
    };
    json!({ "probes": (0..count).map(rule).collect::<Vec<_>>() })
}

/// So many counters, all of them for the request.
fn counters(count: usize) -> Value {
    let counter = |n: usize| {
        json!({
            "name": format!("orders_{n}_total"),
            "when": {
                "request": { "path_prefix": "/orders" },
                "response": { "status": ["2xx"] },
            },
        })
    };
    json!({ "counters": (0..count).map(counter).collect::<Vec<_>>() })
}

/// A rule that rests on so many checks.
fn checks(count: usize) -> Value {
    let check = |n: usize| {
        json!({
            "name": format!("c{n}"),
            "http": { "cluster": "app", "path": "/ping" },
            "interval": "2s",
            "timeout": "1s",
        })
    };
    let item = |n: usize| json!({ "check": format!("c{n}") });
    json!({
        "probes": [{
            "name": "up",
            "match": { "path": "/up" },
            "action": "respond",
            "when": (0..count).map(item).collect::<Vec<_>>(),
        }],
        "checks": (0..count).map(check).collect::<Vec<_>>(),
    })
}
