//! What becomes of a post of events.

use super::posted::{Post, Posted};
use super::waiting::Pending;
use super::{BODY, Step, Stream, Worker, admission};
use crate::api::{Problem, json};
use crate::metrics::EventResult;
use crate::table::SourceId;
use heartbeat_common::http::edits::Reply;
use heartbeat_common::http::headers::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use heartbeat_common::http::request::RequestHead;
use heartbeat_common::state::{Context, SharedStore};

impl Worker {
    /// Somebody posts events.
    pub(super) fn on_post(
        &mut self,
        stream: Stream,
        head: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<Step, Problem> {
        let source = self.rule.sender(head).ok_or_else(|| {
            Problem::new(403, "you aren't one of those who may speak for a source (\"allow\")")
        })?;
        if head.header(CONTENT_ENCODING).is_some_and(|it| !it.eq_ignore_ascii_case(b"identity")) {
            return Err(Problem::new(415, "events must come without a content-encoding"));
        }
        let content_type = head.header(CONTENT_TYPE);
        let post = Post::begin(source, content_type.as_deref(), cx.now)?;
        let announced = head.header(CONTENT_LENGTH);
        let announced = announced.and_then(|it| std::str::from_utf8(&it).ok()?.parse().ok());
        if announced.is_some_and(|size: u64| size > self.rule.limits.body as u64) {
            return Err(self.too_large());
        }
        if stream.ends {
            return Err(Problem::new(400, "there is no body"));
        }
        if let Err(problem) = self.admission.admit(source, cx) {
            self.count(source, EventResult::Limited, 1);
            return Err(problem);
        }
        self.hold(stream.id, Pending::Events { post, until: cx.now + BODY })?;
        Ok(Step::Body)
    }

    pub(super) fn too_large(&self) -> Problem {
        let limit = self.rule.limits.body;
        Problem::new(
            413,
            format!(
                "a body has {limit} bytes at most (\"limits.body\"): post more often, or fewer events"
            ),
        )
    }

    pub(super) fn count(&mut self, source: SourceId, result: EventResult, count: usize) {
        let mut results = [0; EventResult::COUNT];
        results.get_mut(result as usize).into_iter().for_each(|it| *it = count as u64);
        self.measurements.extend(self.metrics.events(source, &results));
    }

    pub(super) fn on_events(
        &mut self,
        post: Post,
        body: &[u8],
        cx: Context<'_, impl SharedStore>,
    ) -> Step {
        let posted = match post.read(body, &self.rule) {
            Ok(posted) => posted,
            Err(problem) => {
                self.count(post.source, EventResult::Refused, 1);
                return Step::Reply(problem.reply());
            }
        };
        self.count(post.source, EventResult::Refused, posted.refused);
        self.measurements.extend(self.metrics.ignored_fields(post.source, posted.ignored_fields));
        let Posted { message, answer, .. } = posted;
        let Some(message) = message else { return Step::Reply(json(202, answer)) };
        match self.admission.put(message.len(), cx) {
            Ok(()) => Step::HandOver(message, json(202, answer)),
            Err(problem) => {
                self.count(post.source, EventResult::Limited, 1);
                Step::Reply(problem.reply())
            }
        }
    }

    /// The answer where the owner can't be reached.
    pub fn lost() -> Reply {
        admission::unowned().reply()
    }
}
