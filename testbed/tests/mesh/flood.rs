//! A bridge whose hub asks for a pause, while devices say more than it can take.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use regex::Regex;
use serde_json::{Value, json};
use testbed::mesh::{Bridge, Broker, Hub, Receiver};

use crate::bridges::{BACK, logs};
use crate::stack::{config, eventually, is_well, lone_hub, nowhere};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    let missing = crate::tools().mosquitto("mosquitto").is_err();
    if missing {
        eprintln!("skipped: no mosquitto (scripts/mosquitto.sh): flood::*");
    }
    let trials = [
        trial("flood::of_each_instance_the_newest_word_gets_to_a_hub_that_limits", limited),
        trial("flood::a_pause_that_a_hub_asks_for_is_kept_and_ends_with_the_newest_word", paused),
        trial("flood::what_waits_is_bounded_and_what_is_dropped_is_said", bounded),
    ];
    trials.into_iter().map(|it| it.with_ignored_flag(missing)).collect()
}

/// How long a hub that takes two requests a second may need for what is here.
const TAKEN: Duration = Duration::from_secs(40);
/// What a bridge may grow by, in KiB: its words, and what Python keeps of a flood.
const GROWTH: u64 = 24 * 1024;

fn member(number: usize) -> SocketAddr {
    let [_, _, high, low] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    SocketAddr::from(([127, 128, high, low], 80))
}

/// A broker, and a bridge from it to `hub` whose devices all speak on one topic.
async fn bridge(hub: SocketAddr, more: &[&str]) -> Result<(Broker, Bridge)> {
    let broker = Broker::start(&crate::tools())?;
    let (port, hub) = (broker.address.port().to_string(), format!("http://{hub}"));
    let fixed = ["--broker", "127.0.0.1", "--broker-port", &port, "--topic", "health", "--hub"];
    let arguments = [&fixed[..], &[&hub, "--report", "1"], more].concat();
    let bridge = Bridge::start(&crate::tools(), &arguments)?;
    logs(&bridge, "subscribed to health").await?;
    Ok((broker, bridge))
}

/// What so many instances say, a line each.
fn words(instances: usize, status: impl Fn(usize) -> &'static str) -> String {
    (0..instances).fold(String::new(), |mut lines, number| {
        let word = json!({ "instance_id": member(number).to_string(), "status": status(number) });
        // A String takes everything.
        let _ = writeln!(lines, "{word}");
        lines
    })
}

/// What became of messages, by the bridge's reports.
fn counts(log: &str) -> Result<BTreeMap<String, u64>> {
    let count = Regex::new(r"(\d+) (received|accepted|refused|superseded|retained|dropped)")?;
    let reports = log.lines().filter(|line| line.contains("since the last report"));
    let mut all = BTreeMap::new();
    for found in reports.flat_map(|line| count.captures_iter(line)) {
        *all.entry(found[2].to_owned()).or_default() += found[1].parse::<u64>()?;
    }
    Ok(all)
}

async fn received(bridge: &Bridge, number: u64) -> Result<()> {
    let received = eventually(TAKEN, async || {
        let counts = counts(&bridge.log()?)?;
        ensure!(counts.get("received") == Some(&number), "{number} not received: {counts:?}");
        Ok(())
    });
    received.await.map(drop)
}

async fn verdicts(hub: &Hub) -> Result<BTreeMap<String, String>> {
    let answer = hub.get("/mesh/v1/health/payments").await?;
    let says: Value = serde_json::from_slice(&answer.body)?;
    let instances = says["instances"].as_array().context("no instances")?.iter();
    let verdict = |it: &Value| Some((it["id"].as_str()?.into(), it["verdict"].as_str()?.into()));
    Ok(instances.filter_map(verdict).collect())
}

