//! Spring Boot's `/actuator/health`:
//! <https://docs.spring.io/spring-boot/api/rest/actuator/health.html>.

use serde::{Serialize, Serializer};

use super::details::Details;
use super::{to_json, up_or_down};
use crate::base::outcome::Verdict;
use crate::evidence::report::Finding;

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Components::is_empty")]
    components: Components<'a>,
}

/// The components by name, in the order of the findings.
struct Components<'a>(&'a [Finding]);

#[derive(Serialize)]
struct Component<'a> {
    status: &'static str,
    details: Details<'a>,
}

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    to_json(&Body { status: up_or_down(verdict), components: Components(findings) })
}

impl Components<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|finding| {
            let status = component_status(finding.verdict);
            (&finding.name, Component { status, details: Details(finding) })
        }))
    }
}

/// `UNKNOWN` is the one word that catches the eye and yet leaves the whole `UP`: Spring
/// Boot ranks it below `UP` when it sums up.
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
