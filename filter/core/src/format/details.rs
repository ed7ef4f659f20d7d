//! The free-form facts of a finding, as Spring Boot's `details` and MicroProfile's
//! `data` carry them.

use super::{Document, measured};
use crate::evidence::report::Finding;

/// `{"output":"…","responseTime":"12ms","time":"…"}` below a name. The keys are letters only,
/// and the values strings: more than that MicroProfile's schema doesn't allow.
pub(super) fn write_details(page: &mut Document, name: &str, finding: &Finding) {
    page.begin(name, "{");
    page.text("output", &finding.output);
    if let Some((name, unit, value)) = measured(finding) {
        let mut text = value.to_string();
        text.push_str(match unit {
            "percent" => "%",
            "points" => "",
            unit => unit,
        });
        page.text(name, &text);
    }
    if let Some(at) = finding.at {
        page.time("time", at);
    }
    page.end("}");
}
