//! What may be spent, and whether it was kept to.

use comfy_table::Table;
use comfy_table::presets::{ASCII_MARKDOWN, UTF8_BORDERS_ONLY};
use serde::Serialize;

use super::costs::Costs;
use super::instructions::Instructions;
use super::memory::Memory;
use super::plan::Who;
use super::stats::Spread;

/// A budget, held against what was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// What it is of.
    pub what: String,
    /// What it must not be above.
    pub must: f64,
    /// What it should not be above.
    pub aim: f64,
    /// What it is.
    pub measured: f64,
    /// How it spread, where it was measured in rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// What it is counted in.
    pub unit: &'static str,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As good as it should be.
    Aim,
    /// Good enough.
    Must,
    /// Not good enough.
    Missed,
}

impl Judged {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        match self.measured {
            measured if measured <= self.aim => Standing::Aim,
            measured if measured <= self.must => Standing::Must,
            _ => Standing::Missed,
        }
    }

    fn ratio(what: String, (must, aim): (f64, f64), spread: Spread) -> Self {
        Self { what, must, aim, measured: spread.median, spread: Some(spread), unit: "×" }
    }

    fn figure(what: &str, (must, aim): (f64, f64), measured: f64, unit: &'static str) -> Self {
        Self { what: what.into(), must, aim, measured, spread: None, unit }
    }
}

/// What one may cost against another: a part of a workload's name, the two, must and aim.
const RATIOS: [(&str, Who, Who, (f64, f64)); 5] = [
    ("ordinary", Who::Ours, Who::NoFilter, (1.18, 1.12)),
    ("ordinary", Who::OursSwitchedOff, Who::NoFilter, (1.03, 1.01)),
    ("worst", Who::Ours, Who::NoFilter, (1.5, 1.3)),
    ("respond", Who::Ours, Who::Native, (1.45, 1.25)),
    ("respond", Who::Ours, Who::Lua, (1.15, 1.0)),
];

/// What Envoy may grow by once it has seen everything, in MiB: its allocators keep a
/// little more or less.
const FLAT: (f64, f64) = (2.0, 1.0);

/// Holds everything that was measured against its budget.
pub fn judge(
    costs: &[Costs],
    memory: Option<&Memory>,
    instructions: &Instructions,
    module_bytes: u64,
) -> Vec<Judged> {
    let mut judged = Vec::new();
    for (part, of, against, budget) in RATIOS {
        for cost in costs.iter().filter(|cost| cost.name.contains(part)) {
            let what = format!(
                "{}, {}: {} against {}",
                cost.name,
                cost.protocol.name(),
                of.name(),
                against.name()
            );
            let spread = cost.ratio(of, against);
            judged.extend(spread.map(|spread| Judged::ratio(what, budget, spread)));
        }
    }
    let storms = costs.iter().filter_map(|cost| cost.beyond_one_a_ttl).reduce(f64::max);
    judged.extend(storms.map(|beyond| {
        Judged::figure("a storm on cache: requests beyond one a ttl", (0.0, 0.0), beyond, "")
    }));
    let classify = instructions.ratio("classify/ordinary/1000", "classify/ordinary/10");
    judged.extend(classify.map(|ratio| {
        Judged::figure("classify, 1,000 rules against 10: instructions", (1.2, 1.05), ratio, "×")
    }));
    let size = module_bytes as f64 / 1024.0;
    judged.push(Judged::figure("module size", (448.0, 350.0), size, " KiB"));
    if let Some(memory) = memory {
        let growth = |grown: f64| grown / f64::from(1 << 20);
        let requests = format!("growth over {} requests", memory.requests.count);
        let reloads = format!("growth over {} reloads", memory.reloads.count);
        judged.push(Judged::figure(&requests, FLAT, growth(memory.requests.grown()), " MiB"));
        judged.push(Judged::figure(&reloads, FLAT, growth(memory.reloads.grown()), " MiB"));
    }
    judged
}

