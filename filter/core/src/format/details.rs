//! The free-form facts of a finding, as Spring Boot's `details` and MicroProfile's
//! `data` carry them.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::measured;
use crate::base::time::rfc3339;
use crate::evidence::report::Finding;

/// `{"output":"…","responseTime":"12ms","time":"…"}`. The keys are letters only, and
/// the values strings: more than that MicroProfile's schema doesn't allow.
pub(super) struct Details<'a>(pub(super) &'a Finding);

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let finding = self.0;
        let mut details = serializer.serialize_map(None)?;
        details.serialize_entry("output", &finding.output)?;
        if let Some((name, unit, value)) = measured(finding) {
            let mut text = value.to_string();
            text.push_str(match unit {
                "percent" => "%",
                "points" => "",
                unit => unit,
            });
            details.serialize_entry(name, &text)?;
        }
        if let Some(at) = finding.at {
            details.serialize_entry("time", &rfc3339(at))?;
        }
        details.end()
    }
}
