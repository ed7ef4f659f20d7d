//! One HTTP stream: recognise, decide, apply; then annotate, and count once.

use crate::host::{self, Request, Response, SharedData, StreamId};
use crate::messages::Shown;
use crate::plugin::Plugin;
use heartbeat_core::grpc::LONGEST_CALL;
use heartbeat_core::headers::GRPC_TIMEOUT;
use heartbeat_core::policy::forged_markers;
use heartbeat_core::{BodyEdit, Decision, Exchange, RequestHead, ResponseHead};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::cell::RefCell;
use std::rc::Rc;

/// An exchange that its stream shares with those that wait.
pub type SharedExchange = Rc<RefCell<Exchange>>;

/// One HTTP stream.
pub struct Stream {
    id: StreamId,
    plugin: Option<Rc<Plugin>>,
    /// `None` for ordinary traffic.
    exchange: Option<SharedExchange>,
}

impl Stream {
    /// A stream that has just begun.
    pub fn new(id: StreamId, plugin: Option<Rc<Plugin>>) -> Self {
        Self { id, plugin, exchange: None }
    }

    /// Lets `act` work on the exchange, where there is one, and shows what comes of it.
    fn with_exchange<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        let (plugin, exchange) = (self.plugin.as_ref()?, self.exchange.as_ref()?);
        let mut exchange = exchange.try_borrow_mut().ok().filter(|it| !it.is_disowned())?;
        let done = act(&mut exchange);
        plugin.show_signals_of(&mut exchange);
        Some(done)
    }

    /// More of the request has come: with it `size` bytes of its body are there.
    fn read_on(&mut self, size: usize, end_of_stream: bool) -> Action {
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
            _ => return Action::Continue,
        }
        if let Some(plugin) = &self.plugin {
            plugin.messages.note_shown();
        }
        let body = host::request_body(size.min(LONGEST_CALL));
        let decision = self.with_exchange(|exchange| {
            exchange.on_message(&body, end_of_stream, &Request, &SharedData, host::now())
        });
        match decision {
            Some(None) => Action::Pause,
            decision => {
                let action = self.apply(decision.flatten());
                if self.with_exchange(|exchange| exchange.drops_request_body()) == Some(true) {
                    host::drop_request_body();
                }
                action
            }
        }
    }

    /// Does with the paused request what was decided.
    fn apply(&mut self, decision: Option<Decision>) -> Action {
        match decision {
            None | Some(Decision::NotAProbe) => {
                self.exchange = None;
                leave_alone()
            }
            Some(Decision::Forward(edits)) => {
                host::edit_request(&edits);
                Action::Continue
            }
            Some(Decision::Reply(reply)) => {
                host::reply(&reply);
                Action::Pause
            }
            Some(Decision::Wait) => {
                if let (Some(plugin), Some(exchange)) = (&self.plugin, &self.exchange) {
                    plugin.waiting.add(self.id, exchange);
                }
                Action::Pause
            }
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(plugin) = self.plugin.clone() else { return Action::Continue };
        let Some(recognised) = plugin.policy.recognise(&Request) else {
            return leave_alone();
        };
        let now = host::now();
        let mut exchange = plugin.policy.exchange(recognised, plugin.token(self.id, now), now);
        let shown = plugin.messages.shown();
        let wants_message = exchange.wants_message();
        if wants_message && shown != Shown::No && !end_of_stream {
            exchange.await_message();
        }
        let exchange = Rc::new(RefCell::new(exchange));
        self.exchange = Some(Rc::clone(&exchange));
        let decision = match shown {
            _ if wants_message && end_of_stream => self
                .with_exchange(|exchange| {
                    exchange.on_message(&[], true, &Request, &SharedData, now)
                })
                .flatten(),
            Shown::Yes if wants_message => return Action::Pause,
            Shown::Unknown if wants_message => {
                plugin.waiting.add_unread(self.id, &exchange, host::request_size());
                return Action::Pause;
            }
            Shown::No if wants_message => {
                self.with_exchange(|exchange| exchange.without_message(&Request, &SharedData, now))
            }
            _ => self.with_exchange(|exchange| {
                exchange.on_request_headers(&Request, &SharedData, now, end_of_stream)
            }),
        };
        self.apply(decision)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.read_on(size, end_of_stream)
    }

    /// A message that isn't there by now won't come.
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.read_on(LONGEST_CALL, true)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let edits = self.with_exchange(|exchange| {
            exchange.on_response_headers(&Response, &SharedData, host::now(), end_of_stream)
        });
        if let Some(edits) = edits {
            host::edit_response(&edits);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let edit = self.with_exchange(|exchange| {
            let read = || host::response_body(size);
            exchange.on_response_body(read, &SharedData, host::now(), end_of_stream)
        });
        match edit {
            None | Some(BodyEdit::Keep) => {}
            Some(BodyEdit::Replace(bytes)) => host::replace_response_body(size, &bytes),
            Some(BodyEdit::End(bytes, grpc_status)) => {
                host::replace_response_body(size, &bytes);
                host::set_grpc_status(grpc_status);
            }
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        let status = self.with_exchange(|exchange| {
            exchange.on_response_trailers(&SharedData, host::now(), host::grpc_status);
            exchange.translated_status()
        });
        if let Some(Some(status)) = status {
            host::set_grpc_status(status);
        }
        Action::Continue
    }

    /// Called once for every stream, however it ended.
    fn on_log(&mut self) {
        self.with_exchange(|exchange| {
            exchange.on_end(&Response, &SharedData, host::now(), host::grpc_status_trailer);
        });
        let Some(plugin) = &self.plugin else { return };
        let policy = &plugin.policy;
        let disowned = |it: &SharedExchange| it.try_borrow().is_ok_and(|it| it.is_disowned());
        let ordinary =
            self.exchange.as_ref().is_none_or(disowned) && policy.evidence().counts_traffic();
        if !ordinary && !policy.has_counters() {
            return;
        }
        let status = Response.status();
        if ordinary {
            let hurried = || Request.header(GRPC_TIMEOUT).is_some();
            policy.evidence().tally.count(status, host::grpc_status(), hurried);
        }
        policy.counters_raised(&Request, status).for_each(|metric| plugin.raise(metric));
    }
}

/// What happens to ordinary traffic: nothing, but to markers that it forges.
fn leave_alone() -> Action {
    forged_markers(&Request).for_each(host::remove_request_header);
    Action::Continue
}
