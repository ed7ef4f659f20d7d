//! What Envoy remembers: how much a worker's VM takes, and whether anything grows.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::json;

use super::cpu::cpu_time;
use super::plan::{Request, workloads};
use super::rounds::Bench;
use super::setups::{Listener, contenders, envoy, listener, wasm};
use super::stats::Spread;
use crate::envoy::memory::bytes_of;
use crate::envoy::{Envoy, PluginConfig, Reloaded};
use crate::tools::Tools;

/// What memory and time the module takes that no request pays for.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// What Envoy's start costs, in milliseconds of processor time until it serves.
    pub start_ms_without: Spread,
    /// The same with the module: loaded, compiled and configured.
    pub start_ms_with: Spread,
    /// From a new configuration to the moment when all workers have it, in milliseconds.
    /// It is asked for every few milliseconds, so it may be a little less.
    pub reload_ms: Spread,
    /// Envoy's own memory with one worker, in bytes.
    pub own_without: u64,
    /// The same with the module.
    pub own_with: u64,
    /// What each worker more takes, in bytes.
    pub worker_without: f64,
    /// The same with the module: the rest is the worker's VM.
    pub worker_with: f64,
    /// Memory over requests of all kinds.
    pub requests: Growth,
    /// Memory over reloads.
    pub reloads: Growth,
}

/// Memory over something that is done again and again.
#[derive(Debug, Serialize)]
pub struct Growth {
    /// How often it was done.
    pub count: u64,
    /// How often until then, and Envoy's own memory then, in bytes. The first point
    /// comes when everything has been done some times.
    pub points: Vec<(u64, u64)>,
}

impl Growth {
    /// How much was taken since the first point, in bytes.
    pub fn grown(&self) -> f64 {
        match (self.points.first(), self.points.last()) {
            (Some((_, first)), Some((_, last))) => *last as f64 - *first as f64,
            _ => f64::NAN,
        }
    }
}

/// The memory that is an Envoy's own, in bytes: not the pages of its program, of which
/// now more and now fewer are mapped. Counted page by page: the number in
/// `/proc/<id>/status` is an estimate.
fn own_memory(envoy: &Envoy) -> Result<u64> {
    let path = format!("/proc/{}/smaps_rollup", envoy.id());
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
    bytes_of(&text, "Anonymous").with_context(|| format!("{path} doesn't say what is anonymous"))
}

/// Between these two numbers of workers each one more takes memory anew: the VMs of the
/// first dozen have room in what the compiler of the module has left behind.
const WORKERS: [u32; 2] = [17, 33];

/// Measures all of it.
pub async fn measure(bench: &Bench, tools: &Tools) -> Result<Memory> {
    println!("==> memory: {} starts", bench.effort.starts());
    let without = || vec![listener("none", vec![])];
    let with: Vec<Listener> =
        contenders().into_iter().filter(|listener| listener.name == "ours").collect();
    let (mut start_without, mut start_with) = (Vec::new(), Vec::new());
    for _ in 0..bench.effort.starts() {
        start_without.push(start(bench, tools, &without()).await?);
        start_with.push(start(bench, tools, &with).await?);
    }
    let [own_without, worker_without] = by_workers(bench, tools, &without()).await?;
    let [own_with, worker_with] = by_workers(bench, tools, &with).await?;
    let requests = over_requests(bench, tools, &with).await?;
    let (reloads, times) = over_reloads(bench, tools).await?;
    let spread = |values| Spread::of(values).context("nothing was started");
    Ok(Memory {
        start_ms_without: spread(start_without)?,
        start_ms_with: spread(start_with)?,
        reload_ms: spread(times)?,
        own_without: own_without as u64,
        own_with: own_with as u64,
        worker_without,
        worker_with,
        requests,
        reloads,
    })
}

/// The processor time, in milliseconds, until an Envoy serves.
async fn start(bench: &Bench, tools: &Tools, listeners: &[Listener]) -> Result<f64> {
    let envoy = envoy(tools, listeners, &bench.upstream)?.start().await?;
    Ok(cpu_time(envoy.id())?.as_secs_f64() * 1e3)
}

