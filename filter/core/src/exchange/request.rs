//! The way out: what happens to a probe.

use super::Exchange;
use super::fetch::{Fetch, notice_every};
use super::flight::{Flight, ResponseProgress};
use super::guards::{CacheRefresh, CacheRole, Refused};
use super::phase::{Phase, Progress};
use crate::base::outcome::{Outcome, Verdict, details};
use crate::base::time::Instant;
use crate::evidence::Detail;
use crate::exchange::decision::Decision;
use crate::format::Medium;
use crate::guards::cache::{CacheEntry, CacheResult, CachedResponse, Lookup};
use crate::guards::limit::OnLimit;
use crate::http::classify::GATEWAY_TIMEOUT;
use crate::http::edits::Reply;
use crate::http::headers::{ACCEPT, AUTHORITY, FORWARDED_PROTO, SCHEME, UPGRADE};
use crate::http::request::{Method, RequestHead};
use crate::probe::{Action, Admission, RespondRule};
use crate::state::{
    Bucket, Cell, Change, Context, SharedStore, UpdateError, update, update_and_displace,
};
use std::rc::Rc;

impl Exchange {
    /// Decides what happens to the probe. `end_stream` says that no body is to come.
    pub fn on_request_headers(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
        end_stream: bool,
    ) -> Decision {
        let decision = self.decide(request, cx, end_stream);
        self.heed_bridge(decision, request).only_what_is_there(request)
    }

    fn decide(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
        end_stream: bool,
    ) -> Decision {
        if !self.choose_rule() {
            return Decision::NotAProbe;
        }
        self.end_stream = end_stream;
        let admission = self.probe.admission(request);
        self.details = admission == Admission::Granted && self.probe.shows_details(request);
        if !self.details {
            self.signals.log.extend(self.probe.note_missing_address(request));
        }
        match admission {
            // It asks for another protocol, not for health.
            Admission::Granted if request.header(UPGRADE).is_some() => return Decision::NotAProbe,
            Admission::Granted => {}
            Admission::NotAProbe => {
                self.note_refusal(request, cx);
                return Decision::NotAProbe;
            }
            Admission::Denied => return self.deny(request, cx),
        }
        if self.probe.needs_cluster() {
            self.cluster = request.cluster().unwrap_or_default();
        }
        self.look_whose_it_is(request);
        self.memory = self.place_in_memory(request);
        if let Some(decision) = self.limit(cx) {
            return decision;
        }
        match &self.probe.action {
            Action::Respond(_) if self.probe.is_grpc() => self.respond_to_call(request, cx),
            Action::Respond(rule) => {
                let (reply, verdict) = self.respond(rule, cx);
                self.answer(reply, verdict.outcome())
            }
            // What else may be asked at its path isn't for the page.
            Action::Inspect if self.line.method == Method::Other => Decision::NotAProbe,
            Action::Inspect => {
                let accept = request.header(ACCEPT).unwrap_or_default();
                Decision::Inspect(Medium::of(self.line.query(), &accept))
            }
            Action::Cache(_) => self.consult_cache(request, cx),
            Action::Forward => {
                let role =
                    if self.memory.is_some() { CacheRole::Observe } else { CacheRole::Bypass };
                self.forward(request, cx, role, None)
            }
        }
    }

    /// Where the answer to this request is kept. `None` where everyone must not
    /// get the same: other methods than GET and HEAD ask for something else, and
    /// a body makes a request its sender's own.
    fn place_in_memory(&self, request: &impl RequestHead) -> Option<Cell> {
        let (rule, cells) = self.probe.memory.as_ref()?;
        let host = request.header(AUTHORITY).filter(|_| rule.by_host).unwrap_or_default();
        if self.probe.is_grpc() {
            let [method, service] = self.call_scope();
            let size = self.cluster.len() + self.route.len() + host.len() + service.len();
            let fits = self.is_cacheable_call() && size <= LONGEST_SCOPE;
            let scope = [&self.cluster, &self.route, &*host, method, service];
            return fits.then(|| cells.outside(&scope));
        }
        if !self.end_stream || self.line.method == Method::Other {
            return None;
        }
        let path = self.line.path();
        let size = self.cluster.len() + self.route.len() + host.len() + path.len();
        // An application may answer otherwise over plain HTTP.
        let [scheme, first] =
            [SCHEME, FORWARDED_PROTO].map(|name| request.header(name).unwrap_or_default());
        let scope = [&self.cluster, &self.route, &*scheme, &*first, &*host, path];
        (size <= LONGEST_SCOPE).then(|| cells.outside(&scope))
    }

