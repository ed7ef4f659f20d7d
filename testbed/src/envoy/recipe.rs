//! Envoys as the pages in `docs/recipes` configure them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::builder::EnvoyBuilder;
use super::config::PluginConfig;
use crate::manifest::Manifest;
use crate::page::{self, Block};
use crate::tools::{self, Tools};

impl EnvoyBuilder {
    /// An Envoy with the configuration that stands in the page `docs/recipes/NAME.md`: the
    /// static configuration there, or else the shipped one with what the page's WasmPlugin
    /// configures.
    pub fn recipe(tools: &Tools, name: &str) -> Result<Self> {
        let path = path_of(name);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let mut blocks = page::blocks(&text);
        blocks.retain(|block| block.language == "yaml");
        let whole = blocks.iter().find_map(static_configuration);
        if let Some(config) = whole.transpose()? {
            return Ok(Self::from_config(tools, config));
        }
        let config = plugin_config(&blocks)
            .with_context(|| format!("{} has no configuration", path.display()))?;
        let shipped = tools::envoy_configs().join("static/envoy.yaml");
        Ok(Self::new(tools, &shipped)?.plugin_config(PluginConfig::Text(config.to_string())))
    }
}

fn path_of(name: &str) -> PathBuf {
    tools::workspace().join("docs/recipes").join(Path::new(name).with_extension("md"))
}

fn static_configuration(block: &Block) -> Option<Result<Value>> {
    let at_top = |line: &str| line.starts_with("static_resources:");
    block.text.lines().any(at_top).then(|| {
        let error = |error| anyhow!("the block at line {}: {error}", block.line);
        serde_saphyr::from_str(&block.text).map_err(error)
    })
}

fn plugin_config(blocks: &[Block]) -> Option<Value> {
    let manifests = blocks.iter().filter_map(|block| Manifest::parse(&block.text).ok());
    manifests.flatten().flat_map(|manifest| manifest.plugin_configs()).flatten().next()
}
