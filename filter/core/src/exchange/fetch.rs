//! What a probe does for others while it is at the application: it fetches the answer for
//! everyone, or leaves word of its own.

use super::Exchange;
use super::request::notice_every;
use crate::base::time::HOUR;
use crate::guards::cache::{CacheEntry, CachedResponse, Destination};
use crate::guards::capture::Capture;
use crate::guards::sharing::{DROPPED, is_for_everyone};
use crate::http::edits::HeaderEdits;
use crate::http::headers::{CONTENT_TYPE, METHOD, PATH};
use crate::http::request::{Method, RequestHead, ResponseHead};
use crate::probe::Action;
use crate::state::{
    Change, Context, Refusal, SharedStore, fingerprint, update, update_and_displace,
};

/// What a probe that goes to the application does for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Errand {
    /// Nothing.
    #[default]
    None,
    /// Its answer is the last that is known of, whatever it asks for.
    Report,
    /// It asks on behalf of everyone.
    Fetch,
    /// It passes as it is, and shows where such probes go.
    Scout,
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
            self.held.replacement = Some(Vec::new());
        }
        if (dropped, set) == (edits.remove.len(), edits.set.len()) {
            self.held.errand = Errand::None; // Its own request fetches as it is.
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
        let errand = self.held.errand;
        if !matches!(errand, Errand::Fetch | Errand::Scout) {
            return;
        }
        self.held.errand = Errand::None;
        let [cluster, route] =
            [response.cluster(), response.route()].map(Option::unwrap_or_default);
        let reached = destination(&cluster, &route);
        if errand == Errand::Fetch && reached == destination(&self.cluster, &self.route) {
            return;
        }
        let (Some((rule, cells)), Some(cell)) = (&self.probe.memory, &self.memory) else { return };
        let (token, asked) = (self.token, self.arrived);
        let at_home = update::<CacheEntry, _>(cx, cell, |entry| {
            if errand == Errand::Scout {
                Change::Write(entry.scouted(rule, token, reached, cx.now))
            } else {
                let at_home = entry.fetched_from(token, asked, reached);
                Change::write_if(!at_home, at_home)
            }
        });
        if at_home == Ok(true) && errand == Errand::Fetch {
            return;
        }
        self.held.refresh = false;
        self.held.capture = None;
        self.held.fallback = None;
        let probe = &self.probe;
        if at_home == Ok(false)
            && errand == Errand::Scout
            && probe.astray.is_due(&cells.said("astray"), HOUR, cx)
        {
            let [cluster, route] = [&cluster, &route].map(|name| String::from_utf8_lossy(name));
            self.signals.log.push(format!(
                "probe {:?}: without query and headers, probes to cluster {cluster:?}, route {route:?} go elsewhere: their answers aren't kept",
                probe.name
            ));
        }
    }

    /// The head of an answer that may be kept has come; `failed` is what it says of the
    /// application's health.
    pub(super) fn begin_capture(
        &mut self,
        answer: CachedResponse,
        failed: Option<bool>,
        response: &impl ResponseHead,
    ) {
        let (Some(capture), Some((rule, _))) = (&mut self.held.capture, &self.probe.memory) else {
            return;
        };
        let for_everyone = is_for_everyone(response, rule);
        if self.held.errand != Errand::Report {
            capture.begin(answer, response, for_everyone);
        } else if failed.is_some() {
            let asked_for_everyone =
                !self.own && self.line.method == Method::Get && !self.line.has_query();
            capture.begin(answer, response, for_everyone && asked_for_everyone);
        }
    }

    /// Keeps the answer, which is whole.
    pub(super) fn keep_captured(&mut self, cx: Context<'_, impl SharedStore>) {
        let Some(capture) = self.held.capture.take() else { return };
        let probe = &self.probe;
        let (Some((rule, cells)), Some(cell)) = (&probe.memory, &self.memory) else { return };
        let mut keepable = capture.is_keepable();
        if !keepable && self.held.errand == Errand::Report {
            return; // What says nothing leaves the last answer as it is.
        }
        if !keepable
            && !probe.is_grpc()
            && probe.not_kept.is_due(&cells.said("not_kept"), notice_every(rule), cx)
        {
            self.signals.log.push(format!(
                "probe {:?}: the application's answer can't be kept: it is private, no-cx.store or varies, encoded, partial, a redirect, or larger than max_body ({} bytes)",
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
            full |= matches!(kept, Ok((_, true)) | Err(Refusal::Occupied));
            // Where there is no room for it, those who wait are to know that.
            if kept != Err(Refusal::Occupied) || !std::mem::take(&mut keepable) {
                break kept;
            }
        };
        if full {
            self.note_answers_are_full(cx);
        }
        if kept.is_ok() {
            self.held.refresh = false;
        }
    }
}

impl Capture {
    /// What is kept of the answer to a probe with this errand.
    pub(super) fn on(errand: Errand) -> Option<Self> {
        match errand {
            Errand::Report => Some(Self::of_status()),
            Errand::Fetch => Some(Self::of_all()),
            Errand::None | Errand::Scout => None,
        }
    }
}

fn destination(cluster: &[u8], route: &[u8]) -> Destination {
    fingerprint(&(cluster, route)).max(1)
}
