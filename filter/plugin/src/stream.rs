//! One HTTP stream: what comes by is handed to its exchange, and what that decides is
//! applied.

use crate::plugin::{Plugin, SharedExchange};
use heartbeat_core::exchange::RequestBody;
use heartbeat_core::grpc::{LONGEST_CALL, parse_status};
use heartbeat_core::{BodyEdit, Completed, Exchange};
use heartbeat_host::abi::Action;
use heartbeat_host::ids::StreamId;
use heartbeat_host::{self as host, CompletedStream, Request, Response, Streams};
use std::rc::Rc;

mod apply;

pub use apply::leave_alone;

thread_local! {
    /// The streams of which something must be known later.
    static STREAMS: Streams<Stream> = const { Streams::new() };
}

/// One HTTP stream.
#[derive(Clone)]
pub struct Stream {
    id: StreamId,
    plugin: Rc<Plugin>,
    /// `None` for ordinary traffic.
    exchange: Option<SharedExchange>,
    /// What counters will want to know of its path.
    path: Option<Rc<[u8]>>,
    /// What its trailers said: gRPC-Web's filter takes them away before it is over.
    grpc_status: Option<u32>,
}

/// A stream that was kept.
pub fn find(id: StreamId) -> Option<Stream> {
    STREAMS.with(|streams| streams.find(id))
}

/// Forgets a stream; returns what was kept of it.
pub fn forget(id: StreamId) -> Option<Stream> {
    STREAMS.with(|streams| streams.forget(id))
}

impl Stream {
    /// A stream that is over before it began.
    pub fn unbegun(id: StreamId, plugin: Rc<Plugin>) -> Self {
        Self { id, plugin, exchange: None, path: None, grpc_status: None }
    }

    /// Keeps a stream until it ends.
    pub fn keep(
        id: StreamId,
        plugin: Rc<Plugin>,
        exchange: Option<SharedExchange>,
        request: &Request,
    ) -> Self {
        let path = plugin.policy.path_to_keep(request);
        let stream = Self { id, plugin, exchange, path, grpc_status: None };
        stream.keep_as_it_is();
        stream
    }

    fn keep_as_it_is(&self) {
        STREAMS.with(|streams| streams.keep(self.id, self.clone()));
    }

    /// Lets `act` work on the exchange, where there is one, and shows what comes of it.
    pub fn with_exchange<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.with_exchange_if(|_| true, act)
    }

    /// The same for an exchange to which the response matters. Of many it doesn't, such as
    /// those that the proxy has answered: then nothing is asked, not even the time.
    fn with_response<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.with_exchange_if(Exchange::needs_response, act)
    }

    fn with_exchange_if<T>(
        &self,
        condition: impl FnOnce(&Exchange) -> bool,
        act: impl FnOnce(&mut Exchange) -> T,
    ) -> Option<T> {
        let mut exchange = self.exchange.as_ref()?.try_borrow_mut().ok()?;
        if exchange.is_ordinary() || !condition(&exchange) {
            return None;
        }
        let done = act(&mut exchange);
        self.plugin.show_signals_of(&mut exchange);
        Some(done)
    }

    /// More of the request has come, and with it `size` bytes of its body are there. A
    /// message that isn't there by `end_of_stream` won't come.
    pub fn on_request_body(&self, size: usize, end_of_stream: bool) -> Action {
        match self.with_exchange(|exchange| exchange.request_body()) {
            Some(RequestBody::Read) => {}
            Some(RequestBody::Held) => return Action::Pause,
            Some(RequestBody::Dropped) => {
                host::drop_request_body();
                return Action::Continue;
            }
            Some(RequestBody::Passed) | None => return Action::Continue,
        }
        self.plugin.body_access.note_visible();
        let body = host::request_body(size.min(LONGEST_CALL));
        let decision = self.with_exchange(|exchange| {
            exchange.on_message(&body, end_of_stream, &Request::default(), host::shared())
        });
        if let Some(None) = decision {
            return Action::Pause;
        }
        if self.with_exchange(|exchange| exchange.is_bounded()) == Some(false) {
            self.plugin.waiting.unbound(self.id);
        }
        let action = self.apply(decision.flatten());
        self.drop_body();
        action
    }

    /// The response's headers pass by, unless they are held back.
    pub fn on_response_headers(&self, end_of_stream: bool) -> Action {
        let edits = self.with_response(|exchange| {
            let (response, cx) = (Response::default(), host::shared());
            (exchange.on_response_headers(&response, cx, end_of_stream), exchange.holds_head())
        });
        let Some((edits, held)) = edits else { return Action::Continue };
        host::edit_response(&edits);
        if held { Action::Pause } else { Action::Continue }
    }

    /// A piece of the response's body passes by, of `size` bytes.
    pub fn on_response_body(&self, size: usize, end_of_stream: bool) {
        let edit = self.with_response(|exchange| {
            let read = || host::response_body(size);
            exchange.on_response_body(read, host::shared(), end_of_stream)
        });
        match edit {
            None | Some(BodyEdit::Keep) => {}
            Some(BodyEdit::Replace(bytes)) => host::replace_response_body(size, &bytes),
            Some(BodyEdit::End(bytes, grpc_status)) => {
                host::replace_response_body(size, &bytes);
                host::set_grpc_status(grpc_status);
            }
        }
    }

    /// The response's trailers pass by.
    pub fn on_response_trailers(&self) {
        if self.plugin.follows_ordinary() {
            let value = host::grpc_status_trailer();
            let grpc_status = value.and_then(|value| parse_status(&value));
            Self { grpc_status, ..self.clone() }.keep_as_it_is();
        }
        let status = self.with_response(|exchange| {
            exchange.on_response_trailers(host::shared(), host::grpc_status_trailer);
            exchange.translated_status()
        });
        status.into_iter().flatten().for_each(host::set_grpc_status);
    }

    /// The stream is over, however it ended.
    pub fn on_log(&self) {
        let probe = self.with_exchange(|exchange| {
            let response = Response::default();
            let goes_on = exchange.is_redirected(&response);
            (!goes_on)
                .then(|| exchange.on_end(&response, host::shared(), host::grpc_status_trailer))
        });
        if let (Some(None), Some(exchange)) = (&probe, &self.exchange) {
            self.plugin.keep_redirected(exchange);
        }
        let policy = &self.plugin.policy;
        let ordinary = probe.is_none() && policy.evidence().counts_traffic();
        probe.into_iter().flatten().flatten().for_each(|value| self.plugin.record(value));
        if !ordinary && !policy.has_counters() {
            return;
        }
        let completed = CompletedStream::with(self.grpc_status);
        let completed = Completed::new(&completed, self.path.clone());
        if ordinary {
            policy.evidence().count(&completed);
        }
        policy.counted(&completed).for_each(|value| self.plugin.record(value));
    }
}
