//! The plugin in one worker: its configuration.

use crate::host;
use crate::stream::{Plugin, Stream};
use heartbeat_core::{ConfigErrors, Policy};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use std::rc::Rc;

/// The root context. It has no plugin until it is configured.
#[derive(Default)]
pub struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let service_cluster = host::service_cluster();
        match Policy::from_bytes(&host::plugin_configuration(), &service_cluster) {
            Ok(policy) => {
                let metrics =
                    policy.metrics().iter().map(|name| host::define_counter(name)).collect();
                self.plugin = Some(Rc::new(Plugin { policy, metrics }));
                true
            }
            Err(errors) => {
                log_refusal(&errors);
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone())))
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
