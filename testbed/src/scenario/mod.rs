//! The behaviour of the filter as scenarios, run on a real Envoy: `testbed/scenarios/*.yaml`.
//! How they are written is the page beside them, `testbed/scenarios/README.md`.

mod app_command;
mod apps;
mod arrivals;
mod burst;
mod expect;
mod format;
mod grpc;
mod grpc_burst;
mod headers;
mod json;
mod leave;
mod load;
mod logs;
mod observe;
mod pace;
mod pattern;
mod pool;
mod question;
mod random;
mod rate;
mod raw;
mod repeat;
mod report;
mod request;
mod role;
mod run;
mod runner;
mod schema;
mod span;
mod step;
mod table;
mod tally;
mod template;
mod traffic;

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::Value;

pub use self::format::Scenario;
pub use self::observe::{Answer, Observed, observe};
pub use self::question::Question;
pub use self::run::{run, run_in, run_on};

/// A file of scenarios.
#[derive(Debug)]
pub struct ScenarioFile {
    /// Its name without the extension.
    pub group: String,
    /// What it holds, in order.
    pub scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    scenarios: Vec<Value>,
}

/// Reads the YAML files of a directory, in order.
pub fn read_all(directory: &Path) -> Result<Vec<ScenarioFile>> {
    let entries = directory
        .read_dir()
        .with_context(|| format!("can't read {}", directory.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let group = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let scenarios = read(&text).with_context(|| path.display().to_string())?;
        all.push(ScenarioFile { group, scenarios });
    }
    Ok(all)
}

/// Reads the scenarios of one file from its text.
pub fn read(text: &str) -> Result<Vec<Scenario>> {
    let file: Yaml = serde_saphyr::from_str(text).map_err(|error| anyhow!("{error}"))?;
    let mut names = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for scenario in file.scenarios {
        let context = format!("scenario {}", name(&scenario));
        for mut scenario in table::spread(scenario).context(context)? {
            let name = name(&scenario);
            ensure!(names.insert(name.clone()), "scenario {name} stands twice");
            let scenario = template::expand(&mut scenario, None)
                .and_then(|()| Ok(serde_json::from_value::<Scenario>(scenario)?))
                .and_then(Scenario::checked);
            all.push(scenario.with_context(|| format!("scenario {name}"))?);
        }
    }
    Ok(all)
}

fn name(scenario: &Value) -> String {
    scenario["name"].as_str().unwrap_or("without a name").to_owned()
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;

#[cfg(test)]
mod manual_tests;
