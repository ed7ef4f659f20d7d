//! `cache`: one answer for everyone, and one probe that refreshes it.

use crate::config::CacheRule;
use crate::outcome::Verdict;
use crate::state::{Decoder, Encoder, State};
use crate::time::{Nanos, nanos};

/// An answer of the application, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Whether the application called itself degraded.
    pub degraded: bool,
    /// Its media type, where it had one.
    pub content_type: Option<Vec<u8>>,
    /// The whole body.
    pub body: Vec<u8>,
    /// When it was whole.
    pub at: Nanos,
}

impl Answer {
    /// What it says: 200 to 399 is healthy, as kubelet has it.
    pub fn verdict(&self) -> Verdict {
        match self.status {
            200..=399 if self.degraded => Verdict::Warn,
            200..=399 => Verdict::Pass,
            _ => Verdict::Fail,
        }
    }

    /// How old it is; `None` where the clock was set back meanwhile.
    pub fn age(&self, now: Nanos) -> Option<Nanos> {
        now.checked_sub(self.at)
    }
}

/// What is kept for one scope of a rule, shared by all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The last whole answer.
    pub answer: Option<Answer>,
    /// Until when every probe passes, because the answer is too large to be kept.
    pass_until: Nanos,
    /// The probe that fetches the next answer.
    refresh: Option<Refresh>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refresh {
    token: u64,
    /// When it is given up, in case its worker is gone.
    until: Nanos,
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
}

impl Entry {
    /// What becomes of a probe. To fetch the next answer it has `patience`
    /// nanoseconds.
    pub fn look(&mut self, rule: &CacheRule, now: Nanos, token: u64, patience: Nanos) -> Lookup {
        let age = self.answer.as_ref().and_then(|answer| answer.age(now));
        if age.is_some_and(|age| age < nanos(rule.ttl)) {
            return Lookup::Fresh;
        }
        if (now + 1..=now.saturating_add(nanos(rule.ttl))).contains(&self.pass_until) {
            return Lookup::Pass;
        }
        let latest = now.saturating_add(patience);
        if self.refresh.is_some_and(|refresh| (now + 1..=latest).contains(&refresh.until)) {
            let servable = self.servable(rule, now).is_some();
            return if servable { Lookup::Stale } else { Lookup::Wait };
        }
        self.refresh = Some(Refresh { token, until: latest });
        Lookup::Refresh
    }

    /// The answer, while it may still be served.
    pub fn servable(&self, rule: &CacheRule, now: Nanos) -> Option<&Answer> {
        let longest = nanos(rule.ttl).saturating_add(nanos(rule.stale_for));
        self.answer.as_ref().filter(|answer| answer.age(now).is_some_and(|age| age < longest))
    }

    /// Keeps a whole answer.
    pub fn keep(&mut self, token: u64, answer: Answer) {
        self.answer = Some(answer);
        self.pass_until = 0;
        self.release(token);
    }

    /// Takes note that the answer is too large: nobody waits for it, and what
    /// was kept before doesn't hold any more.
    pub fn keep_nothing(&mut self, rule: &CacheRule, now: Nanos, token: u64) {
        self.answer = None;
        self.pass_until = now.saturating_add(nanos(rule.ttl));
        self.release(token);
    }

    /// Gives the refresh to another probe, where it is still this one's.
    pub fn release(&mut self, token: u64) {
        if self.refresh.is_some_and(|refresh| refresh.token == token) {
            self.refresh = None;
        }
    }
}

impl State for Entry {
    fn encode(&self, to: &mut Encoder) {
        to.number(self.pass_until);
        to.optional(self.refresh.as_ref(), |to, refresh| {
            to.number(refresh.token).number(refresh.until);
        });
        to.optional(self.answer.as_ref(), |to, answer| {
            to.number(u64::from(answer.status)).number(u64::from(answer.degraded));
            to.optional(answer.content_type.as_ref(), |to, value| {
                to.bytes(value);
            });
            to.bytes(&answer.body).number(answer.at);
        });
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            pass_until: from.number()?,
            refresh: from
                .optional(|from| Some(Refresh { token: from.number()?, until: from.number()? }))?,
            answer: from.optional(|from| {
                Some(Answer {
                    status: u16::try_from(from.number()?).ok()?,
                    degraded: from.number()? != 0,
                    content_type: from.optional(|from| Some(from.bytes()?.to_vec()))?,
                    body: from.bytes()?.to_vec(),
                    at: from.number()?,
                })
            })?,
        })
    }
}

#[cfg(test)]
mod tests;