/// Who reads a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableStyle {
    /// Someone at a terminal.
    Terminal,
    /// A page of documentation.
    Markdown,
}

impl TableStyle {
    /// An empty table.
    pub fn table(self) -> Table {
        let mut table = Table::new();
        table.load_style(match self {
            Self::Terminal => UTF8_BORDERS_ONLY,
            Self::Markdown => ASCII_MARKDOWN,
        });
        table
    }
}

/// The budgets as people read them.
pub fn table(judged: &[Judged], style: TableStyle) -> String {
    let mut table = style.table();
    table.set_header(["budget", "measured", "quartiles", "must", "aim", ""]);
    for budget in judged {
        let write = |value: f64| format!("{value:.2}{}", budget.unit);
        let spread = budget.spread.map(|spread| format!("{:.2} to {:.2}", spread.q1, spread.q3));
        let standing = match budget.standing() {
            Standing::Aim => "aim met",
            Standing::Must => "must met",
            Standing::Missed => "MISSED",
        };
        table.add_row([
            budget.what.clone(),
            write(budget.measured),
            spread.unwrap_or_default(),
            write(budget.must),
            write(budget.aim),
            standing.into(),
        ]);
    }
    table.to_string()
}

/// What requests cost, as people read it.
pub fn costs_table(costs: &[Costs], style: TableStyle) -> String {
    let mut table = style.table();
    table.set_header(["workload", "", "CPU µs", "ratio", "quartiles", "p50 µs", "p99 µs"]);
    for workload in costs {
        for cost in &workload.contenders {
            let first = cost.who == workload.reference;
            let name = format!("{}, {}", workload.name, workload.protocol.name());
            let ratio = cost.ratios.get(workload.reference.name());
            table.add_row([
                if first { name } else { String::new() },
                cost.who.name().into(),
                format!("{:.1}", cost.cpu_us.median),
                ratio.map_or("1".into(), |ratio| format!("{:.3}", ratio.median)),
                ratio.map(|it| format!("{:.3} to {:.3}", it.q1, it.q3)).unwrap_or_default(),
                format!("{:.0}", cost.p50_us),
                format!("{:.0}", cost.p99_us),
            ]);
        }
    }
    table.to_string()
}

/// What ours costs beyond the least that a module can cost, and what that itself costs
/// beside the alternatives: nothing that a module does can make up for the latter.
pub fn least_table(costs: &[Costs], style: TableStyle) -> String {
    let mut table = style.table();
    table.set_header(["workload", "ours against the least in Wasm", "quartiles", "the least"]);
    for workload in costs {
        let Some(ours) = workload.ratio(Who::Ours, Who::Least) else { continue };
        let others = [Who::NoFilter, Who::Native, Who::Lua];
        let beside = others.into_iter().filter_map(|other| {
            let ratio = workload.ratio(Who::Least, other)?;
            Some(format!("{:.2}× {}", ratio.median, other.name()))
        });
        table.add_row([
            format!("{}, {}", workload.name, workload.protocol.name()),
            format!("{:.2}×", ours.median),
            format!("{:.2} to {:.2}", ours.q1, ours.q3),
            beside.collect::<Vec<_>>().join(", "),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_met_up_to_its_last_hundredth() {
        let standing = |measured| Judged::figure("x", (1.2, 1.1), measured, "×").standing();
        assert_eq!([1.0, 1.1].map(standing), [Standing::Aim; 2]);
        assert_eq!([1.11, 1.2].map(standing), [Standing::Must; 2]);
        assert_eq!(standing(1.201), Standing::Missed);
        // What can't be compared is not met.
        assert_eq!(standing(f64::NAN), Standing::Missed);
    }

    #[test]
    fn a_missed_budget_is_seen() {
        for style in [TableStyle::Terminal, TableStyle::Markdown] {
            let missed = Judged::figure("size", (448.0, 350.0), 449.0, " KiB");
            let rows = table(&[missed], style);
            assert!(rows.contains("449.00 KiB") && rows.contains("MISSED"), "{rows}");
        }
    }
}
