//! Every YAML and JSON in the documentation is what the reader will copy: each goes
//! through a real Envoy that loads the module with it, or through the program that it is
//! for. Every hook drains the Envoy beside it, and every link leads somewhere.

mod hooks;
mod tour;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use heartbeat_core::base::environment::Variables;
use heartbeat_mesh::config::HubConfig;
use heartbeat_mesh::event::{self, Form};
use libtest_mimic::{Arguments, Failed, Trial};
use regex::Regex;
use serde_json::{Value, json};
use testbed::envoy::{EnvoyBuilder, PluginConfig};
use testbed::example::Example;
use testbed::manifest::Manifest;
use testbed::mesh::{PAGE, authority, envoy_of_hub, heat_map, with_variables, with_vm_config};
use testbed::page::{self, Block};
use testbed::prometheus::rules;
use testbed::tools::{self, OLDER_ENVOYS, Tools};

/// The comment in front of the block that shows the default probes.
const DEFAULTS: &str = "<!-- the default probes -->";

/// A page, by its path from the workspace.
struct Page {
    path: PathBuf,
    text: String,
}

fn main() -> ExitCode {
    let pages = match pages() {
        Ok(pages) => Arc::new(pages),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let tools = Arc::new(Tools::from_env(env!("CARGO_BIN_EXE_testbed")));
    let examples: Vec<(&Page, Block)> = pages
        .iter()
        .flat_map(|page| examples(&page.text).into_iter().map(move |it| (page, it)))
        .collect();
    let there = |language| examples.iter().any(|(_, block)| block.language == language);
    assert!(there("yaml") && there("json"), "the documentation has lost its examples");
    let mut trials: Vec<Trial> =
        examples.into_iter().map(|(page, block)| example(page, block, tools.clone())).collect();
    trials.extend(pages.iter().flat_map(|page| hooks_of(page, &tools)));
    trials.extend(tours(&pages, &tools));
    trials.push(Trial::test("every_link_leads_somewhere", move || {
        let dead = dead_links(&pages).map_err(|error| format!("{error:#}"))?;
        if dead.is_empty() { Ok(()) } else { Err(Failed::from(dead.join("\n"))) }
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The pages at the top, and all below `docs`.
fn pages() -> Result<Vec<Page>> {
    let root = tools::workspace();
    let mut pages = Vec::new();
    let mut folders = vec![root.join("docs")];
    let mut files: Vec<PathBuf> = files_in(&root)?.into_iter().filter(|it| it.is_file()).collect();
    while let Some(folder) = folders.pop() {
        let (below, here): (Vec<_>, Vec<_>) =
            files_in(&folder)?.into_iter().partition(|it| it.is_dir());
        folders.extend(below);
        files.extend(here);
    }
    files.sort();
    for path in files.into_iter().filter(|it| it.extension().is_some_and(|it| it == "md")) {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let path = path.strip_prefix(&root).unwrap_or(&path).to_owned();
        pages.push(Page { path, text });
    }
    Ok(pages)
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn example(page: &Page, block: Block, tools: Arc<Tools>) -> Trial {
    let name = format!("{}::{}_at_line_{}", page.path.display(), block.language, block.line);
    Trial::test(name, move || {
        check(&block, &tools).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Each preStop hook of a page that has an Envoy to drain.
fn hooks_of(page: &Page, tools: &Arc<Tools>) -> Vec<Trial> {
    let blocks = examples(&page.text);
    let envoys = blocks.iter().filter_map(|block| yaml(block).ok());
    let Some(envoy) = envoys.into_iter().find(|it| it.get("static_resources").is_some()) else {
        return vec![];
    };
    let found =
        blocks.iter().flat_map(|block| hooks::of(block).into_iter().map(move |it| (block, it)));
    let trials = found.map(|(block, hook)| {
        let name = format!("{}::hook_at_line_{}", page.path.display(), block.line);
        let (envoy, tools) = (envoy.clone(), tools.clone());
        Trial::test(name, move || {
            let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
            let drained = runtime.block_on(hooks::drains(&hook, envoy, &tools));
            drained.map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    trials.collect()
}

/// Each page that shows a hub at work, in every Envoy that is supported.
fn tours(pages: &Arc<Vec<Page>>, tools: &Arc<Tools>) -> Vec<Trial> {
    let Some(first) = pages.iter().find(|page| page.path == Path::new(tour::FIRST)) else {
        return vec![];
    };
    let shown = pages.iter().filter(|page| tour::is_shown(&page.text));
    let everywhere = shown.flat_map(|page| {
        let older =
            OLDER_ENVOYS.map(|version| (format!("_in_{version}"), tools.with_envoy(version)));
        let all = [(String::new(), Tools::clone(tools))].into_iter().chain(older);
        all.map(move |(version, tools)| (page, version, tools))
    });
    let trials = everywhere.map(|(page, version, tools)| {
        let (first, text) = (first.text.clone(), page.text.clone());
        Trial::test(format!("{}::tour{version}", page.path.display()), move || {
            let followed = tour::run(&first, &text, &tools);
            followed.map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    trials.collect()
}

fn yaml(block: &Block) -> Result<Value> {
    serde_saphyr::from_str(&block.text).map_err(|error| anyhow!("{error}"))
}

/// The lines of a page outside its fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The links within the project that lead to no file, or to no heading of one.
fn dead_links(pages: &[Page]) -> Result<Vec<String>> {
    let heading = Regex::new(r"^#+ (.*)$")?;
    let link = Regex::new(r"\[[^\]]*\]\(([^)\s]+)\)")?;
    let anchors: BTreeMap<&Path, BTreeSet<String>> = pages
        .iter()
        .map(|page| {
            let headings = prose(&page.text).filter_map(|line| heading.captures(line));
            (page.path.as_path(), headings.map(|found| page::anchor(&found[1])).collect())
        })
        .collect();
    let mut dead = Vec::new();
    for page in pages {
        // A link's text may go on in the next line.
        let text = prose(&page.text).collect::<Vec<_>>().join("\n");
        let targets = link.captures_iter(&text);
        for target in targets.map(|found| found.extract::<1>().1[0]) {
            if target.contains("://") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let here = page.path.parent().unwrap_or(Path::new(""));
            let path = if file.is_empty() { page.path.clone() } else { normal(&here.join(file)) };
            let there = tools::workspace().join(&path).exists();
            let known = fragment.is_empty()
                || anchors.get(path.as_path()).is_some_and(|known| known.contains(fragment));
            if !there || !known {
                dead.push(format!("{}: {target}", page.path.display()));
            }
        }
    }
    Ok(dead)
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            std::path::Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
        normal
    })
}

fn examples(page: &str) -> Vec<Block> {
    let mut blocks = page::blocks(page);
    blocks.retain(|block| ["yaml", "json"].contains(&block.language.as_str()));
    blocks
}

fn check(block: &Block, tools: &Tools) -> Result<()> {
    if block.language == "json" {
        if block.before == DEFAULTS {
            let shown: Value = serde_json::from_str(&block.text)?;
            let built_in: Value = serde_json::from_str(heartbeat_core::config::DEFAULT_PROBES)?;
            ensure!(shown["probes"] == built_in, "these aren't the default probes");
        }
        return check_json(&block.text, tools);
    }
    if let Ok(manifests) = Manifest::parse(&block.text) {
        return manifests.iter().try_for_each(|manifest| check_manifest(manifest, tools));
    }
    let yaml = yaml(block)?;
    if let Some(lifecycle) = hooks::fragment(&yaml) {
        let around = hooks::in_deployment(lifecycle).to_string();
        return Manifest::parse(&around)?.iter().try_for_each(|it| check_manifest(it, tools));
    }
    if yaml.get("scrape_configs").is_some() {
        return check_prometheus(&block.text, tools);
    }
    if let Some(vm_config) = yaml.get("vm_config") {
        let authority = authority()?;
        let hub = envoy_of_hub(tools, &authority, &least_hub())?;
        return with_vm_config(hub, vm_config).validate();
    }
    let tags = yaml["stats_config"]["stats_tags"].as_array();
    tags.map_or(Ok(()), |tags| check_tags(tags))?;
    if yaml.get("static_resources").is_some() {
        return validate(&yaml, tools);
    }
    ensure!(tags.is_some(), "nothing here knows how to check this YAML");
    Ok(())
}

fn check_json(text: &str, tools: &Tools) -> Result<()> {
    match Example::of(&serde_json::from_str(text)?) {
        Example::Filter => check_plugin_config(text, tools),
        Example::Hub => check_hub_config(text, tools),
        Example::Event => check_events(text),
    }
}

/// The hub takes it, in the shipped Envoy.
fn check_hub_config(json: &str, tools: &Tools) -> Result<()> {
    HubConfig::from_bytes(json.as_bytes(), Variables(|_| Some("set".to_owned())))?;
    let authority = authority()?;
    let hub = envoy_of_hub(tools, &authority, &serde_json::from_str(json)?)?;
    let named = Regex::new(r#"\$\{(\w+)\}|"sign_with": "(\w+)""#)?;
    let names = named.captures_iter(json).filter_map(|it| it.get(1).or_else(|| it.get(2)));
    let set = names.map(|name| (name.as_str().to_owned(), Value::from("set")));
    with_variables(hub, &Value::Object(set.collect())).validate()
}

/// A configuration that the hub takes.
fn least_hub() -> Value {
    json!({
        "services": [{ "name": "payments", "members": [{ "id": "10.1.0.5:8080" }] }],
        "sources": [{ "name": "istio", "allow": { "cidrs": ["10.9.0.0/16"] }, "stale": "5s" }],
    })
}

/// The hub would take every one.
fn check_events(json: &str) -> Result<()> {
    let events = event::read(json.as_bytes(), Form::Json, usize::MAX);
    for event in events.map_err(|unreadable| anyhow!("{unreadable:?}"))? {
        event.map_err(|refused| anyhow!("{}: {}", refused.field, refused.reason))?;
    }
    Ok(())
}

/// Every Envoy that is supported loads it.
fn validate(envoy: &Value, tools: &Tools) -> Result<()> {
    let with_page =
        |tools: &Tools| EnvoyBuilder::from_config(tools, envoy.clone()).file(PAGE, &heat_map());
    with_page(tools).validate()?;
    OLDER_ENVOYS.iter().try_for_each(|version| {
        let older = with_page(&tools.with_envoy(version));
        older.validate().with_context(|| format!("Envoy {version}"))
    })
}

/// The labels of shipped metrics have one regex each.
fn check_tags(tags: &[Value]) -> Result<()> {
    let shipped = std::fs::read_to_string(tools::envoy_configs().join("static/envoy.yaml"))?;
    let shipped: Value = serde_saphyr::from_str(&shipped).map_err(|error| anyhow!("{error}"))?;
    let known = shipped["stats_config"]["stats_tags"].as_array();
    let strange = tags.iter().find(|tag| !known.is_some_and(|known| known.contains(tag)));
    ensure!(strange.is_none(), "the shipped envoy.yaml has no such tag: {strange:?}");
    Ok(())
}

/// Prometheus takes it, with the shipped rules beside it.
fn check_prometheus(text: &str, tools: &Tools) -> Result<()> {
    let directory = tempfile::tempdir().context("no temporary directory")?;
    for shipped in rules::files()? {
        let copy = directory.path().join(shipped.file_name().unwrap_or_default());
        std::fs::copy(&shipped, copy).with_context(|| shipped.display().to_string())?;
    }
    let path = directory.path().join("prometheus.yml");
    std::fs::write(&path, text)?;
    let mut promtool = Command::new(tools.prometheus("promtool")?);
    let output = promtool.args(["check", "config"]).arg(&path).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn check_manifest(manifest: &Manifest, tools: &Tools) -> Result<()> {
    if manifest.has_schema() {
        manifest.schema()?.check(manifest.value())?;
    }
    let mut configs = manifest.plugin_configs().into_iter().flatten();
    configs.try_for_each(|config| check_plugin_config(&config.to_string(), tools))
}

fn check_plugin_config(json: &str, tools: &Tools) -> Result<()> {
    EnvoyBuilder::new(tools, &tools::envoy_configs().join("static/envoy.yaml"))?
        .plugin_config(PluginConfig::Text(json.into()))
        .validate()
}
