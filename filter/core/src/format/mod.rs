//! How a report is written to a prober.
//!
//! Without details every format says the bare status and nothing else: what the
//! evidence is, and that there is any, is for those who may know.

mod bare;
mod details;
mod document;
mod health_json;
mod json;
mod kubernetes;
mod medium;
mod microprofile;
mod query;
#[cfg(test)]
mod samples;
mod spring;
mod text;

pub use bare::Bare;
pub(crate) use document::{Document, to_html};
pub use medium::Medium;

use crate::base::outcome::Verdict;
use crate::evidence::report::{Finding, Report};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// `{"status":"ok","timestamp":"…"}`: the format of this filter itself.
    #[default]
    Json,
    /// One word a line, for people and scripts.
    Text,
    /// IETF `health+json`, draft-inadarei-api-health-check-06.
    HealthJson,
    /// The lines of the Kubernetes API server's `/livez` and `/readyz`:
    /// <https://kubernetes.io/docs/reference/using-api/health-checks/>.
    Kubernetes,
    /// Spring Boot's `/actuator/health`:
    /// <https://docs.spring.io/spring-boot/api/rest/actuator/health.html>.
    Spring,
    /// Eclipse MicroProfile Health 4.0, appendix B.
    Microprofile,
}

/// What a page is to say of a report.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The probe's path without query, as the client sent it. The page of Kubernetes
    /// is headed by its last segment.
    pub path: &'a [u8],
    /// The query string, without `?`; empty where there is none.
    pub query: &'a [u8],
    /// Whether the prober may see more than the bare status.
    pub details: bool,
}

/// A report as the prober gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The verdict on what the prober asked for: without what it excluded.
    pub verdict: Verdict,
    /// The text, in the format's content type.
    pub body: String,
}

impl Format {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("text", Self::Text),
        ("health+json", Self::HealthJson),
        ("kubernetes", Self::Kubernetes),
        ("spring", Self::Spring),
        ("microprofile", Self::Microprofile),
    ];

    /// The value of `content-type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Microprofile => "application/json",
            Self::Text | Self::Kubernetes => "text/plain; charset=utf-8",
            Self::HealthJson => "application/health+json",
            Self::Spring => "application/vnd.spring-boot.actuator.v3+json",
        }
    }

    /// Whether the page depends on the path and the query of the request.
    pub fn depends_on_target(self) -> bool {
        self == Self::Kubernetes
    }

    /// Writes the report. Only [`Format::Kubernetes`] heeds the query.
    pub fn write(self, report: Report, page: &Page<'_>) -> Written {
        let verdict = report.verdict();
        // Past this line nobody sees a finding that the prober mustn't see.
        let shown = if page.details { report.findings.as_slice() } else { &[] };
        let body = match self {
            Self::Json => json::body(verdict, report.at, shown),
            Self::Text => text::body(verdict, shown),
            Self::HealthJson => health_json::body(verdict, shown),
            Self::Kubernetes => return kubernetes::write(verdict, shown, page),
            Self::Spring => spring::body(verdict, shown),
            Self::Microprofile => microprofile::body(verdict, shown),
        };
        Written { verdict, body }
    }
}

/// What a finding measured: its name, its unit and the value.
fn measured(finding: &Finding) -> Option<(&'static str, &'static str, u64)> {
    let (name, unit) = finding.subject.measure()?;
    Some((name, unit, finding.observed?))
}

/// The word of IETF `health+json`.
const fn word(verdict: Verdict) -> &'static str {
    verdict.outcome().word()
}

