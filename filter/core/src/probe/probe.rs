//! A probe rule, compiled: what it does to headers, and where its state is.

use crate::base::environment::Environment;
use crate::base::metric::Registry;
use crate::base::outcome::Verdict;
use crate::base::time::{Nanos, nanos};
use crate::clients::AddressSource;
use crate::evidence::Item;
use crate::grpc;
use crate::guards::allow::{AllowRule, Otherwise};
use crate::guards::breaker::BreakerRule;
use crate::guards::cache::CacheRule;
use crate::guards::limit::{LimitRule, OnLimit};
use crate::guards::sharing::is_common;
use crate::http::edits::HeaderEdits;
use crate::http::headers::{
    CLIENT_OVERRIDES, CONNECTION, DEGRADED, GRPC_ACCEPT_ENCODING, GRPC_TIMEOUT,
    IMMEDIATE_HEALTH_CHECK_FAIL, MAX_RETRIES, PROBE, RETRY_GRPC_ON, RETRY_ON, STATUS,
    UPSTREAM_HEALTH_CHECK, UPSTREAM_HEALTHCHECKED_CLUSTER, UPSTREAM_RQ_TIMEOUT_MS,
    UPSTREAM_STREAM_DURATION_MS,
};
use crate::http::request::RequestHead;
use crate::matching::header::{HeaderMatcher, HeaderTest};
use crate::matching::rule::{HttpMatch, Match};
use crate::probe::metrics::ProbeMetrics;
use crate::probe::pages::Pages;
use crate::probe::{Action, Connection, Details, ProbeRule};
use crate::state::{Cells, Notice, fingerprint, key};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

/// A probe rule, compiled.
#[derive(Debug)]
pub struct Probe {
    pub(crate) name: String,
    pub(crate) action: Action,
    /// What the answer of `respond` rests on.
    pub(crate) items: Rc<[Item]>,
    /// `None` lifts every limit.
    pub(crate) timeout: Option<Duration>,
    /// How long a Watch may take to its first message.
    pub(crate) watch_timeout: Option<Duration>,
    protocol: ProbeProtocol,
    connection: Connection,
    retries: u32,
    pub(crate) limit: Option<(LimitRule, Cells)>,
    pub(crate) breaker: Option<(BreakerRule, Cells)>,
    pub(crate) allow: Option<AllowRule>,
    /// It was said that the address isn't where `allow` looks for it.
    address_missed: Cell<bool>,
    /// Headers that all its probes have, as it matches no others.
    matched: Vec<(String, String)>,
    /// Where answers are kept, for `cache` and for the last verdict of `limit`.
    pub(crate) memory: Option<(CacheRule, Cells)>,
    /// The log was told that an answer can't be kept, that there is no room for all
    /// answers, and none for all breakers.
    pub(crate) not_kept: Notice,
    pub(crate) answers_full: Notice,
    pub(crate) breakers_full: Notice,
    /// The log was told that fetches go elsewhere than their probers' own requests.
    pub(crate) astray: Notice,
    /// The HTTP path that a Check is translated to.
    pub(crate) via_http: Option<String>,
    /// What came back by that path's own route had a body.
    pub(crate) http_has_body: Cell<bool>,
    service_cluster: String,
    pub(crate) metrics: ProbeMetrics,
    /// What is ready of the pages that it answers with, once it has answered.
    pub(crate) pages: OnceCell<Pages>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProbeProtocol {
    Http,
    Grpc,
}

/// Who may probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Granted,
    NotAProbe,
    Denied,
}

/// How much longer than its timeout a probe may take before others stop relying
/// on it: the time that its answer needs through Envoy.
const GRACE: Nanos = 500_000_000;
/// The same for a probe without a timeout.
const LONGEST_PATIENCE: Nanos = 60_000_000_000;
/// By how much the stream of a request that never ends outlives the timeout, in
/// milliseconds: where the request has ended the timeout must come first.
const LATER_MS: u64 = 200;
/// How long a last answer that nobody asks for keeps its room from others. However old
/// it is, it is the last one.
const LAST_ANSWERS_STAY_FOR: Duration = Duration::from_secs(3_600);

