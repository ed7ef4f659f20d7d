//! The format of this filter itself.

use serde::Serialize;

use super::{measured, to_json, word};
use crate::base::outcome::Verdict;
use crate::base::time::{WallTime, rfc3339};
use crate::evidence::report::Finding;

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check<'a> {
    name: &'a str,
    status: &'static str,
    output: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
}

pub(super) fn body(verdict: Verdict, at: WallTime, findings: &[Finding]) -> String {
    let checks = findings.iter().map(check).collect();
    to_json(&Body { status: status(verdict), timestamp: rfc3339(at), checks })
}

/// The word for the whole.
pub(super) const fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    }
}

fn check(finding: &Finding) -> Check<'_> {
    let measured = measured(finding);
    Check {
        name: &finding.name,
        status: word(finding.verdict),
        output: &finding.output,
        observed_value: measured.map(|(_, _, value)| value),
        observed_unit: measured.map(|(_, unit, _)| unit),
        time: finding.at.map(rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{detailed, of_all_kinds, plain};
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_short_form_is_the_status_and_the_time_of_the_report() {
        for (verdict, status) in
            [(Verdict::Pass, "ok"), (Verdict::Warn, "warn"), (Verdict::Fail, "fail")]
        {
            assert_eq!(
                plain(Format::Json, verdict),
                format!(r#"{{"status":"{status}","timestamp":"2026-11-21T08:30:00.250Z"}}"#)
            );
        }
    }

    #[test]
    fn details_list_the_findings_in_order_and_leave_out_what_was_not_observed() {
        let expected = concat!(
            r#"{"status":"fail","timestamp":"2026-11-21T08:30:00.250Z","checks":["#,
            r#"{"name":"app","status":"pass","output":"all is well","#,
            r#""observedValue":12,"observedUnit":"ms","time":"2026-11-21T08:29:59.250Z"},"#,
            r#"{"name":"cluster:orders","status":"warn","output":"slow","#,
            r#""observedValue":12,"observedUnit":"percent","time":"2026-11-21T08:29:59.250Z"},"#,
            r#"{"name":"db","status":"fail","output":"connection refused"},"#,
            r#"{"name":"server","status":"pass","output":"all is well","#,
            r#""time":"2026-11-21T08:29:59.250Z"}]}"#,
        );
        assert_eq!(detailed(Format::Json, of_all_kinds()), expected);
    }
}
