//! A post of events: what of it goes to the owner, and what the sender is told.

use super::rule::WorkerRule;
use crate::api::{Problem, written};
use crate::event::{self, Event, Form, Refused, Unreadable};
use crate::records::Batch;
use crate::table::{ServiceId, SourceId};
use heartbeat_common::base::time::Instant;
use serde::Serialize;

/// A post whose head has come.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    pub source: SourceId,
    form: Form,
    arrived: Instant,
}

/// A post that was read.
#[derive(Debug)]
pub struct Posted {
    /// What goes to the owner; `None` where nothing does.
    pub message: Option<Vec<u8>>,
    /// The body of the answer.
    pub answer: Vec<u8>,
    /// How many events were refused.
    pub refused: usize,
    /// How many fields nobody knows.
    pub ignored_fields: usize,
}

#[derive(Serialize)]
struct Answer {
    accepted: usize,
    refused: Vec<RefusedEvent>,
}

#[derive(Serialize)]
struct RefusedEvent {
    index: usize,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'static str,
    reason: String,
}

impl Post {
    /// A post of a source, in the form that its `content-type` says.
    pub fn begin(
        source: SourceId,
        content_type: Option<&[u8]>,
        now: Instant,
    ) -> Result<Self, Problem> {
        let form = Form::of(content_type).ok_or_else(|| {
            let forms =
                "events come as application/json, application/x-ndjson or application/x-protobuf";
            Problem::new(415, forms)
        })?;
        Ok(Self { source, form, arrived: now })
    }

    /// Reads the body.
    pub fn read(self, body: &[u8], rule: &WorkerRule) -> Result<Posted, Problem> {
        let most = rule.limits.batch;
        let events = event::read(body, self.form, most).map_err(|unreadable| match unreadable {
            Unreadable::Malformed(words) => Problem::new(400, words),
            Unreadable::TooMany => {
                Problem::new(413, format!("a request has {most} events at most (\"limits.batch\")"))
            }
        })?;
        let name = rule.owner.sources.get(self.source.0).map_or("", |source| &source.name);
        let mut batch = Batch::begin(name, self.arrived, events.len());
        let (mut refused, mut ignored_fields) = (Vec::new(), 0);
        for (index, event) in events.iter().enumerate() {
            let checked = match event {
                Ok(event) => {
                    if event.source.as_ref().is_some_and(|source| source != name) {
                        return Err(another_source(name));
                    }
                    ignored_fields += event.ignored;
                    self.push(&mut batch, event, rule)
                }
                Err(refused) => Err(refused.clone()),
            };
            if let Err(Refused { field, reason }) = checked {
                refused.push(RefusedEvent { index, field, reason: reason.into_owned() });
            }
        }
        let accepted = batch.events();
        let posted = Posted {
            message: (accepted > 0).then(|| batch.finish()),
            refused: refused.len(),
            ignored_fields,
            answer: written(&Answer { accepted, refused }),
        };
        Ok(posted)
    }

    /// Puts an event to those that go to the owner, where there is such an instance or one may
    /// be learnt.
    fn push<'a>(
        self,
        batch: &mut Batch<'a>,
        event: &Event<'_>,
        rule: &'a WorkerRule,
    ) -> Result<(), Refused> {
        let service = self.service_of(event, rule)?;
        let Some(known) = rule.owner.services.get(service.0) else { return Ok(()) };
        let is_member = rule.owner.is_member(service, &event.instance);
        let place = (!is_member).then_some(&event.place);
        if let Some(place) = place
            && !known.may_learn(&event.instance, place)
        {
            return Err(unknown_instance(event, known.learn.is_empty()));
        }
        batch.push(&known.name, &event.instance, &event.report, place);
        Ok(())
    }

    fn service_of(self, event: &Event<'_>, rule: &WorkerRule) -> Result<ServiceId, Refused> {
        let refused = |reason: &'static str| Refused { field: "service", reason: reason.into() };
        match &event.service {
            Some(name) => {
                rule.owner.service(name).ok_or_else(|| refused("there is no such service"))
            }
            None => rule
                .implied_service(self.source)
                .ok_or_else(|| refused("is required where the source doesn't imply it")),
        }
    }
}

fn unknown_instance(event: &Event<'_>, learns_none: bool) -> Refused {
    let (field, reason) = match event.place.address {
        _ if learns_none => ("instance_id", "isn't a member of the service, which learns none"),
        Some(_) => ("address", "isn't within the addresses of \"learn\""),
        None => (
            "instance_id",
            "isn't a member, nor an address and port within the addresses of \"learn\"",
        ),
    };
    Refused { field, reason: reason.into() }
}

fn another_source(name: &str) -> Problem {
    Problem::new(403, format!("your credentials are those of the source {name:?}")).of("source")
}
