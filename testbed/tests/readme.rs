//! Every YAML and JSON in the README is what the reader will copy: each goes
//! through a real Envoy that loads the module with it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use testbed::envoy::{EnvoyBuilder, PluginConfig};
use testbed::manifest::Manifest;
use testbed::tools::{self, Tools};

/// The comment in front of the block that shows the default probes.
const DEFAULTS: &str = "<!-- the default probes -->";

/// A fenced block.
struct Block {
    language: String,
    line: usize,
    text: String,
    shows_defaults: bool,
}

fn main() -> ExitCode {
    let readme = match std::fs::read_to_string(tools::workspace().join("README.md")) {
        Ok(readme) => readme,
        Err(error) => {
            eprintln!("error: README.md: {error}");
            return ExitCode::FAILURE;
        }
    };
    let tools = Arc::new(Tools::from_env(env!("CARGO_BIN_EXE_testbed")));
    let blocks = blocks(&readme);
    let there = |language| blocks.iter().any(|block: &Block| block.language == language);
    assert!(there("yaml") && there("json"), "README.md has lost its examples");
    let trials = blocks.into_iter().map(|block| trial(block, tools.clone())).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(block: Block, tools: Arc<Tools>) -> Trial {
    let name = format!("readme::{}_at_line_{}", block.language, block.line);
    Trial::test(name, move || {
        check(&block, &tools).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

fn blocks(readme: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (index, line) in readme.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.to_owned(),
                    line: index + 1,
                    text: String::new(),
                    shows_defaults: before == DEFAULTS,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
        before = line;
    }
    blocks.retain(|block| ["yaml", "json"].contains(&block.language.as_str()));
    blocks
}

fn check(block: &Block, tools: &Tools) -> Result<()> {
    if block.language == "json" {
        if block.shows_defaults {
            let shown: Value = serde_json::from_str(&block.text)?;
            let built_in: Value = serde_json::from_str(heartbeat_core::config::DEFAULT_PROBES)?;
            ensure!(shown["probes"] == built_in, "these aren't the default probes");
        }
        return check_plugin_config(&block.text, tools);
    }
    if let Ok(manifests) = Manifest::parse(&block.text) {
        return manifests.iter().try_for_each(|manifest| check_manifest(manifest, tools));
    }
    let yaml: Value =
        serde_saphyr::from_str(&block.text).map_err(|error| anyhow::anyhow!("{error}"))?;
    if yaml.get("static_resources").is_some() {
        let directory = tempfile::tempdir().context("no temporary directory")?;
        let path = directory.path().join("envoy.yaml");
        std::fs::write(&path, &block.text)?;
        EnvoyBuilder::new(tools, &path)?.validate()
    } else if let Some(tags) = yaml["stats_config"]["stats_tags"].as_array() {
        let shipped = std::fs::read_to_string(tools::envoy_configs().join("static/envoy.yaml"))?;
        let shipped: Value =
            serde_saphyr::from_str(&shipped).map_err(|error| anyhow::anyhow!("{error}"))?;
        let known = shipped["stats_config"]["stats_tags"].as_array();
        let strange = tags.iter().find(|tag| !known.is_some_and(|known| known.contains(tag)));
        ensure!(strange.is_none(), "the shipped envoy.yaml has no such tag: {strange:?}");
        Ok(())
    } else {
        bail!("nothing here knows how to check this YAML")
    }
}

fn check_manifest(manifest: &Manifest, tools: &Tools) -> Result<()> {
    manifest.schema()?.check(manifest.value())?;
    let mut configs = manifest.plugin_configs().into_iter().flatten();
    configs.try_for_each(|config| check_plugin_config(&config.to_string(), tools))
}

fn check_plugin_config(json: &str, tools: &Tools) -> Result<()> {
    EnvoyBuilder::new(tools, &tools::envoy_configs().join("static/envoy.yaml"))?
        .plugin_config(PluginConfig::Text(json.into()))
        .validate()
}
