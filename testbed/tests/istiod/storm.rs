//! Many updates in a short time, under load: nothing fails, and nothing is kept of what is
//! gone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::tools::Tools;

use crate::channel::{Channel, Way};
use crate::load::Load;
use crate::stack::{Listeners, Stack, version};

const UPDATES: u32 = 300;
const TIME: Duration = Duration::from_secs(60);
const PER_SECOND: u32 = 500;

/// The updates after which nothing more is needed than there is.
const WARM: u32 = 10;

/// What all others together may add to Envoy's memory (RSS): what seven kibibytes each would.
/// Seen were 72 KiB in all.
const GROWTH: u64 = 2 << 20;

/// Delivers all updates at a steady pace.
pub async fn run(tools: &Tools) -> Result<()> {
    let channel = Channel::open(Way::Delta).await?;
    let mut stack = Stack::start(tools, channel, Listeners::Fixed).await?;
    let load = Load::start(stack.envoy.http, PER_SECOND);
    let start = Instant::now();
    let mut memory = Vec::new();
    for update in 1..=UPDATES {
        tokio::time::sleep_until((start + TIME / UPDATES * update).into()).await;
        let plugin = stack.plugin.with(version(1 + update));
        let verdict = stack.channel.deliver(&plugin, &stack.envoy).await?;
        ensure!(verdict.is_ok(), "Envoy refused update {update}: {verdict:?}");
        if update % WARM == 0 {
            memory.push(stack.envoy.memory()?);
        }
    }
    let took = start.elapsed();
    ensure!(took < TIME + TIME / 10, "{UPDATES} updates took {took:?}");
    ensure!(stack.works(1 + UPDATES).await?, "the last update isn't at work");
    load.end().await?;

    let mebibytes: Vec<_> = memory.iter().map(|bytes| bytes >> 20).collect();
    let grown = memory.last().unwrap_or(&0).saturating_sub(memory[0]);
    ensure!(grown <= GROWTH, "grown by {grown} bytes; MiB every {WARM} updates: {mebibytes:?}");
    stack.envoy.stop()
}
