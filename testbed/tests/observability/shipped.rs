//! The shipped files, through Prometheus's own tools.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use testbed::prometheus::dashboard::Dashboard;
use testbed::prometheus::{rules, shipped};

use crate::faults;

pub fn trials() -> Vec<Trial> {
    // Where there are none, another of these says so.
    let tests = rules::test_files().unwrap_or_default().into_iter().map(|path| {
        crate::trial(&format!("rules_do_what_their_tests_say::{}", name(&path)), || {
            run("promtool", &["test", "rules"], &[path])
        })
    });
    let files = vec![
        crate::trial("promtool_takes_configuration_and_rules", || {
            let strict = "--lint-fatal";
            run("promtool", &["check", "config", strict, "prometheus.yml"], &[])?;
            run("promtool", &["check", "rules", strict], &rules::files()?)
        }),
        crate::trial("promtool_takes_the_configuration_for_istio", istios_is_one),
        crate::trial("each_file_of_rules_is_loaded_and_tested", each_file_is_loaded_and_tested),
        crate::trial("the_dashboard_is_well_formed", dashboard_is_well_formed),
    ];
    tests.chain(files).collect()
}

/// Runs one of the tools on `files`, in the folder of the shipped ones.
fn run(program: &str, arguments: &[&str], files: &[PathBuf]) -> Result<()> {
    let path = crate::tools().prometheus(program)?;
    let output = Command::new(path).args(arguments).args(files).current_dir(shipped()).output()?;
    ensure!(
        output.status.success(),
        "{program} {}: {}\n{}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The part of `prometheus.yml` for Istio, which is a comment there.
fn istios_is_one() -> Result<()> {
    let text = std::fs::read_to_string(shipped().join("prometheus.yml"))?;
    let comment = text.split_once("  # - job_name:").context("Istio's part is gone")?.1;
    let job = comment.replace("\n  # ", "\n  ");
    // A promtool may have been built without Kubernetes, as Debian's is.
    let job: Vec<_> = job.lines().filter(|line| !line.contains("kubernetes_sd_configs")).collect();
    let job = job.join("\n");
    let mut file = tempfile::NamedTempFile::new().context("no temporary file")?;
    writeln!(file, "scrape_configs:\n  - job_name:{job}")?;
    run("promtool", &["check", "config", "--lint-fatal"], &[file.path().to_owned()])
}

/// What lies in the folder is what Prometheus loads, and what the tests load.
fn each_file_is_loaded_and_tested() -> Result<()> {
    let there: BTreeSet<_> = rules::shipped_as("-rules.yml")?.into_iter().collect();
    let loaded: BTreeSet<_> = rules::files()?.into_iter().collect();
    let mut tested = BTreeSet::new();
    for path in rules::test_files()? {
        tested.extend(rules::files_named_in(&path)?);
    }
    let mut faults = Vec::new();
    for (files, whose) in [(loaded, "prometheus.yml"), (tested, "the files of tests")] {
        let odd = there.symmetric_difference(&files);
        faults.extend(odd.map(|file| format!("{whose} and the folder differ: {}", name(file))));
    }
    faults::none(faults)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn dashboard_is_well_formed() -> Result<()> {
    let dashboard = Dashboard::read()?;
    let mut faults = Vec::new();
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    ensure!(dashboard.json()["schemaVersion"].as_u64() >= Some(39), "an outdated schemaVersion");
    for panel in dashboard.json()["panels"].as_array().into_iter().flatten() {
        let title = &panel["title"];
        if !ids.insert(panel["id"].to_string()) {
            faults.push(format!("{title}: its id is another panel's, too"));
        }
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap_or_default();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                if x >= 24 || !cells.insert((x, y)) {
                    faults.push(format!("{title}: no room at {x}, {y}"));
                }
            }
        }
    }
    for panel in dashboard.panels() {
        let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
        if targets.is_empty() {
            faults.push(format!("{}: it asks nothing", panel["title"]));
        }
        for asked in targets.iter().chain([panel]) {
            if asked["datasource"]["uid"] != "${datasource}" {
                faults.push(format!("{}: a data source of its own", panel["title"]));
            }
        }
    }
    faults::none(faults)
}