    /// Decides once more for a probe that waits. [`Decision::Wait`] means that
    /// nothing has changed.
    pub fn on_wake(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        let decision = self.decide_again(request, cx);
        self.heed_bridge(decision, request).only_what_is_there(request)
    }

    fn decide_again(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        let entry = self.memory.as_ref().map(|cell| cell.read::<CacheEntry>(cx.store));
        let CacheEntry { answer, failure, .. } = entry.unwrap_or_default();
        // What came after the question is an answer to it, however long it took
        // to wake everyone.
        if let Some(answer) = answer.filter(|answer| answer.at >= self.arrived) {
            return self.serve(answer, details::CACHED, cx.now);
        }
        if let Some(failure) = failure.filter(|failure| failure.at >= self.arrived) {
            let late = failure.status == GATEWAY_TIMEOUT;
            let outcome = if late { Outcome::Timeout } else { Outcome::Fail };
            let reply = self.probe.reply_cache_unreachable(failure.status, self.wall(cx.now));
            return self.answer(reply, outcome);
        }
        if cx.now.since(self.arrived) >= self.probe.longest_wait() {
            return self
                .answer(self.probe.reply_cache_timeout(self.wall(cx.now)), Outcome::Timeout);
        }
        self.consult_cache(request, cx)
    }

    pub(super) fn answer(&mut self, reply: Reply, outcome: Outcome) -> Decision {
        self.progress = Progress::Known(outcome);
        self.phase = Phase::Answered { untyped: false };
        Decision::Reply(reply)
    }

    pub(super) fn deny(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        self.note_refusal(request, cx);
        self.answer(self.probe.reply_denied(self.wall(cx.now)), Outcome::Denied)
    }

    /// `inspect`: answers with the page that was decided on.
    pub fn show(&mut self, page: Vec<u8>, medium: Medium) -> Decision {
        self.answer(self.probe.reply_page(page, medium), Outcome::Pass)
    }

    /// `respond`: the answer to a probe, by what is known.
    fn respond(&self, rule: &RespondRule, cx: Context<'_, impl SharedStore>) -> (Reply, Verdict) {
        let detail = if self.details { Detail::Full } else { Detail::Omitted };
        let report = self.context.evidence.report(&self.probe.items, detail, cx);
        self.probe.reply_respond(rule, report, &self.line, self.details)
    }

    /// `limit`: the decision for a probe that is beyond it.
    fn limit(&mut self, cx: Context<'_, impl SharedStore>) -> Option<Decision> {
        let probe = Rc::clone(&self.probe);
        let (rule, cells) = probe.limit.as_ref()?;
        let mut service = self.named_service();
        let taken = loop {
            let cell = match service {
                Some(service) => cells.scope(&[service.as_bytes()]),
                None => cells.scope(&[]),
            };
            let taken = update::<Bucket, _>(cx, &cell, |bucket| {
                let before = *bucket;
                let taken = bucket.take(rule.rate, rule.burst, cx.now);
                Change::write_if(*bucket != before, taken)
            });
            // Those for which there is no room are counted together.
            if taken != Err(UpdateError::Occupied) || service.take().is_none() {
                break taken;
            }
        };
        // Where so many contend that nobody gets a token, there is none.
        let retry_in = taken.unwrap_or(Err(0)).err()?;
        let reply = match (rule.on_limit, &probe.action) {
            (OnLimit::Reject, _) => None,
            (OnLimit::LastVerdict, _) if probe.is_grpc() => None,
            (OnLimit::LastVerdict, Action::Respond(rule)) => {
                let (reply, _) = self.respond(rule, cx);
                Some(Reply { details: details::LIMITED_LAST_VERDICT, ..reply })
            }
            (OnLimit::LastVerdict, _) => {
                if let Some(answer) = self.last_answer(cx) {
                    let details = details::LIMITED_LAST_VERDICT;
                    return Some(self.answer_kept(answer, details, Outcome::Limited, cx.now));
                }
                None
            }
        };
        let reply = reply.unwrap_or_else(|| probe.reply_limited(retry_in, self.wall(cx.now)));
        Some(self.answer(reply, Outcome::Limited))
    }