async fn limited() -> Result<()> {
    const INSTANCES: usize = 200;
    const ROUNDS: usize = 30;
    let members: Vec<_> = (0..INSTANCES).map(member).collect();
    let allow = json!({ "cidrs": ["127.0.0.1/32"], "address": "trusted" });
    let config = config(
        &members,
        &json!({ "sources": [{ "name": "edge", "allow": allow, "stale": "60s" }],
                 "limits": { "rate": "2/s" } }),
    );
    let hub = lone_hub(&members, &config, |builder| builder).await?;
    let (broker, mut bridge) = bridge(hub.people, &["--batch", "50"]).await?;
    broker.pour("health", &words(INSTANCES, |_| "pass"))?;
    received(&bridge, INSTANCES as u64).await?;
    let before = bridge.memory_kib()?;
    // The last round is another than all before it.
    let flood = (1..ROUNDS).map(|round| {
        let last = round + 1 == ROUNDS;
        words(INSTANCES, move |it| if last == it.is_multiple_of(2) { "draining" } else { "pass" })
    });
    broker.pour("health", &flood.collect::<String>())?;
    received(&bridge, (INSTANCES * ROUNDS) as u64).await?;
    let grown = bridge.memory_kib()?.saturating_sub(before);
    ensure!(grown < GROWTH, "{grown} KiB more");
    eventually(TAKEN, async || {
        let verdicts = verdicts(&hub).await?;
        for number in 0..INSTANCES {
            let wanted = if number.is_multiple_of(2) { "draining" } else { "alive" };
            let is = verdicts.get(&member(number).to_string());
            ensure!(is.is_some_and(|it| it == wanted), "{number}: {is:?} and not {wanted}");
        }
        Ok(())
    })
    .await?;
    ensure!(bridge.log()?.contains("429 "), "the hub has never limited: {}", bridge.log()?);
    bridge.stop(BACK)?;
    let counts = counts(&bridge.log()?)?;
    let of = |what: &str| counts.get(what).copied().unwrap_or_default();
    ensure!(of("refused") + of("dropped") == 0, "{counts:?}");
    ensure!(of("received") == of("accepted") + of("superseded"), "{counts:?}");
    is_well(&hub).await
}

async fn has_got(hub: &Receiver, requests: usize) -> Result<()> {
    let got = eventually(BACK, async || {
        ensure!(hub.deliveries().len() >= requests, "{:?}", hub.deliveries());
        Ok(())
    });
    got.await.map(drop)
}

async fn paused() -> Result<()> {
    let mut hub = Receiver::start(&crate::tools(), "none")?;
    let (after, takes) = (json!({ "retry-after": "3" }), Duration::from_secs(2));
    hub.answers(&json!({ "status": 503, "headers": after, "delay": takes.as_secs() }))?;
    let (broker, bridge) = bridge(hub.address, &[]).await?;
    broker.pour("health", &words(1, |_| "pass"))?;
    has_got(&hub, 1).await?;
    hub.answers(&json!({ "status": 202 }))?;
    // While the hub still has the first word, and while it pauses.
    broker.pour("health", &words(1, |_| "fail"))?;
    received(&bridge, 2).await?;
    logs(&bridge, "503").await?;
    has_got(&hub, 2).await?;
    // Nothing else comes after it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said: Vec<_> = hub.deliveries();
    let at = |place: usize| said[place]["at"].as_f64().unwrap_or_default();
    ensure!(at(1) - at(0) >= 5.0, "after {} s", at(1) - at(0));
    let status: Vec<_> = said.iter().filter_map(|it| it["body"]["status"].as_str()).collect();
    ensure!(status == ["pass", "fail"], "{status:?}");
    Ok(())
}

async fn bounded() -> Result<()> {
    const INSTANCES: u64 = 30_000;
    let (broker, mut bridge) = bridge(nowhere()?, &["--buffer", "500", "--grace", "1"]).await?;
    broker.pour("health", &words(1_000, |_| "pass"))?;
    received(&bridge, 1_000).await?;
    let before = bridge.memory_kib()?;
    broker.pour("health", &words(usize::try_from(INSTANCES)?, |_| "pass"))?;
    received(&bridge, 1_000 + INSTANCES).await?;
    let grown = bridge.memory_kib()?.saturating_sub(before);
    ensure!(grown < GROWTH, "{grown} KiB more");
    logs(&bridge, "the buffer is full").await?;
    bridge.stop(BACK)?;
    let log = bridge.log()?;
    let counts = counts(&log)?;
    let of = |what: &str| counts.get(what).copied().unwrap_or_default();
    let left = Regex::new(r"ends; (\d+) words couldn't be posted")?;
    let left: u64 = left.captures(&log).context("it doesn't say what is left")?[1].parse()?;
    ensure!(left <= 500, "{left} words in a buffer of 500");
    ensure!(of("received") == of("superseded") + of("dropped") + left, "{left} and {counts:?}");
    Ok(())
}
