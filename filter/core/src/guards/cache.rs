//! `cache`: one answer for everyone, and one probe that refreshes it.

use crate::base::metric::LabelValue;
use crate::base::outcome::Verdict;
use crate::base::time::{Instant, Nanos, nanos};
use crate::state::{Decoder, Encoder, Lease, State};
use std::time::Duration;

/// One answer for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheRule {
    /// How long an answer is fresh.
    pub ttl: Duration,
    /// How long after that it may still be served.
    pub stale_for: Duration,
    /// The longest body that is kept, in bytes.
    pub max_body: usize,
    /// Whether each host has answers of its own.
    pub by_host: bool,
    /// How long an answer that nobody asks for keeps its room from others.
    pub hold_for: Duration,
    /// Whether answers are kept whatever their `cache-control` says.
    pub ignores_cache_control: bool,
    /// Whether answers are kept whatever their `vary` says.
    pub ignores_vary: bool,
}

impl Default for CacheRule {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(30), 64 * 1_024, true)
    }
}

impl CacheRule {
    pub(crate) fn new(ttl: Duration, stale_for: Duration, max_body: usize, by_host: bool) -> Self {
        let hold_for = ttl.saturating_add(stale_for);
        let (ignores_cache_control, ignores_vary) = (false, false);
        Self { ttl, stale_for, max_body, by_host, hold_for, ignores_cache_control, ignores_vary }
    }
}

/// An answer of the application, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedResponse {
    /// The HTTP status; for a call of gRPC 200 where it passed, and 503 where not.
    pub status: u16,
    /// The status of a call of gRPC.
    pub grpc_status: u32,
    /// What the application said of itself by Envoy's markers: `x-envoy-degraded`,
    /// `x-envoy-immediate-health-check-fail`.
    pub marked: Verdict,
    /// Its media type, where it had one.
    pub content_type: Option<Vec<u8>>,
    /// The whole body.
    pub body: Vec<u8>,
    /// When it was whole.
    pub at: Instant,
}

impl CachedResponse {
    /// Without its body, which isn't for everyone: where the status hasn't changed, that
    /// of the answer that is known stands for it.
    pub fn without_body(self, known: Option<&Self>) -> Self {
        let same = known.filter(|known| known.status == self.status);
        let (content_type, body) =
            same.map(|known| (known.content_type.clone(), known.body.clone())).unwrap_or_default();
        Self { content_type, body, ..self }
    }

    /// What it says: 200 to 399 is healthy, as kubelet has it.
    pub fn verdict(&self) -> Verdict {
        match self.status {
            200..=399 => self.marked,
            _ => Verdict::Fail,
        }
    }

    /// How old it is.
    pub fn age(&self, now: Instant) -> Nanos {
        now.since(self.at)
    }
}

/// What is kept for one scope of a rule, shared by all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheEntry {
    /// The last whole answer.
    pub answer: Option<CachedResponse>,
    /// The last time that no answer could be fetched.
    pub failure: Option<Failure>,
    /// Until when every probe passes, because the answer can't be kept.
    pass_until: Instant,
    /// The probe that fetches the next answer.
    refresh: Lease,
    /// Until when this is worth keeping.
    expires: Instant,
    /// Somebody has asked for it again. What nobody has, many may have made up.
    used: bool,
    /// Where probes of this scope go that pass as they are, but for the markers; 0 before
    /// one was seen.
    home: Destination,
    /// Where a fetch has gone that isn't where its prober's own request was to go; 0
    /// where that is settled.
    astray: Destination,
}

/// Tells a route to a cluster from others; 0 is none.
pub type Destination = u64;

/// A fetch that brought no answer of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status of Envoy's own answer.
    pub status: u16,
    /// When it failed.
    pub at: Instant,
}

/// What becomes of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It gets the answer, which is fresh.
    Fresh,
    /// It gets the answer, which is being refreshed.
    Stale,
    /// It fetches the next answer.
    Refresh,
    /// It waits for the next answer.
    Wait,
    /// It passes, because the answer can't be kept.
    Pass,
    /// It passes, and shows where such probes go.
    Scout,
}

