//! Listeners that change while Envoy runs: they stand in a file that it watches, which is
//! the listener discovery service (LDS) without a server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::process::Envoy;

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// Moves the listeners of `config` to a file in `home`.
pub fn move_to_file(config: &mut Value, home: &Path) -> Result<()> {
    let mut listeners = config["static_resources"]["listeners"].take();
    for listener in listeners.as_array_mut().context("there are no listeners")? {
        listener["@type"] = json!(LISTENER);
    }
    config["dynamic_resources"]["lds_config"] = json!({
        "resource_api_version": "V3",
        "path_config_source": { "path": path(home) },
    });
    write(home, &listeners)
}

fn path(home: &Path) -> PathBuf {
    home.join("lds.json")
}

/// Envoy looks when a file is moved to the path, so it never reads half of one.
fn write(home: &Path, listeners: &Value) -> Result<()> {
    let (path, new) = (path(home), home.join("lds.new"));
    let context = || format!("can't write {}", path.display());
    std::fs::write(&new, json!({ "resources": listeners }).to_string()).with_context(context)?;
    std::fs::rename(&new, &path).with_context(context)
}

impl Envoy {
    /// Its listeners; it must have been built with them in a file.
    pub fn listeners(&self) -> Result<Value> {
        let path = path(self.home.path());
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        Ok(serde_json::from_str::<Value>(&text)?["resources"].take())
    }

    /// Gives it other listeners; it takes them when their filters are ready.
    pub fn set_listeners(&self, listeners: &Value) -> Result<()> {
        write(self.home.path(), listeners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_moved_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let mut config =
            json!({ "static_resources": { "listeners": [{ "name": "a" }], "clusters": [] } });
        move_to_file(&mut config, home.path()).unwrap();
        assert_eq!(config["static_resources"], json!({ "listeners": null, "clusters": [] }));
        let file: Value =
            serde_json::from_slice(&std::fs::read(path(home.path())).unwrap()).unwrap();
        assert_eq!(file, json!({ "resources": [{ "@type": LISTENER, "name": "a" }] }));
        assert!(move_to_file(&mut json!({}), home.path()).is_err());
    }
}
