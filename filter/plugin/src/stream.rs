//! One HTTP stream: match, decide, apply; then annotate, and count once.

use crate::abi::Action;
use crate::dispatch::{self, StreamId};
use crate::host::{self, CompletedStream, Request, Response, SharedData};
use crate::plugin::Plugin;
use heartbeat_core::base::time::Instant;
use heartbeat_core::exchange::Overdue;
use heartbeat_core::grpc::{LONGEST_CALL, parse_status};
use heartbeat_core::policy::forged_markers;
use heartbeat_core::state::Context;
use heartbeat_core::{BodyEdit, Completed, Decision, Exchange, RequestHead};
use std::cell::RefCell;
use std::rc::Rc;

/// An exchange that its stream shares with those that wait.
pub type SharedExchange = Rc<RefCell<Exchange>>;

/// One HTTP stream.
#[derive(Clone)]
pub struct Stream {
    /// Its context.
    pub id: StreamId,
    plugin: Rc<Plugin>,
    /// `None` for ordinary traffic.
    exchange: Option<SharedExchange>,
    /// What counters will want to know of its path.
    path: Option<Rc<[u8]>>,
    /// What its trailers said: gRPC-Web's filter takes them away before it is over.
    grpc_status: Option<u32>,
}

/// A stream begins. Ordinary traffic is kept only where something is to be counted
/// of it in the end.
pub fn on_request_headers(id: StreamId, plugin: Rc<Plugin>, end_of_stream: bool) -> Action {
    let request = Request::default();
    if let Some(exchange) = plugin.take_redirected(&request) {
        let path = plugin.policy.path_to_keep(&request);
        let stream = Stream { id, plugin, exchange: Some(exchange), path, grpc_status: None };
        dispatch::keep(stream.clone());
        let decision = stream.with_exchange(|exchange| exchange.on_redirect(&request));
        return stream.apply(decision);
    }
    let Some(matched) = plugin.policy.match_request(&request) else {
        if let Some(note) = plugin.policy.note_on_grpc_web(host::shared) {
            log::warn!("heartbeat-filter: {note}");
        }
        if plugin.follows_ordinary() {
            let path = plugin.policy.path_to_keep(&request);
            dispatch::keep(Stream { id, plugin, exchange: None, path, grpc_status: None });
        }
        return leave_alone(&request);
    };
    let cx = host::shared();
    plugin.policy.evidence().clock.keep(cx.now, host::wall_time);
    let exchange = plugin.policy.exchange(matched, plugin.token(), cx.now);
    Arrival { id, plugin, exchange, cx }.decide(&request, end_of_stream)
}

/// A probe whose headers have come. Most that the proxy answers are over at once; only
/// what isn't is kept.
struct Arrival {
    id: StreamId,
    plugin: Rc<Plugin>,
    exchange: Exchange,
    cx: Context<'static, SharedData>,
}

impl Arrival {
    /// What becomes of it.
    fn decide(mut self, request: &Request, end_of_stream: bool) -> Action {
        let (exchange, cx) = (&mut self.exchange, self.cx);
        let waits = exchange.wants_message() || (!end_of_stream && exchange.wants_end(request));
        let decision = if !waits {
            exchange.on_request_headers(request, cx, end_of_stream)
        } else if end_of_stream {
            let decision = exchange.on_message(&[], true, request, cx);
            decision.unwrap_or(Decision::NotAProbe)
        } else {
            exchange.await_message();
            let bound = exchange.bounded_until();
            let stream = self.keep(request);
            bound.into_iter().for_each(|until| stream.plugin.bounds.add(until, stream.id));
            if let (false, Some(exchange)) =
                (stream.plugin.body_access.is_visible(), &stream.exchange)
            {
                stream.plugin.waiting.add_unread(stream.id, exchange, host::request_size());
            }
            return Action::Pause;
        };
        self.plugin.show_signals_of(exchange);
        match decision {
            Decision::Reply(reply) if self.is_over() => {
                host::reply(&reply);
                let counts = self.exchange.on_end(&Response::default(), cx, || None);
                self.plugin.show_signals_of(&mut self.exchange);
                counts.into_iter().for_each(|value| self.plugin.record(value));
                Action::Pause
            }
            decision => self.keep(request).apply(Some(decision)),
        }
    }

    /// Whether nothing of it matters once it is answered. Counters look at probes, too.
    fn is_over(&self) -> bool {
        !self.plugin.follows_ordinary() && !self.exchange.needs_response() && !host::is_calling()
    }

    /// Keeps it until its stream ends.
    fn keep(self, request: &Request) -> Stream {
        let exchange = Some(Rc::new(RefCell::new(self.exchange)));
        let path = self.plugin.policy.path_to_keep(request);
        let stream = Stream { id: self.id, plugin: self.plugin, exchange, path, grpc_status: None };
        dispatch::keep(stream.clone());
        stream
    }
}

impl Stream {
    /// A stream that is over before it began.
    pub fn unbegun(id: StreamId, plugin: Rc<Plugin>) -> Self {
        Self { id, plugin, exchange: None, path: None, grpc_status: None }
    }

