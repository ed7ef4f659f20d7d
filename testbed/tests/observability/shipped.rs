//! The shipped files, through Prometheus's own tools.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;
use testbed::prometheus::dashboard::Dashboard;
use testbed::prometheus::{rules, shipped};
use testbed::tools;

use crate::faults;

/// The files of tests for alerts.
const ALERT_TESTS: [&str; 2] = ["alert-tests.yml", "alert-days-tests.yml"];

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("promtool_takes_configuration_and_rules", || {
            let strict = ["--lint-fatal"];
            run("promtool", &[&["check", "config"], &strict[..], &["prometheus.yml"]].concat())?;
            run(
                "promtool",
                &[&["check", "rules"], &strict[..], &["recording-rules.yml", "alert-rules.yml"]]
                    .concat(),
            )
        }),
        crate::trial("each_alert_fires_when_it_must_and_only_then", || {
            run("promtool", &[&["test", "rules"], &ALERT_TESTS[..]].concat())
        }),
        crate::trial(
            "each_alert_has_a_case_in_which_it_fires_and_there_are_quiet_ones",
            each_alert_has_its_cases,
        ),
        crate::trial("each_alert_says_how_bad_it_is_and_what_to_do", each_alert_says_enough),
        crate::trial(
            "each_alert_stands_in_the_readme_with_its_severity",
            the_page_names_each_alert,
        ),
        crate::trial("amtool_takes_the_alertmanager_example", || {
            run("amtool", &["check-config", "alertmanager.yml"])
        }),
        crate::trial("each_severity_is_routed_to_its_receiver", || {
            for (severity, receiver) in [("critical", "pager"), ("warning", "tickets")] {
                let label = format!("severity={severity}");
                run(
                    "amtool",
                    &[
                        "config",
                        "routes",
                        "test",
                        "--config.file=alertmanager.yml",
                        &format!("--verify.receivers={receiver}"),
                        &label,
                    ],
                )?;
            }
            Ok(())
        }),
        crate::trial("the_dashboard_is_well_formed", dashboard_is_well_formed),
    ]
}

/// Runs one of the tools in the folder of the shipped files.
fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let path = crate::tools().prometheus(program)?;
    let output = Command::new(path).args(arguments).current_dir(shipped()).output()?;
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

fn alerts() -> Result<Vec<rules::Rule>> {
    rules::read(&shipped().join("alert-rules.yml"))
}

fn each_alert_has_its_cases() -> Result<()> {
    let mut fires = BTreeSet::new();
    let mut quiet_cases = 0;
    for file in ALERT_TESTS {
        let cases: Value = serde_saphyr::from_str(&std::fs::read_to_string(shipped().join(file))?)?;
        for test in cases["tests"].as_array().into_iter().flatten() {
            for case in test["promql_expr_test"].as_array().into_iter().flatten() {
                let samples = case["exp_samples"].as_array().map_or(&[][..], Vec::as_slice);
                quiet_cases += usize::from(samples.is_empty());
                fires.extend(samples.iter().filter_map(alert_name));
            }
        }
    }
    ensure!(quiet_cases > 0, "no case expects silence");
    let silent =
        alerts()?.into_iter().filter_map(|rule| rule.alert).filter(|name| !fires.contains(name));
    faults::none(silent.map(|name| format!("{name}: no case in which it fires")).collect())
}

/// The alert in the labels of an expected sample.
fn alert_name(sample: &Value) -> Option<String> {
    let (_, name) = sample["labels"].as_str()?.split_once("alertname=\"")?;
    Some(name.split('"').next()?.to_owned())
}

fn each_alert_says_enough() -> Result<()> {
    let alerts = alerts()?;
    ensure!(!alerts.is_empty(), "there are no alerts");
    let mut faults = Vec::new();
    for alert in alerts {
        let name = alert.alert.unwrap_or_default();
        let severity = alert.labels.get("severity").map_or("", String::as_str);
        if !["critical", "warning"].contains(&severity) {
            faults.push(format!("{name}: severity {severity:?}"));
        }
        for (annotation, least) in [("summary", 10), ("description", 80)] {
            let text = alert.annotations.get(annotation).map_or("", |text| text.trim());
            if text.len() < least {
                faults.push(format!("{name}: too short a {annotation}: {text:?}"));
            }
        }
    }
    faults::none(faults)
}

fn the_page_names_each_alert() -> Result<()> {
    let page = std::fs::read_to_string(tools::workspace().join("docs/observability.md"))?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let named: BTreeSet<_> = rows
        .filter_map(|(name, rest)| Some((name.to_owned(), rest.split_once(" | ")?.0.to_owned())))
        .filter(|(_, severity)| ["critical", "warning"].contains(&severity.as_str()))
        .collect();
    let alerts = alerts()?.into_iter().map(|mut rule| {
        (rule.alert.unwrap_or_default(), rule.labels.remove("severity").unwrap_or_default())
    });
    let alerts: BTreeSet<_> = alerts.collect();
    let differ = named.symmetric_difference(&alerts);
    faults::none(differ.map(|(name, severity)| format!("{name}, {severity}")).collect())
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
