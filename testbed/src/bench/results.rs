//! What came out, as `dist/bench.json` has it.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::budgets::Judged;
use super::costs::Costs;
use super::file;
use super::instructions::Instructions;
use super::memory::Memory;
use super::plan::Effort;
use super::scale::Series;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Results {
    /// Where and how it was measured.
    pub about: About,
    /// What the budgets say to it.
    pub budgets: Vec<Judged>,
    /// What requests cost.
    pub workloads: Vec<Costs>,
    /// What is remembered of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// What more rules, checks, counters and workers cost.
    pub scale: Vec<Series>,
    /// What the core executes.
    #[serde(skip_serializing_if = "Instructions::is_empty")]
    pub instructions: Instructions,
}

/// Where and how it was measured.
#[derive(Debug, Serialize)]
pub struct About {
    /// How much time there was.
    pub effort: Effort,
    /// Interleaved rounds.
    pub rounds: usize,
    /// The processor.
    pub processor: String,
    /// How many cores there were.
    pub cores: usize,
    /// The load of the machine before it began (one minute's average). More than a
    /// few tenths, and the figures are worth little.
    pub load_before: f64,
    /// The Envoy that was measured.
    pub envoy: String,
    /// How large the module is, in bytes.
    pub module_bytes: u64,
}

impl Results {
    /// Writes it to `path`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        file::write(path, &(text + "\n"))
    }
}