/// The word of Spring Boot and MicroProfile for the whole, which answers one question:
/// may traffic come? Neither has a word for degraded that its clients take as a yes.
const fn up_or_down(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass | Verdict::Warn => "UP",
        Verdict::Fail => "DOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{DETAILS, PLAIN, finding, report};
    use super::*;
    use crate::evidence::report::Subject;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SPITEFUL: &str = "a\"b\\c\nd\r\te\u{0}\u{1b}\u{7f}\u{85}\u{2028}</script>é";

    /// The formats whose page is JSON.
    fn json_formats() -> impl Iterator<Item = Format> {
        Format::WORDS
            .into_iter()
            .map(|(_, format)| format)
            .filter(|format| format.content_type().ends_with("json"))
    }

    #[test]
    fn the_default_is_the_first_word_of_the_configuration() {
        assert_eq!(Format::WORDS[0], ("json", Format::default()));
    }

    #[test]
    fn every_format_has_its_own_word() {
        for (index, (word, format)) in Format::WORDS.into_iter().enumerate() {
            for (other_word, other) in &Format::WORDS[..index] {
                assert!(word != *other_word && format != *other, "{word}");
            }
        }
    }

    #[test]
    fn without_details_no_format_lets_a_finding_through() {
        for verdict in [Verdict::Pass, Verdict::Warn, Verdict::Fail] {
            for (word, format) in Format::WORDS {
                for query in ["", "verbose", "verbose&exclude=secret&exclude=unknown"] {
                    let report = report(vec![finding("secret", Subject::Check, verdict)]);
                    let nothing = Report { at: report.at, findings: Vec::new() };
                    let page = Page { query: query.as_bytes(), ..PLAIN };
                    let written = format.write(report, &page);
                    assert_eq!(written.verdict, verdict, "{word} {query}");
                    assert!(!written.body.contains("secret"), "{word} {query}");
                    assert!(!written.body.contains("known"), "{word} {query}");
                    if verdict == Verdict::Pass {
                        assert_eq!(written.body, format.write(nothing, &page).body, "{word}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_string_of_a_finding_breaks_the_json() {
        for format in json_formats() {
            for subject in [Subject::Check, Subject::Cluster] {
                let spiteful = Finding {
                    output: SPITEFUL.into(),
                    ..finding(SPITEFUL, subject, Verdict::Fail)
                };
                let body = format.write(report(vec![spiteful]), &DETAILS).body;
                let json: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert!(holds(&json, SPITEFUL), "{format:?} {body}");
            }
        }
    }

    /// Whether a string stands anywhere in it, as a key or as a value.
    fn holds(json: &serde_json::Value, text: &str) -> bool {
        match json {
            serde_json::Value::String(string) => string == text,
            serde_json::Value::Array(items) => items.iter().any(|item| holds(item, text)),
            serde_json::Value::Object(members) => {
                members.iter().any(|(key, value)| key == text || holds(value, text))
            }
            _ => false,
        }
    }

    #[test]
    fn no_string_of_a_finding_breaks_a_line() {
        for format in [Format::Text, Format::Kubernetes] {
            for verdict in [Verdict::Warn, Verdict::Fail] {
                let calm = finding("db", Subject::Check, verdict);
                let spiteful =
                    Finding { name: SPITEFUL.into(), output: SPITEFUL.into(), ..calm.clone() };
                let page = Page { query: b"verbose", ..DETAILS };
                let expected = format.write(report(vec![calm]), &page).body;
                let body = format.write(report(vec![spiteful]), &page).body;
                assert_eq!(body.lines().count(), expected.lines().count(), "{format:?} {body}");
                let breaks = |c: char| (c.is_control() && c != '\n') || "\u{2028}".contains(c);
                assert!(!body.contains(breaks), "{format:?} {body:?}");
            }
        }
    }

    #[test]
    fn only_kubernetes_heeds_the_query() {
        for (word, format) in Format::WORDS {
            let failing = || report(vec![finding("db", Subject::Check, Verdict::Fail)]);
            let page = Page { query: b"verbose&exclude=db", ..DETAILS };
            let heeded = format.write(failing(), &page) != format.write(failing(), &DETAILS);
            assert_eq!(heeded, format == Format::Kubernetes, "{word}");
        }
    }
}
