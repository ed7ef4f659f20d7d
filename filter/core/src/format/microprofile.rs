//! Eclipse MicroProfile Health 4.0, appendix B:
//! <https://download.eclipse.org/microprofile/microprofile-health-4.0/microprofile-health-spec-4.0.html>.

use super::details::write_details;
use super::{Document, up_or_down};
use crate::base::outcome::Verdict;
use crate::evidence::report::Finding;

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    let mut page = Document::new();
    page.text("status", up_or_down(verdict));
    page.begin("checks", "[");
    for finding in findings {
        page.item();
        page.text("name", &finding.name);
        page.text("status", up_or_down(finding.verdict));
        write_details(&mut page, "data", finding);
        page.end("}");
    }
    page.end("]");
    page.finish()
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
