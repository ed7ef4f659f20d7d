//! What one VM publishes of one instance: at most one event is under way.

use super::answer::{self, PublishResult};
use super::event::{Status, Word, head};
use super::rule::PublishRule;
use crate::base::jitter::Jitter;
use crate::base::metric::CountersBy;
use crate::base::signals::Signals;
use crate::base::time::{Instant, Nanos};
use crate::callout::{
    CallAnswer, CallToken, Caller, CheckResponse, HttpCall, Lateness, PeriodicCall,
};
use crate::evidence::{Evidence, Item};
use crate::state::{Cell, Context, Notice, Round, SharedStore};
use std::ops::Range;
use std::rc::Rc;

/// How soon a change is sent again that didn't get through; then twice as late each time, and
/// the next beat at the latest.
const FIRST_RETRY: Nanos = 100_000_000;
/// After so many doublings the beat comes sooner anyway.
const MOST_DOUBLINGS: u32 = 10;
/// After so many failures in a row the log says so. One is a hub that restarts.
const TELLING: u32 = 2;

/// The part of one VM in what is published of an instance. Only the VM that holds the lease
/// says anything; the rounds are claimed of all on top.
#[derive(Debug)]
pub struct Publisher {
    /// What the hub calls the instance.
    instance: String,
    /// What the verdict rests on.
    items: Rc<[Item]>,
    /// Where its rounds are shared.
    round: Cell,
    /// What its events begin with.
    head: String,
    results: CountersBy<PublishResult>,
    call: PeriodicCall,
    /// What is to be said; `None` while nobody knows.
    word: Option<Word>,
    /// What the event under way says, or the last one.
    sent: Option<Status>,
    /// What the hub has taken last.
    taken: Option<Status>,
    /// The time of the last event: that of the next is later, however wall time is set.
    time: u64,
    failures: u32,
    /// What came of the last event, for the log.
    last: Option<PublishResult>,
    /// What the log says of the hub, whichever VM does.
    told: Cell,
}

impl Publisher {
    /// This VM has published nothing yet of what a rule wants, by these items.
    pub(crate) fn new(
        rule: &PublishRule,
        items: Rc<[Item]>,
        [round, told]: [Cell; 2],
        results: CountersBy<PublishResult>,
    ) -> Self {
        let call = HttpCall::post(&rule.cluster, &rule.host, &rule.path, rule.timeout);
        Self {
            call: PeriodicCall::new(call, rule.every, rule.timeout),
            head: head(rule),
            instance: rule.instance.clone(),
            items,
            round,
            results,
            word: None,
            sent: None,
            taken: None,
            time: 0,
            failures: 0,
            last: None,
            told,
        }
    }

    /// The Envoy cluster that leads to the hub.
    pub(crate) fn cluster(&self) -> &str {
        self.call.cluster()
    }

    /// What the hub calls the instance.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// The word for how it is now, whichever VM says it; `None` while nobody knows.
    pub(crate) fn says(
        &self,
        evidence: &Evidence,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<&'static str> {
        Word::of(&self.items, evidence, cx).map(|word| word.status.word())
    }

    /// What came of what was published, as the log knows it, and since when.
    pub(crate) fn result(&self, cx: Context<'_, impl SharedStore>) -> Option<(usize, Instant)> {
        let (result, since) = Notice::last_change(&self.told, cx)?;
        Some((self.results.all().nth(usize::try_from(result).ok()?)?, since))
    }

    /// How often each result came, of all that is published.
    pub(crate) fn results(&self) -> Range<usize> {
        self.results.all()
    }

    /// How long it is from beat to beat, in nanoseconds.
    pub fn interval(&self) -> Nanos {
        self.call.interval()
    }

    /// Looks what there is to be said; a change goes out as soon as nothing is under way.
    pub fn look(&mut self, evidence: &Evidence, cx: Context<'_, impl SharedStore>) {
        let word = Word::of(&self.items, evidence, cx);
        let status = |word: &Option<Word>| word.map(|word| word.status);
        let changed = status(&word) != status(&self.word);
        self.word = word;
        if changed {
            self.hurry(cx.now, cx);
        }
    }

    /// It has nothing to say: another VM does that.
    pub fn rest(&mut self) {
        self.word = None;
    }

    /// When something is to be done; `None` while there is nothing to be said.
    pub fn next(&self) -> Option<Instant> {
        self.call.next(self.word.is_some())
    }

    /// Whether this VM is to post now, and nobody else.
    pub fn claim(&mut self, jitter: &mut Jitter, cx: Context<'_, impl SharedStore>) -> bool {
        self.word.is_some() && self.call.claim_of_all(&self.round, jitter, cx)
    }

    /// Posts what there is to be said.
    pub fn post(
        &mut self,
        caller: &impl Caller,
        evidence: &Evidence,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(word) = self.word else { return };
        self.time = evidence.clock.at(cx.now).0.max(self.time.saturating_add(1));
        self.call.set_document(word.document(&self.head, self.time));
        self.sent = Some(word.status);
        if let Err(refusal) = self.call.begin(caller, cx.now) {
            self.note(&CheckResponse::Refused(refusal), "", signals, cx);
        }
    }

    /// Gives an event up whose answer takes too long.
    pub fn give_up(&mut self, signals: &mut Signals, cx: Context<'_, impl SharedStore>) {
        if self.call.give_up(cx.now).is_some() {
            self.note(&CheckResponse::Timeout, "", signals, cx);
        }
    }

    /// Takes the hub's answer, or Envoy's own in its place; `false` where it is that to
    /// another call.
    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        let Some(answered) = self.call.on_answer(token, answer, None, cx.now) else { return false };
        if answered.lateness != Lateness::GivenUp {
            self.note(&answered.response, &answer::words(answer), signals, cx);
        }
        true
    }

    /// Has the next event go out then, if not sooner.
    fn hurry(&mut self, due: Instant, cx: Context<'_, impl SharedStore>) {
        // Where it can't be written, the next beat says it.
        if Round::hurry_all(&self.round, due, cx).is_ok() {
            self.call.begin_by(due);
        }
    }

    #[inline(never)]
    fn note(
        &mut self,
        response: &CheckResponse,
        words: &str,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) {
        let result = PublishResult::of(response, words);
        signals.raise.push(self.results.of(result));
        if result == PublishResult::Accepted {
            self.taken = self.sent;
            self.failures = 0;
        } else {
            if self.sent != self.taken && result.may_pass() {
                self.hurry(cx.now + (FIRST_RETRY << self.failures.min(MOST_DOUBLINGS)), cx);
            }
            self.failures = self.failures.saturating_add(1);
        }
        // What may pass by itself is told when it comes again.
        let is_sure = !result.may_pass() || self.failures >= TELLING;
        if is_sure && self.last != Some(result) {
            self.last = Some(result);
            if Notice::of_change(&self.told, result as u64, cx) {
                signals.log.push(self.tell(response, words));
            }
        }
    }

    fn tell(&self, response: &CheckResponse, words: &str) -> String {
        let (cluster, instance) = (self.call.cluster(), &*self.instance);
        let (verb, reason) = match self.last {
            Some(PublishResult::Accepted) => ("\") takes again", String::new()),
            _ => ("\") doesn't take", answer::reason(response, words)),
        };
        let (of, colon) =
            (" what is published of \"", if reason.is_empty() { "\"" } else { "\": " });
        ["the hub (cluster \"", cluster, verb, of, instance, colon, &reason].concat()
    }
}