    fn last_answer(&self, cx: Context<'_, impl SharedStore>) -> Option<CachedResponse> {
        let (rule, _) = self.probe.memory.as_ref()?;
        let last = update::<CacheEntry, _>(cx, self.memory.as_ref()?, |entry| {
            let last = entry.last(rule, cx.now).cloned();
            let used = last.is_some() && entry.note_use(rule, cx.now);
            Change::write_if(used, last)
        });
        last.ok().flatten()
    }

    fn consult_cache(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        let probe = Rc::clone(&self.probe);
        let (Action::Cache(rule), Some(cell)) = (&probe.action, &self.memory) else {
            return self.forward(request, cx, CacheRole::Bypass, None);
        };
        let looked = if self.own {
            Ok(((Lookup::Pass, None), false))
        } else {
            update_and_displace::<CacheEntry, _>(cx, cell, |entry| {
                let lookup = entry.look(rule, cx.now, self.token, probe.lease_for());
                let answer = entry.servable(rule, cx.now).cloned();
                let write = match lookup {
                    Lookup::Fresh | Lookup::Stale => entry.note_use(rule, cx.now),
                    lookup => matches!(lookup, Lookup::Refresh | Lookup::Scout),
                };
                Change::write_if(write, (lookup, answer))
            })
        };
        let full = matches!(looked, Ok((_, true)) | Err(UpdateError::Occupied));
        if full {
            self.note_answers_are_full(cx);
        }
        let (role, fallback) = match looked.map(|(looked, _)| looked) {
            Ok((Lookup::Fresh, Some(answer))) => {
                self.cached.get_or_insert(CacheResult::Fresh);
                return self.serve(answer, details::CACHED, cx.now);
            }
            Ok((Lookup::Stale, Some(answer))) => {
                self.cached.get_or_insert(CacheResult::Stale);
                return self.serve(answer, details::CACHED_STALE, cx.now);
            }
            // Whoever loses every race waits for one of the winners.
            Ok((Lookup::Wait | Lookup::Fresh | Lookup::Stale, _)) | Err(UpdateError::Contended) => {
                self.phase = Phase::Waiting;
                self.cached = Some(CacheResult::Waited);
                return Decision::Wait;
            }
            Ok((Lookup::Refresh, fallback)) => (CacheRole::Fill, fallback),
            Ok((Lookup::Scout, _)) => (CacheRole::Scout, None),
            Ok((Lookup::Pass, _)) | Err(UpdateError::Occupied) => (CacheRole::Bypass, None),
        };
        self.cached = Some(match role {
            _ if full => CacheResult::Full,
            CacheRole::Fill => CacheResult::Fetched,
            _ => CacheResult::Bypassed,
        });
        self.forward(request, cx, role, fallback)
    }

    /// Says that the rule has more scopes than room, and what is to be done about it.
    pub(super) fn note_answers_are_full(&mut self, cx: Context<'_, impl SharedStore>) {
        let probe = &self.probe;
        let Some((rule, cells)) = &probe.memory else { return };
        if probe.answers_full.is_due(&cells.said("full"), notice_every(rule), cx) {
            let mend = match probe.action {
                Action::Cache(_) => {
                    r#"; where the application answers all hosts alike, write "key": ["path"] into its "cache""#
                }
                _ => "",
            };
            self.signals.log.push(format!(
                "probe {:?}: there is no room for the answers to all hosts and paths that are asked for: answers that nobody asks for again give way, and some aren't kept{mend}",
                probe.name
            ));
        }
    }

