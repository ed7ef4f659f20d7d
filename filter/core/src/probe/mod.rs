//! Probe rules, compiled: which request is whose, and what the proxy answers.

mod metrics;
mod pages;
#[expect(clippy::module_inception, reason = "the room is called after what stands in it")]
mod probe;
mod replies;
mod router;
mod rule;

pub use probe::Probe;
pub(crate) use probe::{Admission, Deadline};
pub(crate) use replies::reply_violation;
pub use router::{Call, GrpcRule, Matched, Router};
pub use rule::{Action, Connection, Details, ProbeRule, RespondRule};