    /// Lets `act` work on the exchange, where there is one, and shows what comes of it.
    fn with_exchange<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.with_exchange_if(|_| true, act)
    }

    /// The same for an exchange to which the answer matters. Of many it doesn't, such as
    /// those that the proxy has answered: then nothing is asked, not even the time.
    fn with_answer<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.with_exchange_if(Exchange::needs_response, act)
    }

    fn with_exchange_if<T>(
        &self,
        condition: impl FnOnce(&Exchange) -> bool,
        act: impl FnOnce(&mut Exchange) -> T,
    ) -> Option<T> {
        let mut exchange = self.exchange.as_ref()?.try_borrow_mut().ok()?;
        if exchange.is_disowned() || !condition(&exchange) {
            return None;
        }
        let done = act(&mut exchange);
        self.plugin.show_signals_of(&mut exchange);
        Some(done)
    }

    /// More of the request has come: with it `size` bytes of its body are there.
    fn read_on(&self, size: usize, end_of_stream: bool) -> Action {
        let state = self.with_exchange(|exchange| {
            (exchange.awaits_message(), exchange.waits(), exchange.drops_request_body())
        });
        match state {
            Some((true, ..)) => {}
            Some((_, true, _)) => return Action::Pause,
            Some((.., true)) => {
                host::drop_request_body();
                return Action::Continue;
            }
            Some(_) if self.plugin.waiting.has_answer_for(self.id) => return Action::Pause,
            _ => return Action::Continue,
        }
        self.plugin.body_access.note_visible();
        let body = host::request_body(size.min(LONGEST_CALL));
        let (request, cx) = (Request::default(), host::shared());
        let decision =
            self.with_exchange(|exchange| exchange.on_message(&body, end_of_stream, &request, cx));
        match decision {
            Some(None) => Action::Pause,
            decision => {
                if self.with_exchange(|exchange| exchange.is_bounded()) == Some(false) {
                    self.plugin.bounds.remove(self.id);
                }
                let action = self.apply(decision.flatten());
                if self.with_exchange(|exchange| exchange.drops_request_body()) == Some(true) {
                    host::drop_request_body();
                }
                action
            }
        }
    }

    /// Does with the paused request what was decided.
    fn apply(&self, decision: Option<Decision>) -> Action {
        match decision {
            None | Some(Decision::NotAProbe) => {
                self.with_exchange(Exchange::disown);
                leave_alone(&Request::default())
            }
            Some(Decision::Forward(edits)) => {
                host::forward(&edits, self.with_exchange(Exchange::take_marks).flatten());
                Action::Continue
            }
            Some(Decision::Reply(reply)) => {
                match &self.exchange {
                    Some(exchange) if host::is_calling() => {
                        self.plugin.waiting.add_answered(self.id, exchange, reply);
                    }
                    _ => host::reply(&reply),
                }
                Action::Pause
            }
            Some(Decision::Wait) => {
                if let Some(exchange) = &self.exchange {
                    self.plugin.waiting.add(self.id, exchange);
                }
                Action::Pause
            }
        }
    }

    /// A piece of the request's body has come; `size` bytes of it are there.
    pub fn on_request_body(&self, size: usize, end_of_stream: bool) -> Action {
        self.read_on(size, end_of_stream)
    }

    /// A message that isn't there by now won't come.
    pub fn on_request_trailers(&self) -> Action {
        self.read_on(LONGEST_CALL, true)
    }

    /// It may be overdue; says when to look again.
    pub fn on_overdue(&self, now: Instant) -> Option<Instant> {
        let overdue = self.with_exchange(|exchange| {
            exchange.on_overdue(&Request::default(), Context::at(&SharedData, now))
        });
        match overdue? {
            Overdue::Free => {}
            Overdue::Later(until) => return Some(until),
            Overdue::Decided(decision) => {
                self.apply(Some(decision));
            }
            Overdue::Close => host::close_stream(),
        }
        None
    }

    /// The response's headers pass by, unless they are held back.
    pub fn on_response_headers(&self, end_of_stream: bool) -> Action {
        let edits = self.with_answer(|exchange| {
            let edits =
                exchange.on_response_headers(&Response::default(), host::shared(), end_of_stream);
            (edits, exchange.holds_head())
        });
        let Some((edits, held)) = edits else { return Action::Continue };
        host::edit_response(&edits);
        if held { Action::Pause } else { Action::Continue }
    }

    /// A piece of the response's body passes by, of `size` bytes.
    pub fn on_response_body(&self, size: usize, end_of_stream: bool) {
        let edit = self.with_answer(|exchange| {
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
            dispatch::keep(Self { grpc_status, ..self.clone() });
        }
        let status = self.with_answer(|exchange| {
            exchange.on_response_trailers(host::shared(), host::grpc_status_trailer);
            exchange.translated_status()
        });
        if let Some(Some(status)) = status {
            host::set_grpc_status(status);
        }
    }

    /// The stream is over, however it ended.
    pub fn on_log(&self) {
        let probe = self.with_exchange(|exchange| {
            let (response, cx) = (Response::default(), host::shared());
            let goes_on = exchange.is_redirected(&response);
            (!goes_on).then(|| exchange.on_end(&response, cx, host::grpc_status_trailer))
        });
        if let (Some(None), Some(exchange)) = (&probe, &self.exchange) {
            self.plugin.keep_redirected(exchange);
        }
        probe.into_iter().flatten().flatten().for_each(|value| self.plugin.record(value));
        let policy = &self.plugin.policy;
        let ordinary = probe.is_none() && policy.evidence().counts_traffic();
        if !ordinary && !policy.has_counters() {
            return;
        }
        let completed_stream = CompletedStream::with(self.grpc_status);
        let completed = Completed::new(&completed_stream, self.path.clone());
        if ordinary {
            policy.evidence().count(&completed);
        }
        policy.counted(&completed).for_each(|value| self.plugin.record(value));
    }
}

/// What happens to ordinary traffic: nothing, but to markers that it forges.
fn leave_alone(request: &impl RequestHead) -> Action {
    forged_markers(request).for_each(host::remove_request_header);
    Action::Continue
}
