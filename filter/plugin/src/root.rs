//! The life of a configuration in one worker.

use crate::dispatch;
use crate::plugin::Plugin;
use crate::stream;
use crate::waiting::Looked;
use heartbeat_core::ConfigErrors;
use heartbeat_core::callout::CallToken;
use heartbeat_host as host;
use heartbeat_host::ids::RootId;
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

/// Does what is due without a request.
pub fn on_tick(root: RootId) {
    let Some(plugin) = dispatch::plugin(root) else { return };
    plugin.on_tick(|id, cause, cx| {
        stream::find(id).map_or(Looked::Done, |stream| stream.on_wake(cause, cx))
    });
}

/// The answer to a call is there: Envoy takes all calls for those of the root context,
/// those for a stream, too.
pub fn on_answer(root: RootId, token: CallToken, answer: &host::Answer) {
    let Some(plugin) = dispatch::plugin(root) else { return };
    match plugin.take_asked(token) {
        None => plugin.on_answer(token, answer),
        Some(id) => stream::find(id).into_iter().for_each(|stream| stream.on_call_answer(answer)),
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
