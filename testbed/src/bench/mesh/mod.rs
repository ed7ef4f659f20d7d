//! How fast the hub is, and what it costs.
//!
//! - [`moves`]: from an event, a death or a silence until a client's Envoy routes elsewhere.
//! - [`load`]: ten thousand instances that three sources speak of every second.
//! - [`held`]: many requests that wait for the same change.
//! - [`beat`]: a sidecar that tells a hub once a second how its application is.
//! - [`outages`]: a client whose hubs are killed, hang, or are all gone.
//! - [`stage`] is what all of these happen on, [`results`] what comes out.

mod beat;
mod held;
mod load;
mod moves;
mod outages;
mod random;
mod results;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use self::random::Random;
use self::results::Results;
use self::stage::Bench;
use super::file;
use crate::tools::Tools;

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How often each change is measured; outages, of which each takes seconds, a tenth of
    /// that.
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// For how many seconds the hub is under load; 600 for the long form.
    #[arg(long, default_value_t = 20)]
    load_seconds: u64,
    /// Only those of moves, suspicion, burst, watch, silence, held, lost, dead, beat, load and
    /// ceiling whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// What the pauses are drawn from; another one each time otherwise.
    #[arg(long)]
    seed: Option<u64>,
    /// Fail where a target is missed.
    #[arg(long)]
    strict: bool,
    /// Where bench-mesh.json and bench-mesh.md go.
    #[arg(long, default_value = "dist")]
    out: PathBuf,
}

/// Measures, prints, and writes it down. Fails where something can't be measured, and, if
/// strict, where a target is missed.
pub async fn run(options: &Options, tools: &Tools) -> Result<ExitCode> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = options.seed.unwrap_or(now.subsec_nanos().into());
    println!("==> the hub: seed {seed}");
    let mut bench = Bench {
        tools,
        rounds: options.rounds,
        load: Duration::from_secs(options.load_seconds),
        random: Random::new(seed),
        results: Results::new(seed, options.rounds, options.load_seconds),
    };
    let wanted = |name: &str| name.contains(&options.only);
    for instances in [2, 100, 1_000] {
        if wanted("moves") {
            moves::alone(&mut bench, instances).await?;
        }
    }
    if wanted("suspicion") {
        moves::suspected(&mut bench).await?;
    }
    for instances in [2, 1_000] {
        if wanted("burst") {
            moves::in_a_burst(&mut bench, instances).await?;
        }
    }
    if wanted("watch") {
        moves::killed(&mut bench).await?;
    }
    if wanted("silence") {
        moves::silent(&mut bench, Duration::from_millis(100)).await?;
        moves::silent(&mut bench, Duration::from_secs(1)).await?;
    }
    if wanted("held") {
        held::run(&mut bench).await?;
    }
    if wanted("lost") {
        outages::lost(&mut bench).await?;
    }
    if wanted("dead") {
        outages::all_dead(&mut bench).await?;
    }
    if wanted("beat") {
        beat::run(&mut bench).await?;
    }
    if wanted("load") {
        load::run(&mut bench).await?;
    }
    if wanted("ceiling") {
        load::ceiling(&mut bench).await?;
    }
    let results = bench.results;
    println!("{}", results.table());
    let json = options.out.join("bench-mesh.json");
    file::write(&json, &results.json()?)?;
    file::write(&options.out.join("bench-mesh.md"), &results.markdown())?;
    let missed = results.missed();
    println!("{missed} targets missed; all figures: {}", json.display());
    Ok(if options.strict && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
