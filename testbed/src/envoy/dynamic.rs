//! Filters that are configured anew while Envoy runs.
//!
//! Each Wasm filter is moved to a file of its own, which Envoy watches: the
//! extension configuration discovery service (ECDS) without a server. That is
//! also how Istio's control plane delivers a filter.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::config::{PluginConfig, set_plugin_config, take_wasm_filters};

/// A filter whose configuration is a file.
#[derive(Clone, Debug)]
pub struct DynamicFilter {
    name: String,
    typed_config: Value,
    path: PathBuf,
    /// How often it was configured anew.
    version: u32,
}

/// Moves every Wasm filter of `config` to a file in `home`.
pub fn move_to_files(config: &mut Value, home: &Path) -> Result<Vec<DynamicFilter>> {
    let filters = take_wasm_filters(config, |name| source(&path(home, name)));
    ensure!(!filters.is_empty(), "there is no Wasm filter to be configured anew");
    let mut files: Vec<DynamicFilter> = Vec::new();
    for (name, typed_config) in filters {
        if let Some(file) = files.iter().find(|file| file.name == name) {
            ensure!(file.typed_config == typed_config, "two filters called {name} differ");
            continue;
        }
        let path = path(home, &name);
        let file = DynamicFilter { name, typed_config, path, version: 0 };
        file.write()?;
        files.push(file);
    }
    Ok(files)
}

fn path(home: &Path, name: &str) -> PathBuf {
    home.join(format!("{name}.ecds.json"))
}

/// Where a filter says that its configuration is found.
fn source(path: &Path) -> Value {
    json!({
        "config_source": {
            "resource_api_version": "V3",
            "path_config_source": { "path": path },
        },
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    })
}

impl DynamicFilter {
    /// Envoy looks when a file is moved to the path, so it never reads half of one.
    fn write(&self) -> Result<()> {
        let resource = json!({
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": self.name,
            "typed_config": self.typed_config,
        });
        let new = self.path.with_extension("new");
        let context = || format!("can't write {}", self.path.display());
        std::fs::write(&new, json!({ "resources": [resource] }).to_string())
            .with_context(context)?;
        std::fs::rename(&new, &self.path).with_context(context)
    }

    /// Configures it anew.
    pub(super) fn set(&mut self, plugin_config: &PluginConfig) -> Result<()> {
        self.version += 1;
        set_plugin_config(&mut self.typed_config, &marked(plugin_config, self.version));
        self.write()
    }
}

/// `plugin_config` as no version before it was: Envoy overlooks what it has
/// already. White space at the end of JSON has no meaning, so it may be a number.
fn marked(plugin_config: &PluginConfig, version: u32) -> PluginConfig {
    match plugin_config {
        PluginConfig::Text(text) if !text.is_empty() => {
            let mark = format!("{version:b}").replace('0', " ").replace('1', "\n");
            PluginConfig::Text(text.clone() + &mark)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_is_like_another_and_all_mean_the_same() {
        let text = |version| match marked(&PluginConfig::Text("{}".into()), version) {
            PluginConfig::Text(text) => text,
            other => panic!("{other:?}"),
        };
        let all: std::collections::BTreeSet<_> = (1..1_000).map(text).collect();
        assert_eq!(all.len(), 999);
        assert!(all.iter().all(|text| text.trim_end() == "{}"));
    }

    #[test]
    fn an_empty_configuration_stays_empty() {
        let empty = PluginConfig::Text(String::new());
        assert_eq!(marked(&empty, 1), empty);
    }
}
