//! Eclipse MicroProfile Health 4.0, appendix B:
//! <https://download.eclipse.org/microprofile/microprofile-health-4.0/microprofile-health-spec-4.0.html>.

use serde::Serialize;

use super::details::Details;
use super::{to_json, up_or_down};
use crate::base::outcome::Verdict;
use crate::evidence::report::Finding;

/// The schema requires both members: `checks` is there even where it is empty.
#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    name: &'a str,
    status: &'static str,
    data: Details<'a>,
}

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    let checks = findings.iter().map(|finding| Check {
        name: &finding.name,
        status: up_or_down(finding.verdict),
        data: Details(finding),
    });
    to_json(&Body { status: up_or_down(verdict), checks: checks.collect() })
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{detailed, of_all_kinds, plain};
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn checks_are_there_even_where_they_are_empty() {
        for (verdict, expected) in [
            (Verdict::Pass, r#"{"status":"UP","checks":[]}"#),
            (Verdict::Warn, r#"{"status":"UP","checks":[]}"#),
            (Verdict::Fail, r#"{"status":"DOWN","checks":[]}"#),
        ] {
            assert_eq!(plain(Format::Microprofile, verdict), expected);
        }
    }

    #[test]
    fn details_are_one_check_for_each_finding_which_is_up_or_down() {
        let expected = concat!(
            r#"{"status":"DOWN","checks":["#,
            r#"{"name":"app","status":"UP","data":{"output":"all is well","#,
            r#""responseTime":"12ms","time":"2026-11-21T08:29:59.250Z"}},"#,
            r#"{"name":"cluster:orders","status":"UP","data":{"output":"slow","#,
            r#""healthyHosts":"12%","time":"2026-11-21T08:29:59.250Z"}},"#,
            r#"{"name":"db","status":"DOWN","data":{"output":"connection refused"}},"#,
            r#"{"name":"server","status":"UP","data":{"output":"all is well","#,
            r#""time":"2026-11-21T08:29:59.250Z"}}]}"#,
        );
        assert_eq!(detailed(Format::Microprofile, of_all_kinds()), expected);
    }
}
