//! What becomes of a client's question for an assignment.

use super::waiting::Pending;
use super::{Step, Worker};
use crate::api::{Problem, json};
use crate::assignment::{DiscoveryRequest, Unfit};
use crate::publish::Client;
use crate::table::ServiceId;
use heartbeat_common::state::{Context, SharedStore};

impl Worker {
    /// A client's Envoy asks for an assignment.
    pub(super) fn on_question(
        &mut self,
        id: u32,
        head: &[u8],
        tail: &[u8],
        connection: u64,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        let question = match DiscoveryRequest::read(head, tail) {
            Ok(question) => question,
            Err(unfit) => return self.refuse_later(id, &problem_of(unfit), cx.now),
        };
        let Some(service) = self.rule.owner.service(&question.service) else {
            let problem = Problem::new(404, "there is no such service").of("resource_names");
            return self.refuse_later(id, &problem, cx.now);
        };
        let Some((present, document)) = self.copies.assignment(service, &self.rule, &self.keys, cx)
        else {
            return self.without_assignment(id, service, question.version, cx);
        };
        let client = (question.node.as_deref().unwrap_or_default(), &*question.service, connection);
        match self.refusals.ask(client, question.version.as_deref(), present, cx.now) {
            Client::Behind => Step::Reply(json(200, document.to_vec())),
            Client::Current => {
                let until = cx.now + self.rule.hold;
                let version = present.to_owned();
                self.hold_client(id, Pending::Assignment { service, version, until }, cx.now)
            }
            Client::Refuses { news } => {
                self.note_refusal(&question, news);
                let until = cx.now + self.rule.hold;
                self.hold_client(id, Pending::Refusing { service, until }, cx.now)
            }
        }
    }

    /// Nothing is known of a service: not yet, or nobody has ever spoken of an instance.
    pub(super) fn without_assignment(
        &mut self,
        id: u32,
        service: ServiceId,
        version: Option<String>,
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        if self.copies.changes(&self.keys, cx).is_some() {
            let words = "no instance of this service is known";
            return self.refuse_later(id, &Problem::new(503, words), cx.now);
        }
        // Whoever followed this hub before it restarted may have what it will say.
        let (version, until) = (version.unwrap_or_default(), cx.now + self.rule.hold);
        self.hold_client(id, Pending::Assignment { service, version, until }, cx.now)
    }

    pub(super) fn note_refusal(&mut self, question: &DiscoveryRequest, news: bool) {
        self.measurements.push(self.metrics.refused_assignment());
        if news {
            let node = question.node.as_deref().unwrap_or("without an id");
            self.log.push(format!(
                "the Envoy {node:?} doesn't take the assignment of {:?}: its own log says why (update_rejected); it is told again every {} s",
                question.service,
                self.rule.hold / 1_000_000_000,
            ));
        }
    }
}

/// What whoever has sent no question for an assignment is told.
fn problem_of(unfit: Unfit) -> Problem {
    match unfit {
        Unfit::Malformed => Problem::new(400, "this is no DiscoveryRequest as Envoy writes it"),
        Unfit::OtherType => {
            let words = "the hub has ClusterLoadAssignments and nothing else";
            Problem::new(404, words).of("type_url")
        }
    }
}
