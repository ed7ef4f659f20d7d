//! What every shipped alert must have: a case in which it fires, words, a line on the page.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde::Deserialize;
use testbed::prometheus::rules;
use testbed::tools;

use crate::faults;

/// How bad alerts may be.
const SEVERITIES: [&str; 2] = ["critical", "warning"];

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial(
            "each_alert_has_a_case_in_which_it_fires_and_there_are_quiet_ones",
            each_has_its_cases,
        ),
        crate::trial("each_alert_says_how_bad_it_is_and_what_to_do", each_says_enough),
        crate::trial("each_alert_stands_on_the_page_with_its_severity", the_page_names_each),
        crate::trial("no_name_is_given_to_two_alerts", names_are_given_once),
    ]
}

/// An alert.
pub struct Alert {
    pub name: String,
    pub severity: String,
    pub rule: rules::Rule,
}

/// All that are shipped.
pub fn alerts() -> Result<Vec<Alert>> {
    let named = rules::all()?.into_iter().filter_map(|rule| {
        let severity = rule.labels.get("severity").cloned().unwrap_or_default();
        Some(Alert { name: rule.alert.clone()?, severity, rule })
    });
    let alerts: Vec<_> = named.collect();
    ensure!(!alerts.is_empty(), "there are no alerts");
    Ok(alerts)
}

/// A file for `promtool test rules`.
#[derive(Deserialize)]
struct Tests {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(default)]
    promql_expr_test: Vec<Query>,
    #[serde(default)]
    alert_rule_test: Vec<Asked>,
}

/// A query, and what it must find.
#[derive(Deserialize)]
struct Query {
    expr: String,
    #[serde(default)]
    exp_samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    labels: String,
}

/// An alert, and how it must fire.
#[derive(Deserialize)]
struct Asked {
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<serde_json::Value>,
}

fn each_has_its_cases() -> Result<()> {
    let mut fires = BTreeSet::new();
    let mut quiet_cases = 0;
    for path in rules::test_files()? {
        let Tests { tests } = rules::parse(&path)?;
        for Query { expr, exp_samples } in tests.iter().flat_map(|test| &test.promql_expr_test) {
            quiet_cases += usize::from(expr.contains("ALERTS") && exp_samples.is_empty());
            fires.extend(exp_samples.iter().filter_map(alert_name));
        }
        for Asked { alertname, exp_alerts } in tests.iter().flat_map(|test| &test.alert_rule_test) {
            quiet_cases += usize::from(exp_alerts.is_empty());
            fires.extend((!exp_alerts.is_empty()).then(|| alertname.clone()));
        }
    }
    ensure!(quiet_cases > 0, "no case expects silence");
    let silent = alerts()?.into_iter().filter(|alert| !fires.contains(&alert.name));
    faults::none(silent.map(|it| format!("{}: no case in which it fires", it.name)).collect())
}

/// The alert in the labels of an expected sample.
fn alert_name(sample: &Sample) -> Option<String> {
    let (_, name) = sample.labels.split_once("alertname=\"")?;
    Some(name.split('"').next()?.to_owned())
}

fn each_says_enough() -> Result<()> {
    let mut faults = Vec::new();
    for Alert { name, severity, rule } in alerts()? {
        if !SEVERITIES.contains(&&*severity) {
            faults.push(format!("{name}: severity {severity:?}"));
        }
        for (annotation, least) in [("summary", 10), ("description", 80)] {
            let text = rule.annotations.get(annotation).map_or("", |text| text.trim());
            if text.len() < least {
                faults.push(format!("{name}: too short a {annotation}: {text:?}"));
            }
        }
    }
    faults::none(faults)
}

fn the_page_names_each() -> Result<()> {
    let page = std::fs::read_to_string(tools::workspace().join("docs/observability.md"))?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let named: BTreeSet<_> = rows
        .filter_map(|(name, rest)| Some((name.to_owned(), rest.split_once(" | ")?.0.to_owned())))
        .filter(|(_, severity)| SEVERITIES.contains(&&**severity))
        .collect();
    let alerts: BTreeSet<_> = alerts()?.into_iter().map(|it| (it.name, it.severity)).collect();
    let differ = named.symmetric_difference(&alerts);
    faults::none(differ.map(|(name, severity)| format!("{name}, {severity}")).collect())
}

/// Messages, inhibition and the page go by an alert's name.
fn names_are_given_once() -> Result<()> {
    let mut given = BTreeSet::new();
    let names = alerts()?.into_iter().map(|alert| alert.name);
    faults::none(names.filter(|name| !given.insert(name.clone())).collect())
}
