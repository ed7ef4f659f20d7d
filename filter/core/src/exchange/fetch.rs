//! What a probe does for others while it is at the application: it fetches the answer for
//! everyone, or leaves word of its own.

use super::Exchange;
use super::guards::{CacheRefresh, CacheRole};
use crate::base::time::{HOUR, Nanos, nanos};
use crate::guards::cache::{CacheEntry, CacheRule, CachedResponse, Destination};
use crate::guards::capture::Capture;
use crate::guards::sharing::{DROPPED, is_for_everyone};
use crate::http::edits::HeaderEdits;
use crate::http::headers::{CONTENT_TYPE, METHOD, PATH};
use crate::http::request::{Method, RequestHead, ResponseHead};
use crate::probe::Action;
use crate::state::{
    Change, Context, SharedStore, UpdateError, fingerprint, update, update_and_displace,
};

/// What a probe that goes to the application does for others.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) role: CacheRole,
    /// Others wait for what it brings.
    pub(super) refresh: Option<CacheRefresh>,
    /// What is served where it brings nothing.
    pub(super) fallback: Option<CachedResponse>,
    /// Reads the answer, to keep it.
    pub(super) capture: Option<Capture>,
    /// Stands in place of the answer's body. Empty for a HEAD that was sent on
    /// as a GET: HTTP/2 takes no body in the answer to it.
    pub(super) replacement: Option<Vec<u8>>,
}

impl Fetch {
    pub(super) fn new(
        role: CacheRole,
        refresh: Option<CacheRefresh>,
        fallback: Option<CachedResponse>,
    ) -> Self {
        let capture = match role {
            CacheRole::Observe => Some(Capture::of_status()),
            CacheRole::Fill => Some(Capture::of_all()),
            CacheRole::Bypass | CacheRole::Scout => None,
        };
        Self { role, refresh, fallback, capture, replacement: None }
    }
}

impl Exchange {
    /// Reads what tells whether the answer to a request may be everyone's, where one is
    /// kept.
    pub(super) fn look_whose_it_is(&mut self, request: &impl RequestHead) {
        if self.probe.memory.is_none() {
            return;
        }
        let probe = &self.probe;
        self.own = !request.all_headers(|name, value| probe.is_common(name, value));
        if matches!(probe.action, Action::Cache(_)) {
            self.route = request.route().unwrap_or_default();
        }
    }

    /// Makes a request the one that fetches the answer for everyone.
    pub(super) fn ask_for_everyone(&mut self, request: &impl RequestHead, edits: &mut HeaderEdits) {
        let Some(fetch) = self.phase.flight_mut().map(|flight| &mut flight.fetch) else { return };
        const GRPC: &[u8] = b"application/grpc";
        let (dropped, set) = (edits.remove.len(), edits.set.len());
        let grpc = self.probe.is_grpc();
        let there = |name: &&str| request.header(name).is_some();
        edits.remove.extend(DROPPED.iter().copied().filter(there));
        if grpc {
            edits.remove.retain(|name| *name != CONTENT_TYPE);
            if request.header(CONTENT_TYPE).as_deref() != Some(GRPC) {
                edits.set(CONTENT_TYPE, GRPC);
            }
        } else if self.line.has_query() {
            edits.set(PATH, self.line.path());
        }
        if self.line.method == Method::Head {
            edits.set(METHOD, "GET");
            fetch.replacement = Some(Vec::new());
        }
        if (dropped, set) == (edits.remove.len(), edits.set.len()) {
            fetch.role = CacheRole::Bypass; // Its own request fetches as it is.
        }
    }

