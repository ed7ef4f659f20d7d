//! IETF `health+json`: draft-inadarei-api-health-check-06.
//!
//! The page has no `output` of its own (section 3.5): that is for the raw error, and
//! here only the checks have errors.

use super::{Document, measured, word};
use crate::base::outcome::Verdict;
use crate::evidence::report::{Finding, Subject};

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    let mut page = Document::new();
    page.text("status", word(verdict));
    if !findings.is_empty() {
        page.begin("checks", "{");
        write_checks(&mut page, findings);
        page.end("}");
    }
    page.finish()
}

/// The checks object (section 4), in the order of the findings. Two names can make one key,
/// since a key has no room for every name; their findings then share its array.
fn write_checks(page: &mut Document, findings: &[Finding]) {
    let keys: Vec<String> = findings.iter().map(key).collect();
    for (place, key) in keys.iter().enumerate() {
        if keys.iter().take(place).any(|earlier| earlier == key) {
            continue;
        }
        page.begin(key, "[");
        for (finding, _) in findings.iter().zip(&keys).filter(|(_, other)| *other == key) {
            page.item();
            check(page, finding);
            page.end("}");
        }
        page.end("]");
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

fn check(page: &mut Document, finding: &Finding) {
    page.text("componentId", &finding.name);
    let component_type = match finding.subject {
        Subject::Check | Subject::Cluster => "component",
        Subject::Server | Subject::Traffic | Subject::Score => "system",
    };
    page.text("componentType", component_type);
    if let Some((_, unit, value)) = measured(finding) {
        page.number("observedValue", value);
        page.text("observedUnit", unit);
    }
    page.text("status", word(finding.verdict));
    if let Some(at) = finding.at {
        page.time("time", at);
    }
    if finding.verdict != Verdict::Pass {
        page.text("output", &finding.output);
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
        let body: serde_json::Value =
            serde_json::from_str(&body(Verdict::Pass, &findings)).unwrap();
        let checks = body["checks"].as_object().unwrap();
        let ids = |key: &str| {
            let checks = checks[key].as_array().unwrap();
            checks.iter().map(|check| check["componentId"].as_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(checks.len(), 2);
        assert_eq!(ids("a_b:healthyHosts"), ["cluster:a:b", "cluster:a_b"]);
        assert_eq!(ids("c:healthyHosts"), ["cluster:c"]);
    }
}
