//! What the filter costs, measured beside the alternatives: Envoy without a filter,
//! Envoy's own health_check filter, and the same behaviour in Lua.
//!
//! A figure by itself is worth little on a machine that others use too. So everything
//! that is compared is measured by turns, for a fraction of a second each, and compared
//! within the same turn; what counts is the median of these ratios. The measure is the
//! processor time that the kernel books on Envoy, which runs on a core of its own; the
//! load generator and the application share the other cores.
//!
//! - [`plan`]: which requests, through which filters; [`setups`]: Envoy's configuration.
//! - [`rounds`] measures, with [`load`], [`cpu`] and [`upstream`]; [`stats`] sums up.
//! - [`memory`]: what a VM takes, and whether it grows; [`scale`]: what more costs.
//! - [`instructions`]: what callgrind has counted.
//! - [`mesh`]: how fast the hub is, and what it costs.
//! - [`budgets`] judges [`costs`] and the rest, [`results`] and [`plot`] keep it.

pub mod budgets;
pub mod costs;
pub mod cpu;
mod file;
pub mod instructions;
pub mod load;
pub mod memory;
pub mod mesh;
pub mod plan;
pub mod plot;
pub mod results;
pub mod rounds;
pub mod scale;
pub mod setups;
pub mod stats;
pub mod upstream;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use self::budgets::{Standing, TableStyle, costs_table, least_table, table};
use self::costs::Costs;
use self::file::write;
use self::instructions::Instructions;
use self::load::LoadGenerator;
use self::plan::{Effort, Workload, workloads};
use self::results::{About, Results};
use self::rounds::{Bench, Campaign};
use self::upstream::CountingUpstream;
use crate::tools::Tools;

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How much time there is.
    #[arg(long, value_enum, default_value = "full")]
    effort: Effort,
    /// Only the workloads whose title holds this, such as `GET, HTTP/1.1`.
    #[arg(long, default_value = "")]
    only: String,
    /// Fail where a budget is missed.
    #[arg(long)]
    strict: bool,
    /// The module as the compiler leaves it.
    #[arg(long)]
    untrimmed: PathBuf,
    /// What scripts/instructions.sh has counted.
    #[arg(long)]
    instructions: Option<PathBuf>,
    /// Where bench.json and the pictures go.
    #[arg(long, default_value = "dist")]
    out: PathBuf,
}

impl Options {
    fn workloads(&self) -> Result<Vec<Workload>> {
        let mut chosen = workloads();
        chosen.retain(|workload| workload.title().contains(&self.only));
        ensure!(!chosen.is_empty(), "no workload's title holds {:?}", self.only);
        Ok(chosen)
    }
}

