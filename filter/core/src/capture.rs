//! Reads an answer as it goes by, to keep it.

use crate::cache::Answer;
use crate::headers::CONTENT_ENCODING;
use crate::request::ResponseHead;
use crate::time::Nanos;

/// An answer on its way.
#[derive(Debug, Default)]
pub struct Capture {
    /// `None` before it has begun, and once it can't be kept.
    answer: Option<Answer>,
}

impl Capture {
    /// Its head is there. What isn't everyone's to read, or says nothing without
    /// its other headers, can't be kept: encoded, partial and interim answers,
    /// redirects.
    pub fn begin(&mut self, answer: Answer, response: &impl ResponseHead) {
        let plain = response.header(CONTENT_ENCODING).is_none_or(|value| value == b"identity");
        let speaks_for_itself = !matches!(answer.status, 100..200 | 206 | 300..400);
        self.answer = (plain && speaks_for_itself).then_some(answer);
    }

    /// The next piece of its body. What would be longer than `max_body` is let go.
    pub fn feed(&mut self, bytes: &[u8], max_body: usize) {
        match &mut self.answer {
            Some(answer) if answer.body.len().saturating_add(bytes.len()) <= max_body => {
                answer.body.extend_from_slice(bytes);
            }
            _ => self.answer = None,
        }
    }

    /// It can't be kept.
    pub fn forget(&mut self) {
        self.answer = None;
    }

    /// It is the answer to a call of gRPC that has ended so.
    pub fn judge(&mut self, status: u16, grpc_status: u32) {
        if let Some(answer) = &mut self.answer {
            (answer.status, answer.grpc_status) = (status, grpc_status);
        }
    }

    /// It is whole; `None` where it can't be kept.
    pub fn finish(self, now: Nanos) -> Option<Answer> {
        self.answer.map(|answer| Answer { at: now, ..answer })
    }
}
