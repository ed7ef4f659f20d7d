//! Clients that leave before they are answered.

use anyhow::Result;

use super::span::Span;

/// Why such a client can't compare.
pub const NOTHING_TO_EXPECT: &str = "who leaves (leave_after) has no answer to expect";

/// Waits for `exchange`, but no longer than the client stays: `None` when it
/// has left. It closes its connection by dropping the exchange.
pub async fn unless_left<T>(
    leave_after: Option<Span>,
    exchange: impl Future<Output = Result<T>>,
) -> Option<Result<T>> {
    match leave_after {
        Some(span) => tokio::time::timeout(span.0, exchange).await.ok(),
        None => Some(exchange.await),
    }
}
