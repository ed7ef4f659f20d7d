//! What `istioctl` says of the shipped resources.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use testbed::tools::{self, Tools};

use crate::agent::istioctl;
use crate::network::run;

/// It warns of every EnvoyFilter, and docs/install/istio.md says why there are some. Of
/// nothing else.
const WARNINGS: [(&str, &str); 4] = [
    ("before-ext-authz.yaml", "EnvoyFilter/shop/heartbeat"),
    ("envoyfilter.yaml", "EnvoyFilter/shop/heartbeat-hub"),
    ("grpc-responder.yaml", "EnvoyFilter/shop/heartbeat-responder"),
    ("probe-connections.yaml", "EnvoyFilter/shop/heartbeat-probe-connections"),
];

/// `analyze` finds nothing, in one file or all together; `validate` warns of EnvoyFilters.
pub fn warnings(tools: &Tools) -> Result<()> {
    let files = shipped()?;
    let folder = tempfile::Builder::new().prefix("testbed-istioctl-").tempdir()?;
    let analyze = |files: &[PathBuf]| {
        let mut command = istioctl(tools, folder.path())?;
        run(command.args(["analyze", "--use-kube=false", "--failure-threshold=Info"]).args(files))
    };
    analyze(&files)?;
    let mut seen = BTreeSet::new();
    for file in &files {
        analyze(std::slice::from_ref(file))?;
        // It says what it finds on standard error.
        let mut command = istioctl(tools, folder.path())?;
        let output = command.arg("validate").arg("-f").arg(file).output()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{}: {said}", file.display());
        let name = file.file_name().and_then(|name| name.to_str()).context("no name")?;
        for line in said.lines().filter(|line| !line.is_empty()) {
            let verdict = [" is valid", " has warnings: "].iter().any(|end| line.ends_with(end));
            if verdict && line.contains(name) {
                continue;
            }
            let warning = line.trim().trim_start_matches("* ");
            let of = warning.strip_suffix(OF_ENVOY_FILTERS);
            seen.insert((name.to_owned(), of.with_context(|| said.clone())?.to_owned()));
        }
    }
    let expected = WARNINGS.map(|(file, of)| (file.to_owned(), of.to_owned()));
    ensure!(seen == BTreeSet::from(expected), "{seen:?}");
    Ok(())
}

const OF_ENVOY_FILTERS: &str = ": EnvoyFilter exposes internal implementation details that may \
    change at any time. Prefer other APIs if possible, and exercise extreme caution, especially \
    around upgrades.";

/// Every file with resources of Istio's.
fn shipped() -> Result<Vec<PathBuf>> {
    let configs = tools::envoy_configs();
    let folder = std::fs::read_dir(configs.join("istio"))?;
    let mut files = folder.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    files.push(configs.join("mesh/envoyfilter.yaml"));
    files.sort();
    Ok(files)
}
