//! An instance that is asked in rounds how it is.

use super::notes::{Notes, Subject};
use super::{GrpcAsk, HttpAsk, Word};
use crate::event::claim_of_status;
use crate::fusion::Claim;
use heartbeat_common::base::jitter::Jitter;
use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::callout::{
    Answered, CallAnswer, CallRefusal, CallToken, Caller, CheckResponse, HttpCall, Lateness,
    PeriodicCall, wait_limit,
};
use heartbeat_common::grpc::ServingStatus;
use heartbeat_common::http::headers::DEGRADED;

/// For so many intervals after the first round nothing is made of it that Envoy finds no host
/// to ask: it may not have resolved the cluster yet.
const RESOLVING: u64 = 2;

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A whole answer that says this, and how long it took.
    Answer(Claim, Nanos),
    /// No answer that says anything.
    Failure,
    /// Envoy has no host to ask, or no room for the call.
    Refused,
    /// Nothing was asked, which says nothing of the instance.
    NotAsked,
}

/// Rounds of a call that asks how an instance is.
#[derive(Debug)]
pub struct Rounds {
    cluster: String,
    /// The service of a Check.
    service: Option<String>,
    call: PeriodicCall,
    /// When the first one began.
    since: Option<Instant>,
    was_answered: bool,
    /// Envoy has no such cluster, and the log says so.
    pub is_cluster_missing: bool,
}

impl Rounds {
    fn new(cluster: &str, service: Option<&str>, call: PeriodicCall) -> Self {
        Self {
            cluster: cluster.to_owned(),
            service: service.map(str::to_owned),
            call,
            since: None,
            was_answered: false,
            is_cluster_missing: false,
        }
    }

    pub fn over_http(ask: &HttpAsk) -> Self {
        let timeout = wait_limit(ask.timeout, ask.interval);
        let call = HttpCall::get(&ask.cluster, &ask.host, &ask.path, timeout);
        Self::new(&ask.cluster, None, PeriodicCall::new(call, ask.interval, ask.timeout))
    }

    pub fn over_grpc(ask: &GrpcAsk) -> Self {
        let timeout = wait_limit(ask.timeout, ask.interval);
        let call = HttpCall::check(&ask.cluster, &ask.authority, &ask.service, timeout);
        let call = PeriodicCall::new(call, ask.interval, ask.timeout);
        Self::new(&ask.cluster, Some(&ask.service), call)
    }

    pub fn next(&self) -> Option<Instant> {
        self.call.next(true)
    }

    /// Whether a round is to begin now.
    pub fn claim(&mut self, jitter: &mut Jitter, now: Instant) -> bool {
        self.call.claim(jitter, now)
    }

    /// Has the next round begin at once.
    pub fn hurry(&mut self, now: Instant) {
        self.call.begin_by(now);
    }

    /// Whether nobody has answered yet, and nobody need have.
    pub fn is_resolving(&self, now: Instant) -> bool {
        let time = self.call.interval().saturating_mul(RESOLVING);
        !self.was_answered && self.since.is_none_or(|since| now.since(since) < time)
    }

    /// Begins a round; what came of it where Envoy refuses to.
    pub fn begin(
        &mut self,
        caller: &impl Caller,
        subject: &Subject,
        notes: &mut Notes,
        now: Instant,
    ) -> Option<Finding> {
        self.since.get_or_insert(now);
        let begun = self.call.begin(caller, now);
        let was_missing = self.is_cluster_missing;
        self.is_cluster_missing = begun == Err(CallRefusal::UnknownCluster);
        if self.is_cluster_missing && !was_missing {
            let cluster = &self.cluster;
            subject.warn(&format!("Envoy has no cluster {cluster:?}; nothing is asked"), notes);
        }
        let refusal = begun.err()?;
        if refusal == CallRefusal::UnknownCluster || self.is_resolving(now) {
            self.call.hurry(now);
            return Some(Finding::NotAsked);
        }
        Some(Finding::Refused)
    }

    /// What comes of it where no answer has come in time.
    pub fn give_up(&mut self, now: Instant) -> Option<Finding> {
        self.call.give_up(now).map(|_| Finding::Failure)
    }

    /// What comes of the answer to its call; `None` where it is the answer to another, and
    /// nothing within where its time was over already.
    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        now: Instant,
    ) -> Option<Option<Finding>> {
        let answered = self.call.on_answer(token, answer, self.service.as_deref(), now)?;
        let Answered { response, took, lateness } = answered;
        Some(match lateness {
            Lateness::GivenUp => None,
            Lateness::Unnoticed => Some(Finding::Failure),
            Lateness::InTime => {
                let claim = claim_of(&response, answer);
                self.was_answered |= claim.is_some();
                Some(claim.map_or(Finding::Failure, |claim| Finding::Answer(claim, took)))
            }
        })
    }
}

/// What a whole answer says of who gave it.
fn claim_of(response: &CheckResponse, answer: &impl CallAnswer) -> Option<Claim> {
    let claim = match response {
        CheckResponse::Answer(status) => claim_of_status(*status),
        CheckResponse::Health(ServingStatus::Serving) => Claim::Alive,
        CheckResponse::Health(_) => Claim::Dead,
        _ => return None,
    };
    let is_degraded = claim == Claim::Alive && answer.header(DEGRADED).is_some();
    Some(if is_degraded { Claim::Warn } else { claim })
}

/// An instance of which each round says how it is.
#[derive(Debug)]
pub struct PolledInstance {
    subject: Subject,
    rounds: Rounds,
}

impl PolledInstance {
    pub fn over_http(subject: Subject, ask: &HttpAsk) -> Self {
        Self { subject, rounds: Rounds::over_http(ask) }
    }

    pub fn over_grpc(subject: Subject, ask: &GrpcAsk) -> Self {
        Self { subject, rounds: Rounds::over_grpc(ask) }
    }

    pub fn next(&self) -> Option<Instant> {
        self.rounds.next()
    }

    pub fn on_time(&mut self, notes: &mut Notes, now: Instant) {
        let finding = self.rounds.give_up(now);
        self.conclude(finding, notes, now);
    }

    pub fn call(&mut self, caller: &impl Caller, notes: &mut Notes, now: Instant) -> bool {
        if !self.rounds.claim(&mut notes.jitter, now) {
            return false;
        }
        let finding = self.rounds.begin(caller, &self.subject, notes, now);
        self.conclude(finding, notes, now);
        true
    }

    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        notes: &mut Notes,
        now: Instant,
    ) -> bool {
        let Some(finding) = self.rounds.on_answer(token, answer, now) else { return false };
        self.conclude(finding, notes, now);
        true
    }

    fn conclude(&self, finding: Option<Finding>, notes: &mut Notes, now: Instant) {
        match finding {
            None | Some(Finding::NotAsked) => {}
            Some(Finding::Failure | Finding::Refused) => {
                self.subject.say(Claim::Dead, None, notes, now)
            }
            Some(Finding::Answer(claim, took)) => {
                notes.words.push(Word::RoundTrip(self.subject.source, took));
                self.subject.say(claim, Some(took), notes, now);
            }
        }
    }
}