/// What the cache did for a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheResult {
    /// It had the answer.
    Fresh,
    /// It had an answer that was being refreshed, or couldn't be.
    Stale,
    /// It had the probe fetch the answer.
    Fetched,
    /// It had the probe wait for the answer.
    Waited,
    /// It had no room left: the probe went to the application, and its answer took the
    /// place of another one or wasn't kept.
    Full,
    /// It let the probe pass: its answer is its sender's own, or can't be kept.
    Bypassed,
}

impl CacheResult {
    /// Every result, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Fresh, Self::Stale, Self::Fetched, Self::Waited, Self::Full, Self::Bypassed];

    /// The word for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Fetched => "fetched",
            Self::Waited => "waited",
            Self::Full => "full",
            Self::Bypassed => "bypassed",
        }
    }
}

impl LabelValue for CacheResult {
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

impl CacheEntry {
    /// What becomes of a probe. To fetch the next answer it has `lease_for`
    /// nanoseconds.
    pub fn look(&mut self, rule: &CacheRule, now: Instant, token: u64, lease_for: Nanos) -> Lookup {
        if self.answer.as_ref().is_some_and(|answer| answer.age(now) < nanos(rule.ttl)) {
            return Lookup::Fresh;
        }
        if self.pass_until > now {
            return Lookup::Pass;
        }
        if self.refresh.is_held(now) {
            let servable = self.servable(rule, now).is_some();
            return if servable { Lookup::Stale } else { Lookup::Wait };
        }
        self.refresh.grant(token, now, lease_for);
        self.expires = self.expires.max(self.refresh.until());
        self.used |= self.answer.is_some();
        if self.astray == 0 { Lookup::Refresh } else { Lookup::Scout }
    }

    /// Takes note of where a fetch has gone, which isn't where its prober's own request
    /// was to go, and says whether its answer may be kept: it may where all probes of the
    /// scope go there once they are marked.
    pub fn fetched_from(&mut self, token: u64, asked: Instant, reached: Destination) -> bool {
        if self.home == reached {
            return true;
        }
        if !self.is_overtaken(token, asked) {
            self.answer = None;
            (self.home, self.astray) = (0, reached);
            self.refresh.release(token);
        }
        false
    }

    /// Takes note of where a probe has gone that passed as it was, but for the markers,
    /// and says whether fetches go there too.
    pub fn scouted(
        &mut self,
        rule: &CacheRule,
        token: u64,
        reached: Destination,
        now: Instant,
    ) -> bool {
        let same = self.astray == reached;
        (self.home, self.astray) = (reached, 0);
        if !same {
            self.pass_until = now + nanos(rule.ttl).max(ASTRAY_FOR);
            self.expires = self.pass_until;
        }
        self.refresh.release(token);
        same
    }

    /// The answer, while it may still be served.
    pub fn servable(&self, rule: &CacheRule, now: Instant) -> Option<&CachedResponse> {
        let useful = nanos(rule.ttl).saturating_add(nanos(rule.stale_for));
        self.answer.as_ref().filter(|answer| answer.age(now) < useful)
    }

    /// The last answer, for whoever is to get one rather than none, however old it is:
    /// unless the application couldn't be reached since.
    pub fn last(&self, rule: &CacheRule, now: Instant) -> Option<&CachedResponse> {
        let no_failure_since =
            |answer: &&CachedResponse| self.failure.is_none_or(|it| it.at < answer.at);
        self.servable(rule, now).or_else(|| self.answer.as_ref().filter(no_failure_since))
    }

    /// Takes note that somebody has asked for it again. Says whether that is worth a
    /// write: others know it already, but for now and then.
    pub fn note_use(&mut self, rule: &CacheRule, now: Instant) -> bool {
        let hold_for = nanos(rule.hold_for);
        let expires = now + hold_for;
        let changed = !self.used || expires.since(self.expires) > hold_for / 2;
        if changed {
            self.used = true;
            self.expires = self.expires.max(expires);
        }
        changed
    }

