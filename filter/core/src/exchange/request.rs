//! The way out: what happens to a probe.

use super::fetch::Errand;
use super::{Exchange, Progress};
use crate::base::outcome::{Outcome, Verdict, details};
use crate::base::time::{Instant, Nanos, nanos};
use crate::evidence::Detail;
use crate::exchange::decision::Decision;
use crate::guards::breaker::{Breaker, Passage};
use crate::guards::cache::{CacheEntry, CacheResult, CacheRule, CachedResponse, Lookup};
use crate::guards::capture::Capture;
use crate::guards::limit::{Bucket, OnLimit};
use crate::http::edits::Reply;
use crate::http::headers::{AUTHORITY, FORWARDED_PROTO, SCHEME, UPGRADE};
use crate::http::request::{Method, RequestHead};
use crate::probe::{Action, Admission, RespondRule};
use crate::state::{Cell, Change, Context, Refusal, SharedStore, update, update_and_displace};
use std::rc::Rc;

impl Exchange {
    /// Decides what happens to the probe. `whole` says that no body is to come.
    pub fn on_request_headers(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
        whole: bool,
    ) -> Decision {
        let decision = self.decide(request, cx, whole);
        self.heed_bridge(decision, request).only_what_is_there(request)
    }

    fn decide(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
        whole: bool,
    ) -> Decision {
        if !self.choose_rule() {
            return Decision::NotAProbe;
        }
        self.whole = whole;
        let admission = self.probe.admission(request);
        self.details = admission == Admission::Granted && self.probe.shows_details(request);
        if !self.details {
            self.signals.log.extend(self.probe.note_missing_address(request));
        }
        match admission {
            // It asks for another protocol, not for health.
            Admission::Granted if request.header(UPGRADE).is_some() => return Decision::NotAProbe,
            Admission::Granted => {}
            Admission::NotAProbe => return Decision::NotAProbe,
            Admission::Denied => return self.deny(cx.now),
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
            Action::Cache(_) => self.consult_cache(request, cx),
            Action::Forward => {
                let errand = self.memory.as_ref().map_or(Errand::None, |_| Errand::Report);
                self.forward(request, cx, errand)
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
        if !self.whole || self.line.method == Method::Other {
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
        self.waits = false;
        let entry = self.memory.as_ref().map(|cell| cell.read::<CacheEntry>(cx.store));
        let CacheEntry { answer, failure, .. } = entry.unwrap_or_default();
        // What came after the question is an answer to it, however long it took
        // to wake everyone.
        if let Some(answer) = answer.filter(|answer| answer.at >= self.arrived) {
            return self.serve(answer, details::CACHED, cx.now);
        }
        if let Some(failure) = failure.filter(|failure| failure.at >= self.arrived) {
            let outcome = if failure.status == 504 { Outcome::Timeout } else { Outcome::Fail };
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
        Decision::Reply(reply)
    }

    pub(super) fn deny(&mut self, now: Instant) -> Decision {
        self.answer(self.probe.reply_denied(self.wall(now)), Outcome::Denied)
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
                let taken = bucket.take(rule, cx.now);
                Change::write_if(*bucket != before, taken)
            });
            // Those for which there is no room are counted together.
            if taken != Err(Refusal::Occupied) || service.take().is_none() {
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
            (OnLimit::LastVerdict, _) => self
                .last_answer(cx)
                .map(|answer| self.reply_kept(answer, details::LIMITED_LAST_VERDICT, cx.now)),
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
            return self.forward(request, cx, Errand::None);
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
        let full = matches!(looked, Ok((_, true)) | Err(Refusal::Occupied));
        if full {
            self.note_answers_are_full(cx);
        }
        let errand = match looked.map(|(looked, _)| looked) {
            Ok((Lookup::Fresh, Some(answer))) => {
                self.cached.get_or_insert(CacheResult::Fresh);
                return self.serve(answer, details::CACHED, cx.now);
            }
            Ok((Lookup::Stale, Some(answer))) => {
                self.cached.get_or_insert(CacheResult::Stale);
                return self.serve(answer, details::CACHED_STALE, cx.now);
            }
            // Whoever loses every race waits for one of the winners.
            Ok((Lookup::Wait | Lookup::Fresh | Lookup::Stale, _)) | Err(Refusal::Contended) => {
                self.waits = true;
                self.cached = Some(CacheResult::Waited);
                return Decision::Wait;
            }
            Ok((Lookup::Refresh, fallback)) => {
                self.held.fallback = fallback;
                Errand::Fetch
            }
            Ok((Lookup::Scout, _)) => Errand::Scout,
            Ok((Lookup::Pass, _)) | Err(Refusal::Occupied) => Errand::None,
        };
        self.held.refresh = errand != Errand::None;
        self.cached = Some(match errand {
            _ if full => CacheResult::Full,
            Errand::Fetch => CacheResult::Fetched,
            _ => CacheResult::Bypassed,
        });
        self.forward(request, cx, errand)
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
        let reply = self.reply_kept(answer, details, now);
        self.answer(reply, Outcome::Cached)
    }

    fn reply_kept(&mut self, answer: CachedResponse, details: &'static str, now: Instant) -> Reply {
        // Where there is a body and no media type, Envoy says text/plain.
        self.held.untyped = answer.content_type.is_none() && !answer.body.is_empty();
        self.probe.reply_kept(answer, details, now)
    }

    pub(super) fn forward(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
        errand: Errand,
    ) -> Decision {
        if let Some(decision) = self.ask_breaker(cx) {
            return decision;
        }
        self.held.forwarded = true;
        let closes = self.ask_upstream(request, cx);
        // An answer for everyone isn't bounded by the deadline of one.
        let deadline = if errand == Errand::Fetch {
            self.probe.own_deadline()
        } else {
            self.probe.deadline(request, self.is_watch())
        };
        // What another plugin of this module has set isn't the caller's.
        let marked_before = self.mark(request);
        self.held.callers_deadline = deadline.callers && !marked_before;
        self.held.deadline = deadline.after;
        let mut edits = self.probe.forward(deadline.after, self.whole || self.is_watch(), closes);
        if let Some(decision) = self.translate(&mut edits) {
            return decision;
        }
        self.held.errand = errand;
        self.held.capture = Capture::on(errand);
        if errand == Errand::Fetch {
            self.ask_for_everyone(request, &mut edits);
        }
        Decision::Forward(edits)
    }

    /// `breaker`: the decision for a probe that doesn't pass it.
    fn ask_breaker(&mut self, cx: Context<'_, impl SharedStore>) -> Option<Decision> {
        let probe = Rc::clone(&self.probe);
        let (_, cells) = probe.breaker.as_ref()?;
        let cell = self.breaker_cell(cells);
        let asked = update::<Breaker, _>(cx, &cell, |breaker| {
            let before = *breaker;
            let may_hang = !self.whole && !self.blind;
            let passage = breaker.ask(cx.now, self.token, probe.lease_for(), may_hang);
            Change::write_if(*breaker != before, (passage, breaker.position()))
        });
        let (passage, position) = asked.ok()?;
        let (retry_in, details) = match passage {
            Passage::Closed | Passage::Trial => {
                self.held.passed_breaker = Some(cx.now);
                if passage == Passage::Trial {
                    let state = probe.metrics.breaker.map(|it| (it.state, position as u64));
                    self.signals.set.extend(state);
                }
                return None;
            }
            Passage::Open(retry_in) => (retry_in, details::BREAKER_OPEN),
            Passage::HalfOpen => (0, details::BREAKER_HALF_OPEN),
        };
        self.release_refresh(cx);
        // It was to fetch the answer, and doesn't.
        self.cached = self.held.fallback.as_ref().map(|_| CacheResult::Stale);
        Some(match self.held.fallback.take() {
            Some(answer) => self.serve(answer, details::CACHED_STALE, cx.now),
            None => {
                let reply = probe.reply_broken(retry_in, details, self.wall(cx.now));
                self.answer(reply, Outcome::Broken)
            }
        })
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

/// How long what the log was told of a rule's answers needn't be told again: a ttl,
/// or a while where that is shorter.
pub(super) fn notice_every(rule: &CacheRule) -> Nanos {
    const WHILE: Nanos = 10_000_000_000;
    nanos(rule.ttl).max(WHILE)
}

/// The longest scope that is kept, in bytes: a longer path or host is nobody's
/// health check.
const LONGEST_SCOPE: usize = 1_024;