/// Measures, prints, and writes it down. Fails where something can't be measured, and,
/// if strict, where a budget is missed.
pub async fn run(options: &Options, tools: &Tools) -> Result<ExitCode> {
    let effort = options.effort;
    let load_before = load_average()?;
    let cores = cpu::Cores::divide()?;
    cores.drive()?;
    let bench =
        Bench { effort, cores, load: LoadGenerator::find()?, upstream: CountingUpstream::start()? };
    let instructions = Instructions::read(options.instructions.as_deref())?;

    let costs = measure_costs(&bench, options, tools).await?;
    let scale =
        if effort.scale_rounds() > 0 { scale::measure(&bench, tools).await? } else { vec![] };
    let memory =
        if effort.starts() > 0 { Some(memory::measure(&bench, tools).await?) } else { None };

    let about = about(&bench, tools, load_before)?;
    let budgets = budgets::judge(&costs, memory.as_ref(), &instructions, about.module_bytes);
    let results = Results { about, budgets, workloads: costs, memory, scale, instructions };
    keep(&results, &options.out)?;
    print(&results);
    let missed = results.budgets.iter().filter(|it| it.standing() == Standing::Missed).count();
    println!(
        "{missed} of {} budgets missed; all figures: {}",
        results.budgets.len(),
        options.out.join("bench.json").display()
    );
    Ok(if options.strict && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure_costs(bench: &Bench, options: &Options, tools: &Tools) -> Result<Vec<Costs>> {
    if bench.effort.rounds() == 0 {
        return Ok(vec![]);
    }
    println!(
        "==> costs: core {} for Envoy, {} for the rest",
        bench.cores.number,
        bench.cores.count - 1
    );
    let written = setups::Written::all()?;
    let mut campaign = Campaign::of(&options.workloads()?);
    let rounds: Vec<usize> = (0..bench.effort.rounds()).collect();
    for rounds in rounds.chunks(Effort::ROUNDS_OF_AN_ENVOY) {
        let turn = rounds.first().copied().unwrap_or_default();
        let (upstream, untrimmed) = (&bench.upstream, &options.untrimmed);
        let builder = setups::envoy_with_all(tools, upstream, untrimmed, &written, turn)?;
        let envoy = builder.start().await?;
        bench.cores.measure(envoy.id())?;
        bench.rounds(&envoy, &mut campaign, rounds)?;
    }
    campaign.measured().map(Costs::of).collect()
}

fn about(bench: &Bench, tools: &Tools, load_before: f64) -> Result<About> {
    let version = std::process::Command::new(tools.envoy()?).arg("--version").output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let envoy = version.split_once("version: ").and_then(|(_, rest)| rest.split('/').nth(1));
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(About {
        effort: bench.effort,
        rounds: bench.effort.rounds(),
        processor: model.map_or("unknown", |(_, name)| name).to_owned(),
        cores: bench.cores.count,
        load_before,
        envoy: envoy.unwrap_or("unknown").to_owned(),
        module_bytes: std::fs::metadata(tools.module()?)?.len(),
    })
}

/// How many threads have wanted to run in the last minute.
fn load_average() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
    first.with_context(|| format!("/proc/loadavg: {text:?}"))
}

fn keep(results: &Results, out: &Path) -> Result<()> {
    results.write(&out.join("bench.json"))?;
    let tables = [
        table(&results.budgets, TableStyle::Markdown),
        least_table(&results.workloads, TableStyle::Markdown),
        costs_table(&results.workloads, TableStyle::Markdown),
    ];
    write(&out.join("bench.md"), &(tables.join("\n\n") + "\n"))?;
    if !results.workloads.is_empty() {
        write(&out.join("bench.svg"), &plot::costs(&results.workloads, &results.budgets))?;
    }
    if !results.scale.is_empty() {
        write(&out.join("bench-scale.svg"), &plot::scale(&results.scale))?;
    }
    Ok(())
}

fn print(results: &Results) {
    if !results.workloads.is_empty() {
        println!("{}", costs_table(&results.workloads, TableStyle::Terminal));
        println!("{}", least_table(&results.workloads, TableStyle::Terminal));
    }
    for series in &results.scale {
        let point = |point: &scale::Point| format!("{}: {:.2}×", point.count, point.ratio.median);
        let points: Vec<_> = series.points.iter().map(point).collect();
        println!(
            "{}, by {}, against {}: {}",
            series.request,
            series.of,
            series.against,
            points.join(", ")
        );
    }
    if let Some(memory) = &results.memory {
        print_memory(memory);
    }
    println!("{}", table(&results.budgets, TableStyle::Terminal));
    let load = results.about.load_before;
    if load > 0.5 {
        println!("The machine was not idle (load {load:.1}): don't rely on these figures.");
    }
}

fn print_memory(memory: &memory::Memory) {
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!(
        "start: {:.0} ms of processor time, with the module {:.0} ms; a reload: {:.1} ms",
        memory.start_ms_without.median, memory.start_ms_with.median, memory.reload_ms.median
    );
    println!(
        "memory: {:.1} MiB, with the module {:.1} MiB; each worker more {:.1} MiB, with the module {:.1} MiB",
        mib(memory.own_without as f64),
        mib(memory.own_with as f64),
        mib(memory.worker_without),
        mib(memory.worker_with)
    );
}
