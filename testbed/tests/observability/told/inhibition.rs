//! What follows from a greater trouble is not told beside it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::child::Child;
use testbed::prometheus::{rules, shipped};

use super::cases::{self, Fired};
use super::setup::Told;
use crate::faults;

type Labels = &'static [(&'static str, &'static str)];

/// The greater trouble, what follows from it, the label whose other value makes it another
/// trouble, and what else the latter needs.
const FOLLOWS: [(&str, &str, &str, Labels); 35] = [
    ("HeartbeatMetricsMissing", "HeartbeatProbeFailing", "instance", &[]),
    ("HeartbeatMetricsMissing", "HeartbeatBreakerOpen", "instance", &[]),
    ("HeartbeatMetricsMissing", "HeartbeatHubBehind", "instance", &[]),
    ("HeartbeatBreakerOpen", "HeartbeatProbeFailing", "probe", &[]),
    ("HeartbeatBreakerOpen", "HeartbeatProbeFlaky", "probe", &[]),
    ("HeartbeatBreakerOpen", "HeartbeatBreakerFlapping", "instance", &[]),
    ("HeartbeatProbeFailing", "HeartbeatProbeFlaky", "probe", &[]),
    ("HeartbeatProbeFailing", "HeartbeatEvidenceDown", "probe", &[]),
    ("HeartbeatProbeDegraded", "HeartbeatEvidenceDown", "probe", &[]),
    ("HeartbeatAdminDown", "HeartbeatEvidenceDown", "instance", &[("evidence", "server")]),
    ("HeartbeatAdminDown", "HeartbeatEvidenceDown", "instance", &[("evidence", "cluster:orders")]),
    ("HeartbeatAdminDown", "HeartbeatEvidenceDown", "instance", &[("evidence", "clusters:a,b")]),
    ("HeartbeatScoreCritical", "HeartbeatScoreLow", "instance", &[]),
    ("HeartbeatHubBehind", "HeartbeatConvergenceSlow", "instance", &[]),
    ("HeartbeatHubBehind", "HeartbeatSourceSilent", "instance", &[]),
    ("HeartbeatHubBehind", "HeartbeatEventsRefused", "instance", &[("result", "limited")]),
    ("HeartbeatWebhookLosing", "HeartbeatWebhookBehind", "webhook", &[]),
    ("PaymentErrorBudgetBurnFast", "PaymentErrorBudgetBurn", "job", &[]),
    ("PaymentErrorBudgetBurnFast", "PaymentErrorBudgetBurnSlow", "job", &[]),
    ("PaymentErrorBudgetBurn", "PaymentErrorBudgetBurnSlow", "job", &[]),
    ("HeartbeatMetricsMissing", "UpstreamSlow", "instance", &[]),
    ("HeartbeatMetricsMissing", "DownstreamTLSFailing", "instance", &[]),
    ("UpstreamTLSFailing", "UpstreamFailing", "envoy_cluster_name", &[]),
    ("UpstreamTLSFailing", "UpstreamResets", "envoy_cluster_name", &[]),
    ("UpstreamTLSFailing", "ConnectionsNotReused", "envoy_cluster_name", &[]),
    ("UpstreamTLSFailing", "DependencyFailing", "destination", &[]),
    ("DependencyFailing", "UpstreamFailing", "source", &[]),
    ("DependencyFailing", "UpstreamResets", "destination", &[]),
    ("DependencySlow", "UpstreamSlow", "destination", &[]),
    ("CertificateNotRenewed", "CertificateExpiring", "envoy_tls_certificate", &[]),
    ("HeartbeatBreakerOpen", "HeartbeatProbeFailuresUnusual", "probe", AT_A_PROXY),
    ("HeartbeatProbeFailing", "HeartbeatProbeFailuresUnusual", "probe", AT_A_PROXY),
    ("HeartbeatProbeFlaky", "HeartbeatProbeFailuresUnusual", "instance", AT_A_PROXY),
    ("PaymentErrorBudgetBurnFast", "PaymentErrorsUnusual", "job", &[]),
    ("PaymentErrorBudgetBurn", "PaymentErrorsUnusual", "job", &[]),
];

/// What might have a cause of its own.
const STANDS: [(&str, &str, Labels); 4] = [
    ("HeartbeatAdminDown", "HeartbeatEvidenceDown", &[("evidence", "db")]),
    ("HeartbeatHubBehind", "HeartbeatEventsRefused", &[("result", "refused")]),
    ("HeartbeatEventsRefused", "HeartbeatSourceSilent", &[]),
    ("HeartbeatProbeFailing", "HeartbeatCheckDown", &[]),
];

/// For alerts that a whole service can have, too.
const AT_A_PROXY: Labels = &[("instance", "a")];

/// Labels that say where.
const PLACES: [&str; 8] = [
    "job",
    "instance",
    "probe",
    "webhook",
    "source",
    "destination",
    "envoy_cluster_name",
    "envoy_tls_certificate",
];

/// How long Prometheus, which evaluates every second, may take until both alerts fire.
const TIMEOUT: Duration = Duration::from_secs(30);

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("what_follows_is_not_told_and_what_may_have_another_cause_is", || {
            crate::block_on(each_pair())
        }),
        crate::trial("an_open_breaker_in_a_real_prometheus_is_one_message", || {
            crate::block_on(open_breaker())
        }),
    ]
}

