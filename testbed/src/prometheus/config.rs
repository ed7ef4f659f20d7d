//! The shipped scrape configuration, adapted to this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::windows;
use crate::tools;

/// The folder of what is shipped.
pub fn shipped() -> PathBuf {
    tools::envoy_configs().join("observability")
}

/// The admin interfaces of proxies, by the job that they are scraped for.
pub type Jobs = BTreeMap<String, Vec<SocketAddr>>;

/// The target in the shipped file.
const SHIPPED_TARGET: &str = "127.0.0.1:9901";

/// How often the test scrapes and evaluates; nobody waits for quarters of a minute here.
const INTERVAL: &str = "1s";

/// Writes the configuration in the folder `shipped` to `home`, with `envoy` in place of
/// the shipped target, and returns its path.
pub fn write(shipped: &Path, home: &Path, envoy: SocketAddr) -> Result<PathBuf> {
    let mut config = read(&shipped.join("prometheus.yml"))?;
    adapt(&mut config, shipped, envoy)?;
    write_json(&config, home, "prometheus.json")
}

/// The same with `jobs` in place of the shipped one, and with rules whose windows are
/// [shortened](windows::shorten).
pub fn write_short(shipped: &Path, home: &Path, jobs: &Jobs) -> Result<PathBuf> {
    let mut config = read(&shipped.join("prometheus.yml"))?;
    hasten(&mut config);
    for file in config["rule_files"].as_array_mut().into_iter().flatten() {
        let name = file.as_str().unwrap_or_default().to_owned();
        let mut rules = read(&shipped.join(&name))?;
        windows::shorten(&mut rules).with_context(|| name.clone())?;
        *file = json!(write_json(&rules, home, &name)?);
    }
    let job = config["scrape_configs"].get(0).cloned().context("no job in prometheus.yml")?;
    config["scrape_configs"] =
        jobs.iter().map(|(name, proxies)| of_job(&job, name, proxies)).collect();
    write_json(&config, home, "prometheus.json")
}

/// The job called `name`, like another one.
fn of_job(like: &Value, name: &str, proxies: &[SocketAddr]) -> Value {
    let mut job = like.clone();
    let targets: Vec<_> = proxies.iter().map(SocketAddr::to_string).collect();
    job["job_name"] = json!(name);
    job["static_configs"] = json!([{ "targets": targets }]);
    job
}

fn read(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// Writes what is YAML, too.
fn write_json(value: &Value, home: &Path, name: &str) -> Result<PathBuf> {
    let path = home.join(name);
    std::fs::write(&path, serde_json::to_vec_pretty(value)?)
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// Nobody waits here, and nobody is woken.
fn hasten(config: &mut Value) {
    for interval in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
        config["global"][interval] = json!(INTERVAL);
    }
    // Whoever has an Alertmanager on this machine shall not be woken by a test.
    config["alerting"] = Value::Null;
}

fn adapt(config: &mut Value, shipped: &Path, envoy: SocketAddr) -> Result<()> {
    hasten(config);
    for file in config["rule_files"].as_array_mut().into_iter().flatten() {
        *file = json!(shipped.join(file.as_str().unwrap_or_default()));
    }
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

    #[test]
    fn every_shipped_rule_file_has_only_windows_that_can_be_shortened() {
        let home = tempfile::tempdir().unwrap();
        let proxies = |port| vec![SocketAddr::from(([127, 0, 0, 1], port))];
        let jobs = [("web", 1), ("payments", 2)].map(|(job, port)| (job.into(), proxies(port)));
        let path = write_short(&shipped(), home.path(), &jobs.into()).unwrap();
        let config = read(&path).unwrap();
        let job = &config["scrape_configs"][1];
        assert_eq!(job["job_name"], "web");
        assert_eq!(job["metrics_path"], "/stats/prometheus");
        assert_eq!(job["static_configs"], json!([{ "targets": ["127.0.0.1:1"] }]));
        let rules = config["rule_files"].as_array().unwrap();
        assert!(rules.iter().all(|file| Path::new(file.as_str().unwrap()).exists()), "{rules:?}");
    }
}
