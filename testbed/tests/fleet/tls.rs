//! What each side counts when something between two Envoys is wrong, and which alerts fire.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use testbed::metrics::Metrics;
use testbed::prometheus::Prometheus;
use testbed::tools;

use crate::case::{self, Case, Names};
use crate::lab::{JOBS, Lab, path};
use crate::{Shared, faults};

/// The counters of a cluster that tell of failed connections and of TLS.
const CLIENT: [&str; 11] = [
    "ssl_connection_error",
    "ssl_fail_verify_cert_hash",
    "ssl_fail_verify_error",
    "ssl_fail_verify_no_cert",
    "ssl_fail_verify_san",
    "ssl_handshake",
    "upstream_cx_connect_fail",
    "upstream_cx_destroy_remote_with_active_rq",
    "upstream_cx_protocol_error",
    "upstream_rq_rx_reset",
    "upstream_rq_tx_reset",
];

/// Those of a listener.
const SERVER: [&str; 7] = [
    "no_filter_chain_match",
    "ssl_connection_error",
    "ssl_fail_verify_cert_hash",
    "ssl_fail_verify_error",
    "ssl_fail_verify_no_cert",
    "ssl_fail_verify_san",
    "ssl_handshake",
];

/// How many requests there are of each case before it is looked at.
const ENOUGH: f64 = 10.0;

/// How long an alert may take: windows and waiting times, one behind the other.
const ALERTS_WITHIN: Duration = Duration::from_secs(90);

/// The page with what was seen.
const PAGE: &str = "docs/troubleshooting.md";

pub fn trials(lab: &Shared<Lab>) -> Vec<Trial> {
    vec![
        lab.trial("each_failure_between_two_envoys_is_counted_as_the_page_says", async |lab| {
            faults::eventually(async || too_few(lab).await).await?;
            faults::none(miscounted(lab).await?)
        }),
        lab.trial("each_failure_is_in_the_access_log_as_the_page_says", async |lab| {
            faults::eventually(async || unlogged(lab)).await
        }),
        lab.trial(
            "each_failure_sets_off_the_alerts_that_the_page_says_and_no_others",
            async |lab| faults::within(ALERTS_WITHIN, async || alerts(lab).await).await,
        ),
        lab.trial("a_certificate_that_has_expired_sets_off_its_own_alerts", async |lab| {
            faults::within(ALERTS_WITHIN, async || expired(&lab.prometheus).await).await
        }),
        crate::trial("the_page_has_the_table_of_what_was_seen", page),
    ]
}

async fn too_few(lab: &Lab) -> Result<Vec<String>> {
    let metrics = lab.client.prometheus().await?;
    let faults = lab.cases.iter().filter_map(|case| {
        let asked: f64 = of_case(&metrics, "envoy_cluster_upstream_rq_completed", case).sum();
        (asked < ENOUGH).then(|| format!("{}: {asked} requests only", case.name))
    });
    Ok(faults.collect())
}

async fn miscounted(lab: &Lab) -> Result<Vec<String>> {
    let (client, server) = (lab.client.prometheus().await?, lab.server.prometheus().await?);
    let mut faults = Vec::new();
    for case in &lab.cases {
        let found = risen(&client, "envoy_cluster", &CLIENT, case);
        if found != case.client {
            faults.push(format!("{}, at the client: {found:?}", case.name));
        }
        let found = risen(&server, "envoy_listener", &SERVER, case);
        if found != case.server {
            faults.push(format!("{}, at the server: {found:?}", case.name));
        }
    }
    Ok(faults)
}

/// Which of these counters aren't 0.
fn risen(metrics: &Metrics, of: &str, counters: &[&str], case: &Case) -> Names {
    let has_risen = |counter: &&str| {
        of_case(metrics, &format!("{of}_{counter}"), case).any(|value| value > 0.0)
    };
    counters.iter().copied().filter(has_risen).map(str::to_owned).collect()
}

/// The values of a case's cluster or listener.
fn of_case(metrics: &Metrics, name: &str, case: &Case) -> impl Iterator<Item = f64> {
    let values: Vec<_> = metrics
        .labelled(name)
        .filter(|(labels, _)| {
            let named = ["envoy_cluster_name", "envoy_listener_address"];
            named.iter().any(|label| labels.get(*label) == Some(&case.name))
        })
        .map(|(_, value)| value)
        .collect();
    values.into_iter()
}

fn unlogged(lab: &Lab) -> Result<Vec<String>> {
    let log = lab.client.log()?;
    let mut faults = Vec::new();
    for case in &lab.cases {
        let start = format!("{} ", path(case));
        let line = log.lines().find_map(|line| line.strip_prefix(&start));
        let has = |line: &&str| match &case.log[..] {
            [] => *line == "- -",
            words => words.iter().all(|word| line.contains(&**word)),
        };
        if !line.as_ref().is_some_and(has) {
            faults.push(format!("{}: {}", case.name, line.unwrap_or("nothing is logged")));
        }
    }
    Ok(faults)
}

async fn alerts(lab: &Lab) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for case in &lab.cases {
        let sides = [
            ("envoy_cluster_name", &case.client_alerts),
            ("envoy_listener_address", &case.server_alerts),
        ];
        for (label, expected) in sides {
            let selector = format!(r#"ALERTS{{alertstate="firing", {label}="{}"}}"#, case.name);
            let found = firing(&lab.prometheus, &selector).await?;
            if found != *expected {
                faults.push(format!("{}, {label}: {found:?}", case.name));
            }
        }
    }
    Ok(faults)
}

async fn firing(prometheus: &Prometheus, selector: &str) -> Result<Names> {
    let samples = prometheus.query(selector).await?;
    Ok(samples.iter().filter_map(|it| it.labels.get("alertname").cloned()).collect())
}

/// Both sides have a certificate that has expired.
async fn expired(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for job in JOBS {
        let selector =
            format!(r#"ALERTS{{alertstate="firing", alertname=~"Certificate.*", job="{job}"}}"#);
        let found = firing(prometheus, &selector).await?;
        if found != ["CertificateExpiring", "CertificateNotRenewed"].map(str::to_owned).into() {
            faults.push(format!("{job}: {found:?}"));
        }
    }
    Ok(faults)
}

fn page() -> Result<()> {
    let page = std::fs::read_to_string(tools::workspace().join(PAGE))?;
    let rows: Vec<_> = case::all()?.iter().skip(1).map(Case::row).collect();
    ensure!(page.contains(&rows.join("\n")), "{PAGE} hasn't this table:\n{}", rows.join("\n"));
    Ok(())
}