    /// Looks where a request has gone whose headers were edited: Envoy chooses the route
    /// anew then, and shows only now which it is. An answer from elsewhere says nothing
    /// of what the probers of this scope ask about.
    pub(super) fn look_where_it_went(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(fetch) = self.phase.flight_mut().map(|flight| &mut flight.fetch) else { return };
        let role = fetch.role;
        if !matches!(role, CacheRole::Fill | CacheRole::Scout) {
            return;
        }
        fetch.role = CacheRole::Bypass;
        let [cluster, route] =
            [response.cluster(), response.route()].map(Option::unwrap_or_default);
        let reached = destination(&cluster, &route);
        if role == CacheRole::Fill && reached == destination(&self.cluster, &self.route) {
            return;
        }
        let (Some((rule, cells)), Some(cell)) = (&self.probe.memory, &self.memory) else { return };
        let (token, asked) = (self.token, self.arrived);
        let at_home = update::<CacheEntry, _>(cx, cell, |entry| {
            if role == CacheRole::Scout {
                Change::Write(entry.scouted(rule, token, reached, cx.now))
            } else {
                let at_home = entry.fetched_from(token, asked, reached);
                Change::write_if(!at_home, at_home)
            }
        });
        if at_home == Ok(true) && role == CacheRole::Fill {
            return;
        }
        fetch.refresh.take().into_iter().for_each(CacheRefresh::end);
        fetch.capture = None;
        fetch.fallback = None;
        let probe = &self.probe;
        if at_home == Ok(false)
            && role == CacheRole::Scout
            && probe.astray.is_due(&cells.said("astray"), HOUR, cx)
        {
            let [cluster, route] = [&cluster, &route].map(|name| String::from_utf8_lossy(name));
            self.signals.log.push(format!(
                "probe {:?}: without query and headers, probes to cluster {cluster:?}, route {route:?} go elsewhere: their answers aren't kept",
                probe.name
            ));
        }
    }

    /// What reads the answer, to keep it.
    pub(super) fn capture_mut(&mut self) -> Option<&mut Capture> {
        self.phase.flight_mut()?.fetch.capture.as_mut()
    }

    /// The head of an answer that may be kept has come; `failed` is what it says of the
    /// application's health.
    pub(super) fn begin_capture(
        &mut self,
        answer: CachedResponse,
        failed: Option<bool>,
        response: &impl ResponseHead,
    ) {
        let fetch = self.phase.flight_mut().map(|flight| &mut flight.fetch);
        let (Some(fetch), Some((rule, _))) = (fetch, &self.probe.memory) else { return };
        let Some(capture) = &mut fetch.capture else { return };
        let for_everyone = is_for_everyone(response, rule);
        if fetch.role != CacheRole::Observe {
            capture.begin(answer, response, for_everyone);
        } else if failed.is_some() {
            let asked_for_everyone =
                !self.own && self.line.method == Method::Get && !self.line.has_query();
            capture.begin(answer, response, for_everyone && asked_for_everyone);
        }
    }

    /// Keeps the answer, which is whole.
    pub(super) fn keep_captured(&mut self, cx: Context<'_, impl SharedStore>) {
        let Some(fetch) = self.phase.flight_mut().map(|flight| &mut flight.fetch) else { return };
        let Some(capture) = fetch.capture.take() else { return };
        let probe = &self.probe;
        let (Some((rule, cells)), Some(cell)) = (&probe.memory, &self.memory) else { return };
        let mut keepable = capture.is_keepable();
        if !keepable && fetch.role == CacheRole::Observe {
            return; // What says nothing leaves the last answer as it is.
        }
        if !keepable
            && !probe.is_grpc()
            && probe.not_kept.is_due(&cells.said("not_kept"), notice_every(rule), cx)
        {
            self.signals.log.push(format!(
                "probe {:?}: the application's answer can't be kept: it is private, no-store or varies, encoded, partial, a redirect, or larger than max_body ({} bytes)",
                probe.name, rule.max_body
            ));
        }
        let mut full = false;
        let kept = loop {
            let kept = update_and_displace::<CacheEntry, _>(cx, cell, |entry| {
                match capture.finish(cx.now, entry.answer.as_ref()).filter(|_| keepable) {
                    Some(answer) => entry.keep(rule, self.token, self.arrived, answer),
                    None => entry.keep_nothing(rule, self.token, self.arrived, cx.now),
                }
                Change::Write(())
            });
            full |= matches!(kept, Ok((_, true)) | Err(UpdateError::Occupied));
            // Where there is no room for it, those who wait are to know that.
            if kept != Err(UpdateError::Occupied) || !std::mem::take(&mut keepable) {
                break kept;
            }
        };
        if kept.is_ok() {
            fetch.refresh.take().into_iter().for_each(CacheRefresh::end);
        }
        if full {
            self.note_answers_are_full(cx);
        }
    }
}

fn destination(cluster: &[u8], route: &[u8]) -> Destination {
    fingerprint(&(cluster, route)).max(1)
}

/// How long what the log was told of a rule's answers needn't be told again: a ttl,
/// or a while where that is shorter.
pub(super) fn notice_every(rule: &CacheRule) -> Nanos {
    const WHILE: Nanos = 10_000_000_000;
    nanos(rule.ttl).max(WHILE)
}
