//! What happens to a probe.

use crate::callout::HttpCall;
use crate::format::Medium;
use crate::http::edits::{HeaderEdits, Reply};

/// What happens to a matched probe.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is ordinary traffic after all.
    NotAProbe,
    /// It goes to the application, with these edits to its headers.
    Forward(HeaderEdits),
    /// The proxy answers it; the application sees nothing.
    Reply(Reply),
    /// It is answered by [a page](crate::Exchange::show) of what the proxy knows.
    Inspect(Medium),
    /// It waits until this call is answered.
    Ask(HttpCall),
    /// It waits until the answer is there that another probe fetches.
    Wait,
}
