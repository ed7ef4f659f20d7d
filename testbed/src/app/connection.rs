//! Connections that routes may close.

use std::sync::Arc;

use tokio::sync::Notify;

/// The connection that a request came on; an extension of every request.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<Notify>);

impl Connection {
    /// Closes it at once, whatever is still to be said.
    pub fn close(&self) {
        self.0.notify_one();
    }

    /// Waits until it is to be closed.
    pub(super) async fn closed(&self) {
        self.0.notified().await;
    }
}
