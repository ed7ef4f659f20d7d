//! Spring Boot's `/actuator/health`:
//! <https://docs.spring.io/spring-boot/api/rest/actuator/health.html>.

use super::details::write_details;
use super::{Document, up_or_down};
use crate::base::outcome::Verdict;
use crate::evidence::report::Finding;

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    let mut page = Document::new();
    page.text("status", up_or_down(verdict));
    if !findings.is_empty() {
        page.begin("components", "{");
        for finding in findings {
            page.begin(&finding.name, "{");
            page.text("status", component_status(finding.verdict));
            write_details(&mut page, "details", finding);
            page.end("}");
        }
        page.end("}");
    }
    page.finish()
}

const fn component_status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "UP",
        Verdict::Warn => "UNKNOWN",
        Verdict::Fail => "DOWN",
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
    fn the_whole_is_up_unless_it_failed() {
        assert_eq!(plain(Format::Spring, Verdict::Pass), r#"{"status":"UP"}"#);
        assert_eq!(plain(Format::Spring, Verdict::Warn), r#"{"status":"UP"}"#);
        assert_eq!(plain(Format::Spring, Verdict::Fail), r#"{"status":"DOWN"}"#);
    }

    #[test]
    fn details_are_one_component_for_each_finding_in_order() {
        let expected = concat!(
            r#"{"status":"DOWN","components":{"#,
            r#""app":{"status":"UP","details":{"output":"all is well","#,
            r#""responseTime":"12ms","time":"2026-11-21T08:29:59.250Z"}},"#,
            r#""cluster:orders":{"status":"UNKNOWN","details":{"output":"slow","#,
            r#""healthyHosts":"12%","time":"2026-11-21T08:29:59.250Z"}},"#,
            r#""db":{"status":"DOWN","details":{"output":"connection refused"}},"#,
            r#""server":{"status":"UP","details":{"output":"all is well","#,
            r#""time":"2026-11-21T08:29:59.250Z"}}}}"#,
        );
        assert_eq!(detailed(Format::Spring, of_all_kinds()), expected);
    }
}
