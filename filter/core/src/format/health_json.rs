//! IETF `health+json`: draft-inadarei-api-health-check-06.
//!
//! The page has no `output` of its own (section 3.5): that is for the raw error, and
//! here only the checks have errors.

use serde::{Serialize, Serializer};

use super::{measured, to_json, word};
use crate::base::outcome::Verdict;
use crate::base::time::rfc3339;
use crate::evidence::report::{Finding, Subject};

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Checks::is_empty")]
    checks: Checks<'a>,
}

/// The checks object (section 4). A vector keeps it in the order of the findings.
struct Checks<'a>(Vec<(String, Vec<Check<'a>>)>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check<'a> {
    component_id: &'a str,
    component_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    to_json(&Body { status: word(verdict), checks: Checks::of(findings) })
}

impl<'a> Checks<'a> {
    /// Two names can make one key, since a key has no room for every name; their
    /// findings then share its array.
    fn of(findings: &'a [Finding]) -> Self {
        let mut checks: Vec<(String, Vec<Check<'a>>)> = Vec::with_capacity(findings.len());
        for finding in findings {
            let key = key(finding);
            match checks.iter_mut().find(|(known, _)| *known == key) {
                Some((_, same)) => same.push(check(finding)),
                None => checks.push((key, vec![check(finding)])),
            }
        }
        Self(checks)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, checks)| (key, checks)))
    }
}

/// `componentName:measurementName`, neither of which may hold a colon; the component's
/// name alone where nothing is measured. It hangs on what can be measured, not on
/// what was, so that the same evidence always stands under the same key.
fn key(finding: &Finding) -> String {
    // `cluster:orders` measures hosts, so `orders:healthyHosts` says it all.
    let component = match finding.subject {
        Subject::Cluster => finding.name.strip_prefix("cluster:").unwrap_or(&finding.name),
        _ => &finding.name,
    };
    // As Envoy does in the names of its stats.
    let mut key = component.replace(':', "_");
    if let Some((measurement, _)) = finding.subject.measure() {
        key.push(':');
        key.push_str(measurement);
    }
    key
}

fn check(finding: &Finding) -> Check<'_> {
    let measured = measured(finding);
    Check {
        component_id: &finding.name,
        component_type: match finding.subject {
            Subject::Check | Subject::Cluster => "component",
            Subject::Server | Subject::Traffic | Subject::Score => "system",
        },
        observed_value: measured.map(|(_, _, value)| value),
        observed_unit: measured.map(|(_, unit, _)| unit),
        status: word(finding.verdict),
        time: finding.at.map(rfc3339),
        output: (finding.verdict != Verdict::Pass).then_some(&finding.output),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{detailed, finding, of_all_kinds, plain};
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_short_form_is_the_status() {
        for (verdict, expected) in [
            (Verdict::Pass, r#"{"status":"pass"}"#),
            (Verdict::Warn, r#"{"status":"warn"}"#),
            (Verdict::Fail, r#"{"status":"fail"}"#),
        ] {
            assert_eq!(plain(Format::HealthJson, verdict), expected);
        }
    }

    #[test]
    fn checks_stand_in_order_under_component_and_measurement_and_pass_without_output() {
        let expected = concat!(
            r#"{"status":"fail","checks":{"#,
            r#""app:responseTime":[{"componentId":"app","componentType":"component","#,
            r#""observedValue":12,"observedUnit":"ms","status":"pass","#,
            r#""time":"2026-11-21T08:29:59.250Z"}],"#,
            r#""orders:healthyHosts":[{"componentId":"cluster:orders","#,
            r#""componentType":"component","observedValue":12,"observedUnit":"percent","#,
            r#""status":"warn","time":"2026-11-21T08:29:59.250Z","output":"slow"}],"#,
            r#""db:responseTime":[{"componentId":"db","componentType":"component","#,
            r#""status":"fail","output":"connection refused"}],"#,
            r#""server":[{"componentId":"server","componentType":"system","#,
            r#""status":"pass","time":"2026-11-21T08:29:59.250Z"}]}}"#,
        );
        assert_eq!(detailed(Format::HealthJson, of_all_kinds()), expected);
    }

    #[test]
    fn a_key_has_one_colon_at_most() {
        for (name, subject, expected) in [
            ("cluster:10.0.0.1:80", Subject::Cluster, "10.0.0.1_80:healthyHosts"),
            ("a:b", Subject::Check, "a_b:responseTime"),
            ("cluster:a", Subject::Check, "cluster_a:responseTime"),
            ("traffic", Subject::Traffic, "traffic:errorRate"),
            ("server", Subject::Server, "server"),
        ] {
            assert_eq!(key(&finding(name, subject, Verdict::Pass)), expected);
        }
    }

    #[test]
    fn names_that_make_the_same_key_share_its_array() {
        let names = ["cluster:a:b", "cluster:c", "cluster:a_b"];
        let findings = names.map(|name| finding(name, Subject::Cluster, Verdict::Pass));
        let checks = Checks::of(&findings).0;
        let ids = |checks: &[Check<'_>]| {
            checks.iter().map(|check| check.component_id.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(checks.len(), 2);
        assert_eq!(checks[0].0, "a_b:healthyHosts");
        assert_eq!(ids(&checks[0].1), ["cluster:a:b", "cluster:a_b"]);
        assert_eq!(ids(&checks[1].1), ["cluster:c"]);
    }
}
