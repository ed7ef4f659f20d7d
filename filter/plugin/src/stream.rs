//! One HTTP stream: `classify`, `decide`, apply; then annotate, and count once.

use crate::host::{self, CounterId, Request, Response};
use heartbeat_core::policy::forged_markers;
use heartbeat_core::{Decision, Exchange, Policy};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// What all streams of a configuration share.
pub struct Plugin {
    /// The compiled configuration.
    pub policy: Policy,
    /// The ids of the policy's metrics, in its order; `None` where Envoy refused one.
    pub metrics: Vec<Option<CounterId>>,
}

impl Plugin {
    fn count(&self, metric: usize) {
        if let Some(Some(id)) = self.metrics.get(metric) {
            host::increment(*id);
        }
    }
}

/// One HTTP stream.
pub struct Stream {
    plugin: Option<Rc<Plugin>>,
    /// `None` for ordinary traffic.
    exchange: Option<Exchange>,
}

impl Stream {
    pub fn new(plugin: Option<Rc<Plugin>>) -> Self {
        Self { plugin, exchange: None }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Some(plugin) = &self.plugin else { return Action::Continue };
        let Some(recognised) = plugin.policy.classify(&Request) else {
            forged_markers(&Request).for_each(host::remove_request_header);
            return Action::Continue;
        };
        match recognised.probe.decide(&Request, host::now()) {
            Decision::Forward(edits) => {
                host::edit_request(&edits);
                self.exchange = Some(Exchange::forwarded(recognised));
                Action::Continue
            }
            Decision::Reply(reply) => {
                host::reply(&reply);
                self.exchange = Some(Exchange::answered(recognised, reply.outcome));
                Action::Pause
            }
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let Some(exchange) = &mut self.exchange {
            host::edit_response(&exchange.on_response_headers(&Response));
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _end_of_stream: bool) -> Action {
        if let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.reads_body()) {
            exchange.on_response_body(&host::response_body(size));
        }
        Action::Continue
    }

    /// Called once for every stream, however it ended.
    fn on_log(&mut self) {
        let Some(plugin) = &self.plugin else { return };
        if let Some(exchange) = &self.exchange {
            plugin.count(exchange.metric(host::grpc_status_trailer));
        }
        if plugin.policy.has_counters() {
            let status = heartbeat_core::ResponseHead::status(&Response);
            plugin.policy.counters_raised(&Request, status).for_each(|metric| plugin.count(metric));
        }
    }
}