    /// Keeps a whole answer to a question of the time `asked`; a newer one stays,
    /// where the fetch had been given up meanwhile.
    pub fn keep(&mut self, rule: &CacheRule, token: u64, asked: Instant, answer: CachedResponse) {
        if self.is_overtaken(token, asked) {
            return;
        }
        self.expires = answer.at + nanos(rule.hold_for);
        self.used |= self.answer.is_some();
        self.answer = Some(answer);
        self.pass_until = Instant::ZERO;
        self.refresh.release(token);
    }

    /// Takes note that the answer can't be kept: nobody waits for it, and what
    /// was kept before doesn't hold any more.
    pub fn keep_nothing(&mut self, rule: &CacheRule, token: u64, asked: Instant, now: Instant) {
        if self.is_overtaken(token, asked) {
            return;
        }
        self.answer = None;
        self.pass_until = now + nanos(rule.ttl);
        self.expires = self.pass_until;
        self.refresh.release(token);
    }

    fn is_overtaken(&self, token: u64, asked: Instant) -> bool {
        let newer = self.answer.as_ref().is_some_and(|answer| answer.at > asked);
        newer && !self.refresh.belongs_to(token)
    }

    /// Takes note that no answer could be fetched, for those who wait for it.
    pub fn fail(&mut self, token: u64, failure: Failure) {
        if self.refresh.release(token) {
            self.failure = Some(failure);
        }
    }

    /// Whether a probe fetches the next answer.
    pub fn is_refreshed(&self, now: Instant) -> bool {
        self.refresh.is_held(now)
    }

    /// Gives the refresh to another probe, where it is still this one's.
    pub fn release(&mut self, token: u64) {
        self.refresh.release(token);
    }
}

/// How long nothing is fetched for a scope whose fetch goes astray: each trial gives one
/// prober an answer from elsewhere. Routes change seldom.
const ASTRAY_FOR: Nanos = 600_000_000_000;

impl State for CacheEntry {
    fn encode(&self, to: &mut Encoder) {
        to.instant(self.pass_until).instant(self.expires).number(u64::from(self.used));
        to.number(self.home).number(self.astray);
        self.refresh.encode(to);
        to.optional(self.failure.as_ref(), |to, failure| {
            to.number(u64::from(failure.status)).instant(failure.at);
        });
        to.optional(self.answer.as_ref(), |to, answer| {
            to.number(u64::from(answer.status)).number(u64::from(answer.grpc_status));
            to.number(answer.marked as u64);
            to.optional(answer.content_type.as_ref(), |to, value| {
                to.bytes(value);
            });
            to.bytes(&answer.body).instant(answer.at);
        });
    }

    #[inline(never)]
    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            pass_until: from.instant()?,
            expires: from.instant()?,
            used: from.number()? != 0,
            home: from.number()?,
            astray: from.number()?,
            refresh: Lease::decode(from)?,
            failure: from.optional(|from| {
                let status = u16::try_from(from.number()?).ok()?;
                Some(Failure { status, at: from.instant()? })
            })?,
            answer: from.optional(|from| {
                Some(CachedResponse {
                    status: u16::try_from(from.number()?).ok()?,
                    grpc_status: u32::try_from(from.number()?).ok()?,
                    marked: match from.number()? {
                        0 => Verdict::Pass,
                        1 => Verdict::Warn,
                        _ => Verdict::Fail,
                    },
                    content_type: from.optional(|from| Some(from.bytes()?.to_vec()))?,
                    body: from.bytes()?.to_vec(),
                    at: from.instant()?,
                })
            })?,
        })
    }

    fn expires(&self) -> Instant {
        self.expires
    }

    /// What somebody waits for, or asks for again and again, stays.
    fn yields(&self) -> bool {
        !self.used && self.refresh.until() == Instant::ZERO
    }
}

#[cfg(test)]
mod tests;