impl Probe {
    pub(crate) fn compile(
        rule: ProbeRule,
        items: Rc<[Item]>,
        environment: &Environment,
        metrics: &mut Registry<'_>,
    ) -> Self {
        let metrics = ProbeMetrics::define(&rule, metrics);
        // What was kept under another rule says nothing under this one.
        let fingerprint = fingerprint(&rule);
        let prefix = |kind: &str| key(&environment.plugin, &[kind, &rule.name]);
        let cells = |kind: &str| Cells::new(prefix(kind), fingerprint);
        let limit = rule.limit.as_ref();
        let repeats = limit.is_some_and(|limit| limit.on_limit == OnLimit::LastVerdict);
        let in_grpc = matches!(rule.matcher, Match::Grpc(_));
        let kept = match &rule.action {
            Action::Cache(cache) => Some(cache.clone()),
            Action::Forward if repeats && !in_grpc => Some(CacheRule::default()),
            _ => None,
        };
        let memory = kept.map(|mut rule| {
            if repeats {
                rule.hold_for = rule.hold_for.max(LAST_ANSWERS_STAY_FOR);
            }
            let cells = Cells::for_answers(prefix("cache"), fingerprint, rule.max_body);
            (rule, cells)
        });
        let matched = match &rule.matcher {
            Match::Http(matcher) => exact_headers(matcher),
            Match::Grpc(_) => Vec::new(),
        };
        Self {
            matched,
            not_kept: Notice::default(),
            answers_full: Notice::default(),
            breakers_full: Notice::default(),
            astray: Notice::default(),
            limit: rule.limit.map(|limit| (limit, cells("limit"))),
            breaker: rule.breaker.map(|breaker| (breaker, cells("breaker"))),
            memory,
            protocol: match rule.matcher {
                Match::Http(_) => ProbeProtocol::Http,
                Match::Grpc(_) => ProbeProtocol::Grpc,
            },
            action: rule.action,
            items,
            timeout: rule.timeout,
            watch_timeout: rule.watch_timeout,
            connection: rule.connection,
            retries: rule.retries,
            allow: rule.allow,
            address_missed: Cell::new(false),
            via_http: rule.via_http,
            http_has_body: Cell::default(),
            service_cluster: environment.service_cluster.clone(),
            metrics,
            pages: OnceCell::new(),
            name: rule.name,
        }
    }

    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long others rely on a probe that is under way, in nanoseconds.
    pub(crate) fn lease_for(&self) -> Nanos {
        self.timeout.map_or(LONGEST_PATIENCE, |timeout| nanos(timeout).saturating_add(GRACE))
    }

    /// How long a probe waits for an answer that another one fetches.
    pub(crate) fn longest_wait(&self) -> Nanos {
        self.timeout.map_or(LONGEST_PATIENCE, nanos)
    }

    /// Whether a header tells nothing of the sender of a probe.
    pub(crate) fn is_common(&self, name: &[u8], value: &[u8]) -> bool {
        let is =
            |(known, text): &(String, String)| known.as_bytes() == name && text.as_bytes() == value;
        is_common(name, value) || self.matched.iter().any(is)
    }

    /// Whether the sender of a request may probe.
    pub(crate) fn admission(&self, request: &impl RequestHead) -> Admission {
        let Some(allow) = &self.allow else { return Admission::Granted };
        match allow.otherwise {
            _ if allow.clients.include(request) => Admission::Granted,
            Otherwise::NotAProbe => Admission::NotAProbe,
            Otherwise::Deny => Admission::Denied,
        }
    }

    /// Says once that no filter has set the address that `allow` or `details` is to go by.
    pub(crate) fn note_missing_address(&self, request: &impl RequestHead) -> Option<String> {
        let allowed = self.allow.iter().map(|allow| &allow.clients);
        let name =
            allowed.chain(self.action.details_to()).find_map(|clients| match &clients.address {
                AddressSource::FilterState(name) => Some(name),
                _ => None,
            })?;
        if self.address_missed.get() || request.filter_state(name).is_some() {
            return None;
        }
        self.address_missed.set(true);
        Some(format!(
            "probe {:?}: no filter before this one sets {name:?}, so no cidr matches",
            self.name
        ))
    }

    /// Whether the sender of a request that was admitted may see more than the status.
    pub(crate) fn shows_details(&self, request: &impl RequestHead) -> bool {
        let details = match &self.action {
            Action::Respond(rule) => &rule.details,
            _ => &Details::Allowed,
        };
        match details {
            Details::Never => false,
            // Whom `allow` doesn't name gets no answer at all.
            Details::Allowed => self.allow.is_some(),
            Details::Always => true,
            Details::To(clients) => clients.include(request),
        }
    }

    /// Whether it matches calls of gRPC.
    pub(crate) fn is_grpc(&self) -> bool {
        self.protocol == ProbeProtocol::Grpc
    }

    /// Whether the proxy answers it.
    pub fn responds(&self) -> bool {
        matches!(self.action, Action::Respond(_))
    }

    /// Whether what becomes of a call depends on its service.
    pub(crate) fn depends_on_service(&self) -> bool {
        self.limit.is_some() || self.breaker.is_some() || !matches!(self.action, Action::Forward)
    }

    /// Whether what becomes of its probes depends on what is known of their cluster.
    pub(crate) fn needs_cluster(&self) -> bool {
        let closes = self.connection() != Connection::Keep && !self.action.is_answered_here();
        closes || self.memory.is_some() || self.breaker.is_some()
    }

    /// Whether probes of this rule ask the application to close the connection: calls of
    /// gRPC never do.
    pub(crate) fn connection(&self) -> Connection {
        match self.protocol {
            ProbeProtocol::Http => self.connection,
            ProbeProtocol::Grpc => Connection::Keep,
        }
    }