    fn serve(&mut self, answer: CachedResponse, details: &'static str, now: Instant) -> Decision {
        if self.probe.is_grpc() {
            return self.serve_to_call(answer, now);
        }
        self.answer_kept(answer, details, Outcome::Cached, now)
    }

    fn answer_kept(
        &mut self,
        answer: CachedResponse,
        details: &'static str,
        outcome: Outcome,
        now: Instant,
    ) -> Decision {
        // Where there is a body and no media type, Envoy says text/plain.
        let untyped = answer.content_type.is_none() && !answer.body.is_empty();
        let reply = self.probe.reply_kept(answer, details, now);
        let decision = self.answer(reply, outcome);
        self.phase = Phase::Answered { untyped };
        decision
    }

    /// Sends a probe to the application; `fallback` is served where it brings nothing.
    pub(super) fn forward(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
        role: CacheRole,
        fallback: Option<CachedResponse>,
    ) -> Decision {
        let refresh = CacheRefresh::granted_to(role);
        if self.cant_be_translated() {
            return self.refuse_method("only Check is answered here");
        }
        let passage = match self.ask_breaker(cx) {
            Ok(passage) => passage,
            Err(refused) => {
                self.give_up(refresh, cx);
                return self.answer_refused(refused, fallback, cx.now);
            }
        };
        let closing = self.ask_upstream(request, cx);
        // An answer for everyone isn't bounded by the deadline of one.
        let mut deadline = if role == CacheRole::Fill {
            self.probe.own_deadline()
        } else {
            self.probe.deadline(request, self.is_watch())
        };
        // What another plugin of this module has set isn't the caller's.
        let (marks, marked_before) = self.marks(request);
        deadline.callers &= !marked_before;
        let call = self.call_in_http(request, deadline.after);
        let ends = self.end_stream || self.is_watch();
        let mut edits = self.probe.forward(deadline.after, ends, closing.asks());
        let flight = Flight {
            passage,
            closing,
            fetch: Fetch::new(role, refresh, fallback),
            deadline,
            marks,
            response: ResponseProgress::None,
            untyped: false,
            translation: None,
        };
        if let Some(call) = call {
            self.phase = Phase::Asking(flight);
            return Decision::Ask(call);
        }
        self.phase = Phase::Forwarded(flight);
        self.translate(&mut edits);
        if role == CacheRole::Fill {
            self.ask_for_everyone(request, &mut edits);
        }
        Decision::Forward(edits)
    }

    /// `breaker`: the decision for a probe that doesn't pass it.
    fn answer_refused(
        &mut self,
        refused: Refused,
        fallback: Option<CachedResponse>,
        now: Instant,
    ) -> Decision {
        // It was to fetch the answer, and doesn't.
        self.cached = fallback.as_ref().map(|_| CacheResult::Stale);
        if let Some(answer) = fallback {
            return self.serve(answer, details::CACHED_STALE, now);
        }
        let Refused { retry_in, details } = refused;
        let reply = self.probe.reply_broken(retry_in, details, self.wall(now));
        self.answer(reply, Outcome::Broken)
    }
}

impl Decision {
    /// Removes no header that isn't there: to see that costs nothing, as the headers have
    /// been read, and to remove one is a call into the host.
    pub(super) fn only_what_is_there(mut self, request: &impl RequestHead) -> Self {
        if let Self::Forward(edits) = &mut self {
            edits.remove.retain(|name| request.header(name).is_some());
        }
        self
    }
}

/// The longest scope that is kept, in bytes: no health check has a longer path or host.
const LONGEST_SCOPE: usize = 1_024;
