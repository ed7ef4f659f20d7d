//! The life of a configuration in one worker.

use crate::dispatch::{self, RootId};
use crate::host;
use crate::plugin::Plugin;
use heartbeat_core::ConfigErrors;
use std::rc::Rc;

/// Takes a configuration, or says everything that is wrong with it.
pub fn on_configure(root: RootId) -> bool {
    match Plugin::configure(root) {
        Ok(plugin) => {
            dispatch::configure(root, Rc::new(plugin));
            true
        }
        Err(errors) => {
            log_refusal(&errors);
            false
        }
    }
}

/// Ends what Envoy would go on with: the timer of a context that is gone.
pub fn on_delete(root: RootId) {
    if dispatch::dismiss(root).is_some() {
        host::tick_every(None);
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
