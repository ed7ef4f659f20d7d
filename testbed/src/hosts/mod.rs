//! Real hosts: the containers of `testbed/compose.yaml`, seen from the prober.
//!
//! A process of the testbed can be stopped and killed. Only a host can lose its
//! network, its name or its bandwidth, or be frozen with its kernel still accepting
//! connections.

mod condition;
mod engine;
mod follow;
mod frames;
mod host;
mod project;

pub use self::condition::Condition;
pub use self::follow::{Options as FollowOptions, follow};
pub use self::host::{Host, Network};
pub use self::project::Hosts;