async fn each_pair() -> Result<()> {
    let alerts = cases::all()?;
    let get = |name: &str| alerts.get(name).with_context(|| format!("there is no {name}"));
    let told = Told::start(|_| {}).await?;
    let mut expected = Vec::new();
    let mut all = Vec::new();
    // Each pair is at a place of its own.
    let mut place = 0;
    let mut pair = |greater: &Fired, lesser: &Fired, apart: Option<&str>| {
        place += 1;
        let here = |alert: &Fired| same_place(alert, &format!("place{place}"));
        let lesser = match apart {
            Some(label) => here(lesser).with(label, &format!("beside{place}")),
            None => here(lesser),
        };
        all.extend([here(greater).json(), lesser.json()]);
        lesser
    };
    for (greater, lesser, apart, labels) in FOLLOWS {
        let what = format!("{greater} → {lesser} {labels:?}");
        let (greater, lesser) = (get(greater)?, with(get(lesser)?, labels));
        expected.push((pair(greater, &lesser, None), true, what.clone()));
        expected.push((pair(greater, &lesser, Some(apart)), false, format!("{what}, elsewhere")));
    }
    for (greater, lesser, labels) in STANDS {
        let what = format!("{greater} → {lesser} {labels:?}");
        expected.push((pair(get(greater)?, &with(get(lesser)?, labels), None), false, what));
    }
    told.alertmanager.post(&all).await?;
    let states = told.alertmanager.alerts().await?;
    let mut faults = Vec::new();
    for (alert, inhibited, what) in expected {
        let known = states.iter().find(|known| known["labels"] == json!(alert.labels));
        let by = known.context("an alert is lost")?["status"]["inhibitedBy"].as_array();
        if by.is_some_and(|by| !by.is_empty()) != inhibited {
            faults.push(format!("{what}: {}", if inhibited { "told" } else { "not told" }));
        }
    }
    faults::none(faults)
}

fn with(alert: &Fired, labels: Labels) -> Fired {
    labels.iter().fold(alert.clone(), |alert, (name, value)| alert.with(name, value))
}

/// The alert, with the same value in each label that says where.
fn same_place(alert: &Fired, place: &str) -> Fired {
    let mut alert = alert.clone();
    for label in PLACES {
        if let Some(value) = alert.labels.get_mut(label) {
            place.clone_into(value);
        }
    }
    alert
}

/// The shipped rules in a real Prometheus, with series as an open breaker makes them.
async fn open_breaker() -> Result<()> {
    let told = Told::start(|_| {}).await?;
    let home = tempfile::tempdir()?;
    let config = json!({
        "global": { "evaluation_interval": "1s" },
        "rule_files": [rules_at_once(home.path())?],
        "alerting": { "alertmanagers": [{ "static_configs": [
            { "targets": [told.alertmanager.address.to_string()] } ] }] },
    });
    let path = home.path().join("prometheus.json");
    std::fs::write(&path, config.to_string())?;
    let mut command = Command::new(crate::tools().prometheus("prometheus")?);
    command
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--log.level=error"])
        // What fires before Prometheus knows Alertmanager is lost until it is sent again.
        .arg("--rules.alert.resend-delay=5s");
    let _prometheus = Child::spawn(&mut command)?;
    // The breaker's message is there, and the probe's alert in Alertmanager, held back.
    let message = told.chats.message_about("slack", "HeartbeatBreakerOpen").await?.text();
    let probe = tokio::time::timeout(TIMEOUT, async {
        loop {
            let alerts = told.alertmanager.alerts().await?;
            let probe = |it: &Value| it["labels"]["alertname"] == "HeartbeatProbeFailing";
            if let Some(probe) = alerts.into_iter().find(probe) {
                return Ok::<_, anyhow::Error>(probe);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let probe = probe.await.context("HeartbeatProbeFailing doesn't fire")??;
    ensure!(probe["status"]["state"] == "suppressed", "{probe}");
    let grounds = probe["annotations"]["rests_on"].as_str().unwrap_or_default();
    ensure!(grounds.starts_with("outcome broken ("), "{probe}");
    ensure!(message.contains("proxy `10.1.0.5:9901` · probe `health`"), "{message}");
    for to in ["slack", "wecom", "page"] {
        let others = told.chats.messages_to(to);
        let others: Vec<_> =
            others.iter().filter(|it| it.text().contains("ProbeFailing")).collect();
        ensure!(others.is_empty(), "{others:?}");
    }
    Ok(())
}

/// A file of the shipped rules that wait for nothing, and of the series of an open breaker.
fn rules_at_once(home: &std::path::Path) -> Result<std::path::PathBuf> {
    let place = [("job", "payments"), ("instance", "10.1.0.5:9901"), ("probe", "health")];
    let mut labels: BTreeMap<_, _> = place.into();
    let state = json!({ "record": "heartbeat_breaker_state", "expr": "vector(1)",
                        "labels": labels });
    labels.insert("outcome", "broken");
    let broken = json!({ "record": "heartbeat_probe_total", "expr": "vector(time())",
                         "labels": labels });
    let mut groups = vec![json!({ "name": "series", "rules": [state, broken] })];
    for name in ["recording-rules.yml", "alert-rules.yml"] {
        let text = std::fs::read_to_string(shipped().join(name))?;
        let mut file: Value = serde_saphyr::from_str(&text)?;
        for group in file["groups"].as_array_mut().into_iter().flatten() {
            group["name"] = json!(format!("{name}: {}", group["name"]));
            for rule in group["rules"].as_array_mut().into_iter().flatten() {
                rule.as_object_mut().context("an odd rule")?.remove("for");
            }
            groups.push(group.clone());
        }
    }
    ensure!(!rules::all()?.is_empty(), "no rules");
    let path = home.join("rules.json");
    std::fs::write(&path, json!({ "groups": groups }).to_string())?;
    Ok(path)
}
