//! Reads an answer as it goes by, to keep it.

use crate::base::time::Instant;
use crate::guards::cache::CachedResponse;
use crate::http::headers::CONTENT_ENCODING;
use crate::http::request::ResponseHead;

/// An answer on its way.
#[derive(Debug, Default)]
pub struct Capture {
    /// `None` before it has begun, and once it can't be kept.
    answer: Option<CachedResponse>,
    /// Whether its status is worth keeping alone.
    status_suffices: bool,
    /// Whether nothing but its status is kept.
    status_only: bool,
}

impl Capture {
    /// Keeps the whole answer, or nothing.
    pub fn of_all() -> Self {
        Self::default()
    }

    /// Keeps the status, and the body where that is for everyone.
    pub fn of_status() -> Self {
        Self { status_suffices: true, ..Self::default() }
    }

    /// Its head is there; its body may be shown to everyone, or may not. What says
    /// nothing without its other headers can't be kept: partial and interim answers,
    /// redirects.
    pub fn begin(
        &mut self,
        answer: CachedResponse,
        response: &impl ResponseHead,
        for_everyone: bool,
    ) {
        let speaks_for_itself = !matches!(answer.status, 100..200 | 206 | 300..400);
        let plain = response.header(CONTENT_ENCODING).is_none_or(|value| value == b"identity");
        self.answer = speaks_for_itself.then_some(answer);
        if !plain || !for_everyone {
            self.drop_body();
        }
    }

    /// The next piece of its body. What would be longer than `max_body` is let go.
    pub fn feed(&mut self, bytes: &[u8], max_body: usize) {
        let Some(answer) = self.answer.as_mut().filter(|_| !self.status_only) else { return };
        if answer.body.len().saturating_add(bytes.len()) <= max_body {
            answer.body.extend_from_slice(bytes);
        } else {
            self.drop_body();
        }
    }

    fn drop_body(&mut self) {
        self.status_only = true;
        if !self.status_suffices {
            self.forget();
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

    /// Whether something of it can be kept.
    pub fn is_keepable(&self) -> bool {
        self.answer.is_some()
    }

    /// It is whole; `None` where it can't be kept. Where only its status is, what is
    /// `known` already may lend it a body.
    pub fn finish(&self, now: Instant, known: Option<&CachedResponse>) -> Option<CachedResponse> {
        let answer = CachedResponse { at: now, ..self.answer.clone()? };
        Some(if self.status_only { answer.without_body(known) } else { answer })
    }
}
