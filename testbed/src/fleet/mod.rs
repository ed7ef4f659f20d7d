//! A few services that call each other through real Envoys with the filter, over mutual TLS
//! and under load, and a real Prometheus that scrapes them all: what the rules about
//! dependencies, networks and base lines are about.
//!
//! Each service is a job of its own, and calls another one by a cluster of that job's name.
//! The shipped rules look back seconds here, and not minutes and days.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use testbed::fleet::{Fleet, Plan};
//! use testbed::tools::Tools;
//!
//! let fleet = Fleet::start(&Tools::from_env(std::env::current_exe()?), &Plan::shop()).await?;
//! let edges = fleet.prometheus.query("edge:strength:ratio_rate5m").await?;
//! # Ok(())
//! # }
//! ```

mod load;
mod plan;
mod proxy;
mod running;
mod service;
mod stay;

pub use self::plan::{Call, Plan};
pub use self::running::Fleet;
pub use self::stay::{Options, stay};
