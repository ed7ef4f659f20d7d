//! The answers that the proxy gives by itself.

use crate::base::outcome::{Verdict, details};
use crate::base::time::{Instant, Nanos, WallTime, rfc3339};
use crate::evidence::report::Report;
use crate::format::{Bare, Format, Medium, Page, Written};
use crate::grpc::{Violation, code};
use crate::guards::cache::CachedResponse;
use crate::http::classify::{GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE};
use crate::http::edits::{HeaderEdits, Reply};
use crate::http::headers::{
    AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CONTENT_TYPE_OPTIONS,
    GRPC_ACCEPT_ENCODING, RETRY_AFTER,
};
use crate::http::request::RequestLine;
use crate::probe::pages::{Pages, ReadyPage};
use crate::probe::{Probe, RespondRule};

const SECOND: Nanos = 1_000_000_000;

impl Probe {
    /// `respond`: what the evidence says.
    pub(crate) fn reply_respond(
        &self,
        rule: &RespondRule,
        report: Report,
        line: &RequestLine,
        shown: bool,
    ) -> (Reply, Verdict) {
        let pages = self.pages.get_or_init(|| self.prepare_pages(rule.format));
        let bare = pages.of(report.verdict()).bare.as_ref().filter(|_| !shown);
        let (verdict, body) = match bare {
            Some(bare) => (report.verdict(), bare.write(report.at)),
            None => {
                let page = Page { path: line.path(), query: line.query(), details: shown };
                let Written { verdict, body } = rule.format.write(report, &page);
                (verdict, body.into())
            }
        };
        let (status, details) = match verdict {
            Verdict::Pass => (200, details::RESPOND_PASS),
            Verdict::Warn => (200, details::RESPOND_WARN),
            Verdict::Fail => (SERVICE_UNAVAILABLE, details::RESPOND_FAIL),
        };
        let headers = pages.of(verdict).headers.clone();
        (Reply { status, headers, body, grpc_status: None, details }, verdict)
    }

    /// What is always the same in the pages of `respond`.
    fn prepare_pages(&self, format: Format) -> Pages {
        let page = |verdict| {
            let mut headers = self.annotation(verdict);
            headers.set(CONTENT_TYPE, format.content_type());
            headers.set(CACHE_CONTROL, "no-store");
            if format.depends_on_target() {
                // It holds what the prober sent.
                headers.set(CONTENT_TYPE_OPTIONS, "nosniff");
            }
            ReadyPage { headers: headers.set.into(), bare: Bare::of(format, verdict) }
        };
        let [pass, warn, fail] = [Verdict::Pass, Verdict::Warn, Verdict::Fail].map(page);
        Pages { pass, warn, fail }
    }

    /// `inspect`: a page of what the proxy knows. It says nothing about health.
    pub(crate) fn reply_page(&self, page: Vec<u8>, medium: Medium) -> Reply {
        let mut headers = self.identification();
        for (name, value) in [
            (CONTENT_TYPE, medium.content_type()),
            (CACHE_CONTROL, "no-store"),
            // It holds what strangers sent.
            (CONTENT_TYPE_OPTIONS, "nosniff"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        ] {
            headers.set(name, value);
        }
        let headers = headers.set.into();
        Reply { status: 200, headers, body: page, grpc_status: None, details: details::INSPECT }
    }

    /// An answer that was kept.
    pub(crate) fn reply_kept(
        &self,
        answer: CachedResponse,
        details: &'static str,
        now: Instant,
    ) -> Reply {
        let headers = self.describe(&answer, now).set.into();
        Reply { status: answer.status, headers, body: answer.body, grpc_status: None, details }
    }

    /// The headers of an answer that was kept.
    pub(crate) fn describe(&self, answer: &CachedResponse, now: Instant) -> HeaderEdits {
        let mut headers = self.annotation(answer.verdict());
        if let Some(content_type) = &answer.content_type {
            headers.set(CONTENT_TYPE, content_type.clone());
        }
        let age = answer.age(now) / SECOND;
        headers.set(AGE, age.to_string());
        headers
    }

    /// The fetch that the probe waited for has failed.
    pub(crate) fn reply_cache_unreachable(&self, status: u16, at: WallTime) -> Reply {
        self.own(status, self.annotation(Verdict::Fail), details::CACHE_UNREACHABLE, at)
    }

    /// No answer came while the probe waited for one.
    pub(crate) fn reply_cache_timeout(&self, at: WallTime) -> Reply {
        self.own(GATEWAY_TIMEOUT, self.annotation(Verdict::Fail), details::CACHE_TIMEOUT, at)
    }

    /// Beyond the limit. That says nothing about health, so no marker does.
    pub(crate) fn reply_limited(&self, retry_in: Nanos, at: WallTime) -> Reply {
        self.own(429, retry_after(self.identification(), retry_in), details::LIMITED, at)
    }

    /// The breaker is open, or half-open.
    pub(crate) fn reply_broken(
        &self,
        retry_in: Nanos,
        details: &'static str,
        at: WallTime,
    ) -> Reply {
        self.own(
            SERVICE_UNAVAILABLE,
            retry_after(self.annotation(Verdict::Fail), retry_in),
            details,
            at,
        )
    }

    /// Its client or the application has taken too long over a call.
    pub(crate) fn reply_overdue(&self, at: WallTime) -> Reply {
        self.own(GATEWAY_TIMEOUT, self.identification(), details::OVERDUE, at)
    }

    /// Not allowed to probe. Whoever asks learns nothing of this proxy.
    pub(crate) fn reply_denied(&self, at: WallTime) -> Reply {
        self.own(403, HeaderEdits::default(), details::DENIED, at)
    }

    /// An answer that nobody must store, whose body says why.
    fn own(
        &self,
        status: u16,
        mut headers: HeaderEdits,
        details: &'static str,
        at: WallTime,
    ) -> Reply {
        if self.is_grpc() {
            let grpc_status = match status {
                403 => code::PERMISSION_DENIED,
                429 => code::RESOURCE_EXHAUSTED,
                GATEWAY_TIMEOUT => code::DEADLINE_EXCEEDED,
                _ => code::UNAVAILABLE,
            };
            let body = details.into();
            let headers = headers.set.into();
            return Reply { status, headers, body, grpc_status: Some(grpc_status), details };
        }
        headers.set(CONTENT_TYPE, "application/json");
        headers.set(CACHE_CONTROL, "no-store");
        let timestamp = rfc3339(at);
        // A refusal to answer is no verdict.
        let verdict = if status >= 500 { r#""status":"fail","# } else { "" };
        let body = format!(r#"{{{verdict}"reason":"{details}","timestamp":"{timestamp}"}}"#);
        let headers = headers.set.into();
        Reply { status, headers, body: body.into(), grpc_status: None, details }
    }
}

/// The answer to a call that can't be understood.
pub(crate) fn reply_violation(violation: Violation) -> Reply {
    let mut headers = HeaderEdits::default();
    if violation == Violation::Compressed {
        headers.set(GRPC_ACCEPT_ENCODING, "identity");
    }
    Reply {
        status: 400,
        headers: headers.set.into(),
        body: violation.message().into(),
        grpc_status: Some(violation.code()),
        details: details::NOT_UNDERSTOOD,
    }
}

/// `retry-after` in whole seconds, rounded up (RFC 9110, section 10.2.3).
fn retry_after(mut headers: HeaderEdits, retry_in: Nanos) -> HeaderEdits {
    headers.set(RETRY_AFTER, retry_in.div_ceil(SECOND).max(1).to_string());
    headers
}
