//! Envoy's calls and streams in a test.

use super::{CallAnswer, CallRefusal, CallToken, Caller, HttpCall, StreamToken, WatchCall};
use crate::http::request::ResponseHead;
use std::cell::{Cell, RefCell};

/// Takes calls and streams, and keeps what was asked.
#[derive(Debug, Default)]
pub struct FakeCaller {
    /// The calls that were taken.
    pub calls: RefCell<Vec<(CallToken, HttpCall)>>,
    /// The streams that were opened.
    pub streams: RefCell<Vec<(StreamToken, WatchCall)>>,
    /// Those that were given up.
    pub cancelled: RefCell<Vec<StreamToken>>,
    /// Why no more calls and no streams are taken.
    pub refuses: Cell<Option<CallRefusal>>,
    next: Cell<u32>,
}

impl FakeCaller {
    /// The call that was taken last.
    pub fn last_call(&self) -> Option<(CallToken, HttpCall)> {
        self.calls.borrow().last().cloned()
    }

    /// The stream that was opened last.
    pub fn last_stream(&self) -> Option<StreamToken> {
        self.streams.borrow().last().map(|(token, _)| *token)
    }

    fn number(&self) -> u32 {
        self.next.replace(self.next.get() + 1)
    }
}

impl Caller for FakeCaller {
    fn http_call(&self, call: &HttpCall) -> Result<CallToken, CallRefusal> {
        if let Some(refusal) = self.refuses.get() {
            return Err(refusal);
        }
        let token = CallToken(self.number());
        self.calls.borrow_mut().push((token, call.clone()));
        Ok(token)
    }

    fn open_watch(&self, call: &WatchCall) -> Option<StreamToken> {
        if self.refuses.get().is_some() {
            return None;
        }
        let token = StreamToken(self.number());
        self.streams.borrow_mut().push((token, call.clone()));
        Some(token)
    }

    fn cancel(&self, stream: StreamToken) {
        self.cancelled.borrow_mut().push(stream);
    }
}

/// An answer, of an upstream's or of Envoy's own.
#[derive(Clone, Debug, Default)]
pub struct FakeAnswer {
    /// Its headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Its body.
    pub body: Vec<u8>,
    /// How long its body is said to be, where that is another length than it has.
    pub body_size: Option<usize>,
    /// Its trailers.
    pub trailers: Vec<(&'static str, &'static str)>,
}

impl FakeAnswer {
    /// An upstream's answer with this status.
    pub fn of_upstream(status: &'static str) -> Self {
        let headers = vec![(":status", status), ("x-envoy-upstream-service-time", "1")];
        Self { headers, ..Self::default() }
    }

    /// Envoy's own answer: nobody listens.
    pub fn refused() -> Self {
        let body = "upstream connect error or disconnect/reset before headers. reset reason: \
                    remote connection failure, transport failure reason: delayed connect error: \
                    Connection refused";
        Self { headers: vec![(":status", "503")], body: body.into(), ..Self::default() }
    }

    /// Envoy's own answer: none has come in time.
    pub fn timed_out() -> Self {
        let body = "upstream request timeout".into();
        Self { headers: vec![(":status", "504")], body, ..Self::default() }
    }

    /// The answer to a Check, with the number of a serving status.
    pub fn health(status: u8) -> Self {
        let mut answer = Self::of_upstream("200");
        answer.headers.push(("content-type", "application/grpc"));
        answer.body = vec![0, 0, 0, 0, 2, 8, status];
        answer.trailers.push(("grpc-status", "0"));
        answer
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn value(pairs: &[(&'static str, &'static str)], name: &str) -> Option<Vec<u8>> {
    pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes().to_vec())
}

impl ResponseHead for FakeAnswer {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        value(&self.headers, name)
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        None
    }
}

impl CallAnswer for FakeAnswer {
    fn body_size(&self) -> usize {
        self.body_size.unwrap_or(self.body.len())
    }

    fn body(&self) -> Vec<u8> {
        self.body.clone()
    }

    fn trailer(&self, name: &str) -> Option<Vec<u8>> {
        value(&self.trailers, name)
    }
}
