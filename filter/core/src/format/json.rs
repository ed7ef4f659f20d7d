//! The format of this filter itself.

use super::{Document, measured, word};
use crate::base::outcome::Verdict;
use crate::base::time::WallTime;
use crate::evidence::report::Finding;

pub(super) fn body(verdict: Verdict, at: WallTime, findings: &[Finding]) -> String {
    let mut page = Document::new();
    page.text("status", status(verdict));
    page.time("timestamp", at);
    if !findings.is_empty() {
        page.begin("checks", "[");
        for finding in findings {
            page.item();
            check(&mut page, finding);
            page.end("}");
        }
        page.end("]");
    }
    page.finish()
}

/// The word for the whole.
pub(super) const fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    }
}

fn check(page: &mut Document, finding: &Finding) {
    page.text("name", &finding.name);
    page.text("status", word(finding.verdict));
    page.text("output", &finding.output);
    if let Some((_, unit, value)) = measured(finding) {
        page.number("observedValue", value);
        page.text("observedUnit", unit);
    }
    if let Some(at) = finding.at {
        page.time("time", at);
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