/// The memory of an Envoy with one worker, and that of each worker more.
async fn by_workers(bench: &Bench, tools: &Tools, listeners: &[Listener]) -> Result<[f64; 2]> {
    let one = with_workers(bench, tools, listeners, 1).await?;
    let [few, many] = WORKERS;
    let less = with_workers(bench, tools, listeners, few).await?;
    let more = with_workers(bench, tools, listeners, many).await?;
    Ok([one, (more - less) / f64::from(many - few)])
}

async fn with_workers(
    bench: &Bench,
    tools: &Tools,
    listeners: &[Listener],
    workers: u32,
) -> Result<f64> {
    let builder = envoy(tools, listeners, &bench.upstream)?.workers(workers as usize);
    let envoy = builder.start().await?;
    let ordinary = ordinary()?;
    // Each worker is to have had something to do.
    for _ in 0..workers {
        bench.load.run(envoy.http, &ordinary, 200)?;
    }
    Ok(own_memory(&envoy)? as f64)
}

fn ordinary() -> Result<Request> {
    workloads().first().map(|workload| workload.request).context("there are no workloads")
}

/// Lets requests of all kinds pass, by turns.
async fn over_requests(bench: &Bench, tools: &Tools, with: &[Listener]) -> Result<Growth> {
    /// How often each kind has its turn, and memory is read.
    const TURNS: u64 = 10;
    let count = bench.effort.requests();
    println!("==> memory: {count} requests");
    let envoy = start_measured(bench, tools, with).await?;
    let requests: Vec<Request> = workloads().iter().map(|workload| workload.request).collect();
    let each = (count / TURNS).div_ceil(requests.len() as u64);
    let mut points = Vec::new();
    let mut sent = 0;
    for _ in 0..TURNS {
        for request in &requests {
            bench.load.run(envoy.http, request, each)?;
            sent += each;
        }
        points.push((sent, own_memory(&envoy)?));
    }
    Ok(Growth { count: sent, points })
}

async fn start_measured(bench: &Bench, tools: &Tools, with: &[Listener]) -> Result<Envoy> {
    let envoy = envoy(tools, with, &bench.upstream)?.start().await?;
    bench.cores.measure(envoy.id())?;
    Ok(envoy)
}

/// Configures the filter anew again and again, with requests in between.
async fn over_reloads(bench: &Bench, tools: &Tools) -> Result<(Growth, Vec<f64>)> {
    let count = bench.effort.reloads();
    println!("==> memory: {count} reloads");
    let config = |name: &str| {
        json!({
            "probes": [
                { "name": name, "match": { "path": "/up" }, "action": "respond" },
                { "name": "lb", "match": { "path": "/lb" }, "action": "cache" },
            ],
            "counters": [{ "name": "paid", "when": { "request": { "path_prefix": "/" } } }],
        })
    };
    let listeners = [listener("ours", vec![wasm("ours", &config("up"))])];
    let mut envoy = envoy(tools, &listeners, &bench.upstream)?.dynamic(true).start().await?;
    bench.cores.measure(envoy.id())?;
    let ordinary = ordinary()?;
    let (mut points, mut times) = (Vec::new(), Vec::new());
    for reload in 1..=count {
        let name = if reload % 2 == 0 { "up" } else { "alive" };
        let text = PluginConfig::Text(config(name).to_string());
        let start = Instant::now();
        ensure!(envoy.reload(&text).await? == Reloaded::Taken, "a configuration was refused");
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if reload % (count / 10).max(1) == 0 {
            bench.load.run(envoy.http, &ordinary, 500)?;
            points.push((reload, own_memory(&envoy)?));
        }
    }
    Ok((Growth { count, points }, times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_counted_from_the_first_point() {
        let growth = Growth { count: 30, points: vec![(10, 500), (20, 900), (30, 600)] };
        assert_eq!(growth.grown(), 100.0);
        assert!(Growth { count: 0, points: vec![] }.grown().is_nan());
    }
}
