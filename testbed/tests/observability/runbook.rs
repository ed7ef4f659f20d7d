//! The way from an alert to what to do: each link is followed, and what stands there is read.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use regex::Regex;
use serde_json::json;
use testbed::page::{self, Block};
use testbed::prometheus::{catalogue, rules, scraped};
use testbed::tools;

use crate::alerts::alerts;
use crate::faults;

/// The repository, as the rules name it. Whoever has it elsewhere writes that in its place.
const REPOSITORY: &str = "https://example.com/heartbeat-filter/blob/main/";

const PAGE: &str = "docs/troubleshooting.md";

/// How much a section says at least, in bytes.
const LEAST: usize = 300;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("each_alert_leads_to_a_section_that_says_what_to_do", each_link_leads_there),
        crate::trial("promtool_takes_each_query_of_the_runbook", each_query_is_one),
        crate::trial("each_query_of_the_runbook_asks_for_what_there_is", queries_find_metrics),
    ]
}

fn page() -> Result<String> {
    std::fs::read_to_string(tools::workspace().join(PAGE)).context(PAGE)
}

fn each_link_leads_there() -> Result<()> {
    let mut faults = Vec::new();
    for alert in alerts()? {
        let link = alert.rule.annotations.get("runbook_url").map_or("", String::as_str);
        if let Err(error) = follow(link) {
            faults.push(format!("{}: {error}: {link:?}", alert.name));
        }
    }
    faults::none(faults)
}

fn follow(link: &str) -> Result<()> {
    let path = link.strip_prefix(REPOSITORY).context("not in the repository")?;
    let (path, anchor) = path.split_once('#').context("it leads to no section")?;
    let page = std::fs::read_to_string(tools::workspace().join(path)).context("no such file")?;
    let section = page::section(&page, anchor).context("no such section")?;
    let blocks = page::blocks(section);
    let typed = |block: &Block| ["promql", "console"].contains(&&*block.language);
    ensure!(blocks.iter().any(typed), "no command and no query");
    ensure!(section.len() >= LEAST, "{} bytes are no help", section.len());
    Ok(())
}

/// The queries of the page: each has what it asks above it, as a comment.
fn queries() -> Result<Vec<String>> {
    let mut queries = Vec::new();
    for block in page::blocks(&page()?).into_iter().filter(|it| it.language == "promql") {
        ensure!(block.text.starts_with('#'), "{PAGE}:{}: what does it ask?", block.line);
        for line in block.text.lines() {
            match queries.last_mut().filter(|_| !line.starts_with('#')) {
                Some(query) => *query = format!("{query}{line}\n"),
                None => queries.push(String::new()),
            }
        }
    }
    ensure!(!queries.is_empty(), "{PAGE} has lost its queries");
    Ok(queries)
}

fn each_query_is_one() -> Result<()> {
    let queries = queries()?.into_iter().enumerate();
    let rules = queries.map(|(at, expr)| json!({ "record": format!("query:{at}"), "expr": expr }));
    let groups = json!({ "groups": [{ "name": PAGE, "rules": rules.collect::<Vec<_>>() }] });
    let file = tempfile::NamedTempFile::new().context("no temporary file")?;
    std::fs::write(&file, groups.to_string())?;
    let mut promtool = Command::new(crate::tools().prometheus("promtool")?);
    let output = promtool.args(["check", "rules"]).arg(file.path()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Those of ours are in the reference, and what is recorded is recorded.
fn queries_find_metrics() -> Result<()> {
    let mut exported = scraped::expected(&scraped::plugin_config()?)?;
    exported.extend(catalogue::of_hub()?);
    let recorded: BTreeSet<_> = rules::all()?.into_iter().filter_map(|rule| rule.record).collect();
    let name = Regex::new(r"\b(?:heartbeat_|app_health_|payment_request_)\w+|\b\w+:\w+:\w+\b")?;
    let mut unknown = BTreeSet::new();
    for query in queries()? {
        let named = name.find_iter(&query).map(|found| found.as_str());
        let odd = named.filter(|name| {
            let whole = name.strip_suffix("_bucket").unwrap_or(name);
            !exported.contains_key(whole) && !recorded.contains(*name)
        });
        unknown.extend(odd.map(str::to_owned));
    }
    faults::none(unknown.into_iter().collect())
}
