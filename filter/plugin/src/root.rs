//! The plugin in one worker: its configuration, and its tick.

use crate::host::{self, Answer, StreamId, call_status, watch_message};
use crate::plugin::Plugin;
use crate::stream::Stream;
use heartbeat_core::ConfigErrors;
use heartbeat_core::callout::{CallToken, StreamToken};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use std::rc::Rc;

/// The root context. It has no plugin until it is configured.
#[derive(Default)]
pub struct Root {
    plugin: Option<Rc<Plugin>>,
}

/// Envoy would go on with the timer of a context that is gone.
impl Drop for Root {
    fn drop(&mut self) {
        host::tick_every(None);
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        if let Some(plugin) = &self.plugin {
            plugin.on_answer(CallToken(token), &Answer { body_size });
        }
    }

    fn on_grpc_stream_message(&mut self, token: u32, size: usize) {
        if let Some(plugin) = &self.plugin {
            plugin.on_watch_message(StreamToken(token), &watch_message(size));
        }
    }

    fn on_grpc_stream_close(&mut self, token: u32, status: u32) {
        if let Some(plugin) = &self.plugin {
            plugin.on_watch_close(StreamToken(token), status, &call_status());
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match Plugin::configure() {
            Ok(plugin) => {
                self.plugin = Some(Rc::new(plugin));
                true
            }
            Err(errors) => {
                log_refusal(&errors);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.on_tick();
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(StreamId(context_id), self.plugin.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn log_refusal(errors: &ConfigErrors) {
    let count = errors.0.len();
    let mistakes = if count == 1 { "mistake" } else { "mistakes" };
    log::error!("heartbeat-filter: configuration refused, {count} {mistakes}:");
    for error in &errors.0 {
        log::error!("heartbeat-filter: {error}");
    }
}
