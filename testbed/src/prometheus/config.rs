//! The shipped scrape configuration, adapted to this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::tools;

/// The folder of what is shipped.
pub fn shipped() -> PathBuf {
    tools::envoy_configs().join("observability")
}

/// The target in the shipped file.
const SHIPPED_TARGET: &str = "127.0.0.1:9901";

/// How often the test scrapes and evaluates; nobody waits for quarters of a minute here.
const INTERVAL: &str = "1s";

/// Writes the configuration in the folder `shipped` to `home`, with `envoy` in place of
/// the shipped target, and returns its path.
pub fn write(shipped: &Path, home: &Path, envoy: SocketAddr) -> Result<PathBuf> {
    let path = shipped.join("prometheus.yml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let mut config = serde_saphyr::from_str(&text)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    adapt(&mut config, shipped, envoy)?;
    let path = home.join("prometheus.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&config)?)
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

fn adapt(config: &mut Value, shipped: &Path, envoy: SocketAddr) -> Result<()> {
    for interval in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
        config["global"][interval] = json!(INTERVAL);
    }
    for file in config["rule_files"].as_array_mut().into_iter().flatten() {
        *file = json!(shipped.join(file.as_str().unwrap_or_default()));
    }
    // Whoever has an Alertmanager on this machine shall not be woken by a test.
    config["alerting"] = Value::Null;

    let jobs = config["scrape_configs"].as_array_mut().into_iter().flatten();
    let moved = jobs
        .filter_map(|job| job.pointer_mut("/static_configs/0/targets/0"))
        .filter(|target| *target == SHIPPED_TARGET)
        .map(|target| *target = json!(envoy.to_string()))
        .count();
    ensure!(moved == 1, "{moved} targets are {SHIPPED_TARGET}, and one should be");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(target: &str) -> Result<Value> {
        let mut config = json!({
            "global": { "scrape_interval": "15s" },
            "rule_files": ["rules.yml"],
            "alerting": { "alertmanagers": [] },
            "scrape_configs": [{ "static_configs": [{ "targets": [target] }] }],
        });
        adapt(&mut config, Path::new("/there"), SocketAddr::from(([127, 0, 0, 1], 7)))?;
        Ok(config)
    }

    #[test]
    fn the_shipped_target_is_moved_and_nothing_is_alerted() {
        let config = adapted(SHIPPED_TARGET).unwrap();
        assert_eq!(config["scrape_configs"][0]["static_configs"][0]["targets"][0], "127.0.0.1:7");
        assert_eq!(config["global"]["scrape_interval"], "1s");
        assert_eq!(config["rule_files"][0], "/there/rules.yml");
        assert!(config["alerting"].is_null());
    }

    #[test]
    fn a_target_that_is_gone_is_an_error() {
        assert!(adapted("127.0.0.1:1").is_err());
    }
}
