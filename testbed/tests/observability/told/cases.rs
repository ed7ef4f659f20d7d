//! Alerts as Prometheus sends them: its own rule engine makes them of the shipped rules, and
//! of the series with which the shipped tests make them fire.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testbed::prometheus::rules;

/// The proxy that the tests call `a`.
const PROXY: &str = "10.1.0.5:9901";

/// An alert that fires.
#[derive(Clone, Debug)]
pub struct Fired {
    /// The query that found it.
    expr: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

impl Fired {
    /// The name of its rule.
    pub fn name(&self) -> &str {
        &self.labels["alertname"]
    }

    /// The same alert with another value of a label.
    pub fn with(mut self, label: &str, value: &str) -> Self {
        self.labels.insert(label.into(), value.into());
        self
    }

    /// As Alertmanager wants it.
    pub fn json(&self) -> Value {
        json!({
            "labels": self.labels,
            "annotations": self.annotations,
            "generatorURL": format!("http://127.0.0.1:9090/graph?g0.expr={}&g0.tab=1", encoded(&self.expr)),
        })
    }
}

/// The shipped alert of this name.
pub fn one(name: &str) -> Result<Fired> {
    let alert = fired(|alert| alert == name)?.remove(name);
    alert.with_context(|| format!("no case makes {name} fire"))
}

/// Every shipped alert, by its name.
pub fn all() -> Result<BTreeMap<String, Fired>> {
    let all = fired(|_| true)?;
    let alerts = rules::all()?.into_iter().filter_map(|rule| rule.alert);
    let missing: Vec<_> = alerts.filter(|name| !all.contains_key(name)).collect();
    ensure!(missing.is_empty(), "no case makes them fire: {missing:?}");
    Ok(all)
}

/// Those that are `wanted`, each as it fires in the first case in which it must.
fn fired(wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Fired>> {
    let mut all = BTreeMap::new();
    for path in rules::test_files()? {
        let mut tests: Tests = rules::parse(&path)?;
        tests.rule_files = rules::files_named_in(&path)?;
        if tests.ask(|name| wanted(name) && !all.contains_key(name)) {
            all.extend(answers(&tests)?);
        }
    }
    Ok(all)
}

/// A file for `promtool test rules`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    rule_files: Vec<PathBuf>,
    evaluation_interval: String,
    tests: Vec<Test>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Test {
    name: String,
    interval: String,
    input_series: Vec<Series>,
    #[serde(default)]
    promql_expr_test: Vec<Query>,
    #[serde(default)]
    alert_rule_test: Vec<Asked>,
}

#[derive(Deserialize, Serialize)]
struct Series {
    series: String,
    // `0x60` is sixty-one zeros here, and elsewhere in YAML it is 96.
    values: String,
}

/// A query, and what it must find.
#[derive(Deserialize, Serialize)]
struct Query {
    eval_time: String,
    #[serde(default)]
    exp_samples: Vec<Sample>,
}

#[derive(Deserialize, Serialize)]
struct Sample {
    labels: String,
}

/// An alert, and how it must fire.
#[derive(Deserialize, Serialize)]
struct Asked {
    eval_time: String,
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<Value>,
}

impl Tests {
    /// Has them say of each alert that is `wanted` that it doesn't fire when it must: then
    /// promtool says how it does. `false` if they have none of them.
    fn ask(&mut self, wanted: impl Fn(&str) -> bool) -> bool {
        let mut asked = BTreeSet::new();
        for test in &mut self.tests {
            let firing = test.firing().into_iter();
            let new = |(name, _): &(String, _)| wanted(name) && asked.insert(name.clone());
            let ask = |(alertname, eval_time)| Asked { eval_time, alertname, exp_alerts: vec![] };
            test.alert_rule_test = firing.filter(new).map(ask).collect();
            test.promql_expr_test.clear();
            for Series { series, .. } in &mut test.input_series {
                // Proxies have addresses.
                *series = series.replace(r#"instance="a""#, &format!(r#"instance="{PROXY}""#));
            }
        }
        self.tests.retain(|test| !test.alert_rule_test.is_empty());
        !self.tests.is_empty()
    }
}

impl Test {
    /// The alerts that fire in it, each with the first moment when it does.
    fn firing(&self) -> BTreeMap<String, String> {
        let mut firing = BTreeMap::new();
        for Query { eval_time, exp_samples } in &self.promql_expr_test {
            for Sample { labels } in exp_samples {
                let name =
                    labels.split_once("alertname=\"").and_then(|(_, it)| it.split('"').next());
                if let Some(name) = name {
                    firing.entry(name.to_owned()).or_insert(eval_time.clone());
                }
            }
        }
        for Asked { eval_time, alertname, exp_alerts } in &self.alert_rule_test {
            if !exp_alerts.is_empty() {
                firing.entry(alertname.clone()).or_insert(eval_time.clone());
            }
        }
        firing
    }
}

fn answers(questions: &Tests) -> Result<Vec<(String, Fired)>> {
    let file = tempfile::NamedTempFile::new()?;
    serde_json::to_writer(&file, questions)?;
    let mut promtool = Command::new(crate::tools().prometheus("promtool")?);
    let output = promtool.args(["test", "rules"]).arg(file.path()).output()?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    answers_in(&text).with_context(|| text.to_string())
}

/// The alerts that `promtool test rules` has found where none should be.
fn answers_in(text: &str) -> Result<Vec<(String, Fired)>> {
    let rules = rules::all()?.into_iter();
    let exprs: BTreeMap<_, _> = rules.filter_map(|rule| Some((rule.alert?, rule.expr))).collect();
    let mut fired: Vec<(String, Fired)> = Vec::new();
    let mut labels = None;
    for line in text.lines() {
        if let Some(set) = line.trim().strip_prefix("Labels:") {
            labels = Some(pairs(set)?);
        } else if let Some(set) = line.trim().strip_prefix("Annotations:") {
            let labels: BTreeMap<_, _> = labels.take().context("annotations without labels")?;
            let name = labels.get("alertname").context("an alert without a name")?.clone();
            // Several may fire at once: the first will do.
            if !fired.iter().any(|(known, _)| *known == name) {
                let expr = exprs.get(&name).cloned().unwrap_or_default();
                fired.push((name, Fired { expr, labels, annotations: pairs(set)? }));
            }
        }
    }
    Ok(fired)
}

/// `{a="x", b="y"}`, where values are quoted as in Go.
fn pairs(text: &str) -> Result<BTreeMap<String, String>> {
    // One of several has a comma behind it.
    let text = text.trim_end_matches(',');
    let mut rest = text.strip_prefix('{').context("no set of labels")?;
    let mut pairs = BTreeMap::new();
    while rest != "}" {
        let Some((name, value)) = rest.split_once('=') else { bail!("odd labels: {text}") };
        let mut strings = serde_json::Deserializer::from_str(value).into_iter::<String>();
        let string = strings.next().context("no value")?.with_context(|| value.to_owned())?;
        pairs.insert(name.to_owned(), string);
        rest = &value[strings.byte_offset()..];
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    Ok(pairs)
}

/// As Prometheus writes a query into a URL.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).into(),
        _ => format!("%{byte:02X}"),
    };
    text.trim().bytes().map(byte).collect()
}