    /// The edits to a probe that goes to the application, which has until
    /// `deadline` to answer. Envoy counts that from the end of the request: one that is not
    /// `whole` is bounded from its beginning, too.
    pub(crate) fn forward(
        &self,
        deadline: Option<Duration>,
        whole: bool,
        close: bool,
    ) -> HeaderEdits {
        // Room for all that may be set, so that it isn't moved as it grows.
        let set = Vec::with_capacity(8);
        let mut edits = HeaderEdits { remove: CLIENT_OVERRIDES.to_vec(), set };
        edits.set(UPSTREAM_HEALTH_CHECK, "true");
        edits.set(PROBE, &*self.name);
        edits.set(UPSTREAM_RQ_TIMEOUT_MS, timeout_ms(deadline).to_string());
        if let Some(deadline) = deadline.filter(|_| !whole) {
            let longest = timeout_ms(Some(deadline)).saturating_add(LATER_MS);
            edits.set(UPSTREAM_STREAM_DURATION_MS, longest.to_string());
        }
        edits.set(MAX_RETRIES, self.retries.to_string());
        if close {
            edits.set(CONNECTION, "close");
        }
        match self.protocol {
            ProbeProtocol::Http if self.retries > 0 => edits.set(RETRY_ON, "5xx"),
            ProbeProtocol::Grpc if self.retries > 0 => edits.set(RETRY_GRPC_ON, "unavailable"),
            _ => {}
        }
        if self.protocol == ProbeProtocol::Grpc {
            // Only a message that isn't compressed can be read on its way back.
            edits.remove.push(GRPC_ACCEPT_ENCODING);
        }
        edits
    }

    /// How long the application may take: the smaller of the rule's timeout and
    /// the caller's own deadline. `None` lifts every limit. How long a Watch goes on is its
    /// client's affair, which ends it when its own deadline passes.
    pub(crate) fn deadline(&self, request: &impl RequestHead, watch: bool) -> Deadline {
        if watch {
            return Deadline::ours(None);
        }
        let own = self.timeout;
        let callers = match self.protocol {
            ProbeProtocol::Http => {
                request.header(UPSTREAM_RQ_TIMEOUT_MS).and_then(|v| parse_ms(&v))
            }
            ProbeProtocol::Grpc => {
                request.header(GRPC_TIMEOUT).and_then(|v| grpc::parse_timeout(&v))
            }
        };
        match (own, callers) {
            (Some(ours), Some(callers)) if callers >= ours => Deadline::ours(Some(ours)),
            (_, Some(callers)) => Deadline { after: Some(callers), callers: true },
            (ours, None) => Deadline::ours(ours),
        }
    }

    /// The rule's own deadline.
    pub(crate) fn own_deadline(&self) -> Deadline {
        Deadline::ours(self.timeout)
    }

    /// The markers for the prober on an answer whose verdict is known.
    pub(crate) fn annotation(&self, verdict: Verdict) -> HeaderEdits {
        let mut edits = self.identification();
        match verdict {
            Verdict::Pass => {}
            Verdict::Warn => edits.set(DEGRADED, "true"),
            Verdict::Fail => edits.set(IMMEDIATE_HEALTH_CHECK_FAIL, "true"),
        }
        let ready = verdict != Verdict::Fail;
        edits.set(STATUS, if ready { "ready" } else { "not-ready" });
        edits
    }

    /// The markers for the prober that hold whatever the verdict will be.
    pub(crate) fn identification(&self) -> HeaderEdits {
        let mut edits = HeaderEdits::default();
        if !self.service_cluster.is_empty() {
            edits.set(UPSTREAM_HEALTHCHECKED_CLUSTER, &*self.service_cluster);
        }
        edits
    }
}

fn exact_headers(matcher: &HttpMatch) -> Vec<(String, String)> {
    let exact = |header: &HeaderMatcher| match &header.test {
        HeaderTest::Exact(value) if !header.not => Some((header.name.clone(), value.clone())),
        _ => None,
    };
    matcher.headers.iter().filter_map(exact).collect()
}

/// How long the application may take to answer a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// `None` lifts every limit.
    pub(crate) after: Option<Duration>,
    /// Whether it is the caller's: then missing it says nothing about the application.
    pub(crate) callers: bool,
}

impl Deadline {
    fn ours(after: Option<Duration>) -> Self {
        Self { after, callers: false }
    }
}

/// Reads a timeout in Envoy's notation, where 0 is none.
fn parse_ms(value: &[u8]) -> Option<Duration> {
    let milliseconds: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (milliseconds > 0).then_some(Duration::from_millis(milliseconds))
}

/// Envoy's notation: whole milliseconds, and 0 for no limit, so that a deadline
/// below a millisecond must not become 0.
fn timeout_ms(deadline: Option<Duration>) -> u64 {
    let Some(deadline) = deadline else { return 0 };
    let milliseconds = deadline.as_nanos().div_ceil(1_000_000).max(1);
    u64::try_from(milliseconds).unwrap_or(u64::MAX)
}
