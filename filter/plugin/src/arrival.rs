//! Requests that have just come: whether one is a probe, and what becomes of it.

use crate::plugin::Plugin;
use crate::stream::{Stream, leave_alone};
use crate::waiting::Cause;
use heartbeat_core::state::Context;
use heartbeat_core::{Decision, Exchange};
use heartbeat_host::abi::Action;
use heartbeat_host::ids::StreamId;
use heartbeat_host::{self as host, Request, Response, SharedData};
use std::cell::RefCell;
use std::rc::Rc;

/// A stream begins. Ordinary traffic is kept only where something is to be counted
/// of it in the end.
pub fn on_request_headers(id: StreamId, plugin: Rc<Plugin>, end_of_stream: bool) -> Action {
    let request = Request::default();
    if let Some(exchange) = plugin.take_redirected(&request) {
        let stream = Stream::keep(id, plugin, Some(exchange), &request);
        let decision = stream.with_exchange(|exchange| exchange.on_redirect(&request));
        return stream.apply(decision);
    }
    let Some(matched) = plugin.policy.match_request(&request) else {
        if let Some(note) = plugin.policy.note_on_grpc_web(host::shared) {
            log::warn!("heartbeat-filter: {note}");
        }
        if plugin.follows_ordinary() {
            Stream::keep(id, plugin, None, &request);
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
            exchange.on_message(&[], true, request, cx).unwrap_or(Decision::NotAProbe)
        } else {
            return self.await_message(request);
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

    /// Has the request wait for its message, which Envoy may or may not show.
    fn await_message(mut self, request: &Request) -> Action {
        self.exchange.await_message();
        let (id, bound) = (self.id, self.exchange.bounded_until());
        let plugin = Rc::clone(&self.plugin);
        self.keep(request);
        bound.into_iter().for_each(|until| plugin.waiting.bound(until, id));
        if !plugin.body_access.is_visible() {
            plugin.waiting.add_alone(id, Cause::Message(host::request_size()));
        }
        Action::Pause
    }

    /// Whether nothing of it matters once it is answered. Counters look at probes, too.
    fn is_over(&self) -> bool {
        !self.plugin.follows_ordinary() && !self.exchange.needs_response() && !host::is_calling()
    }

    /// Keeps it until its stream ends.
    fn keep(self, request: &Request) -> Stream {
        Stream::keep(self.id, self.plugin, Some(Rc::new(RefCell::new(self.exchange))), request)
    }
}
