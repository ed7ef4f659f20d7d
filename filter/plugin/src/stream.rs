//! One HTTP stream: what comes by is handed to its exchange, and what that decides is
//! applied.

use crate::abi::Action;
use crate::host::{self, Clusters, CompletedStream, Request, Response, SharedData};
use crate::ids::StreamId;
use crate::plugin::{Plugin, SharedExchange};
use crate::waiting::{Cause, Looked};
use heartbeat_core::callout::Caller;
use heartbeat_core::exchange::{Overdue, RequestBody};
use heartbeat_core::grpc::{LONGEST_CALL, parse_status};
use heartbeat_core::policy::forged_markers;
use heartbeat_core::state::Context;
use heartbeat_core::{BodyEdit, Completed, Decision, Exchange, RequestHead};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    /// The streams of which something must be known later.
    static STREAMS: RefCell<FxHashMap<StreamId, Stream>> =
        const { RefCell::new(FxHashMap::with_hasher(FxBuildHasher)) };
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
    STREAMS.with(|streams| streams.try_borrow().ok()?.get(&id).cloned())
}

/// Forgets a stream; returns what was kept of it.
pub fn forget(id: StreamId) -> Option<Stream> {
    STREAMS.with(|streams| {
        let mut streams = streams.try_borrow_mut().ok()?;
        // Of most requests nothing is kept.
        if streams.is_empty() { None } else { streams.remove(&id) }
    })
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
        STREAMS.with(|streams| {
            if let Ok(mut streams) = streams.try_borrow_mut() {
                streams.insert(self.id, self.clone());
            }
        });
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

    /// Does with the paused request what was decided. `None` is ordinary traffic.
    pub fn apply(&self, decision: Option<Decision>) -> Action {
        match decision {
            None | Some(Decision::NotAProbe) => {
                self.with_exchange(Exchange::leave);
                leave_alone(&Request::default())
            }
            Some(Decision::Forward(edits)) => {
                host::forward(&edits, self.with_exchange(Exchange::take_marks).flatten());
                Action::Continue
            }
            Some(Decision::Reply(reply)) => {
                match &self.exchange {
                    Some(_) if host::is_calling() => {
                        self.plugin.waiting.add_alone(self.id, Cause::Turn(reply));
                    }
                    _ => host::reply(&reply),
                }
                Action::Pause
            }
            Some(Decision::Ask(call)) => {
                // Whoever is asked from within a call isn't to make another.
                match (!host::is_calling()).then(|| Clusters.http_call(&call)) {
                    Some(Ok(token)) => self.plugin.keep_asked(token, self.id),
                    _ => return self.apply(self.after_call(None)),
                }
                Action::Pause
            }
            Some(Decision::Wait) => {
                self.with_exchange(|exchange| {
                    self.plugin.waiting.add(exchange.waits_for(), self.id);
                });
                Action::Pause
            }
        }
    }

    /// Does with it what was decided in another callback than its own.
    #[inline(never)]
    fn resume(&self, decision: Decision) {
        if self.apply(Some(decision)) == Action::Continue {
            self.drop_body();
            host::continue_request();
        }
    }

    fn drop_body(&self) {
        if self.with_exchange(|exchange| exchange.request_body()) == Some(RequestBody::Dropped) {
            host::drop_request_body();
        }
    }

    /// Looks what becomes of the paused request.
    pub fn on_wake(&self, cause: &Cause, cx: Context<'_, SharedData>) -> Looked {
        let looked = host::on_behalf_of(self.id, self.plugin.root, || match cause {
            Cause::Overdue => self.on_overdue(cx),
            Cause::Turn(reply) => {
                host::reply(reply);
                Looked::Done
            }
            Cause::Fetched => self.wake(|exchange| Some(exchange.on_wake(&Request::default(), cx))),
            // Its own callback goes on with it.
            Cause::Message(_) if self.plugin.body_access.is_visible() => Looked::Done,
            Cause::Message(head) => self.wake(|exchange| {
                let hidden = match exchange.is_call() {
                    true => self.plugin.body_access.is_hidden(*head),
                    false => !exchange.may_wait_for_end(cx.now),
                };
                hidden.then(|| exchange.without_message(&Request::default(), cx))
            }),
        });
        looked.unwrap_or(Looked::Done)
    }

    /// Decides once more; `None` and [`Decision::Wait`] mean that nothing has changed.
    fn wake(&self, decide: impl FnOnce(&mut Exchange) -> Option<Decision>) -> Looked {
        match self.with_exchange(decide) {
            None => return Looked::Done,
            Some(None | Some(Decision::Wait)) => return Looked::Waits,
            Some(Some(decision)) => self.resume(decision),
        }
        Looked::Done
    }

    fn on_overdue(&self, cx: Context<'_, SharedData>) -> Looked {
        let overdue = self.with_exchange(|exchange| exchange.on_overdue(&Request::default(), cx));
        match overdue {
            None | Some(Overdue::Free) => {}
            Some(Overdue::Later(until)) => return Looked::Until(until),
            Some(Overdue::Decided(decision)) => self.resume(decision),
            Some(Overdue::Close) => host::close_stream(),
        }
        Looked::Done
    }

    fn after_call(&self, answer: Option<&host::Answer>) -> Option<Decision> {
        self.with_exchange(|exchange| {
            exchange.on_call_answer(answer, &Request::default(), host::shared())
        })
    }

    /// The answer to the call is there that was made for the paused request.
    pub fn on_call_answer(&self, answer: &host::Answer) {
        host::on_behalf_of(self.id, self.plugin.root, || {
            self.after_call(Some(answer)).into_iter().for_each(|decision| self.resume(decision));
        });
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

/// What happens to ordinary traffic: nothing, but to markers that it forges.
pub fn leave_alone(request: &impl RequestHead) -> Action {
    forged_markers(request).for_each(host::remove_request_header);
    Action::Continue
}
