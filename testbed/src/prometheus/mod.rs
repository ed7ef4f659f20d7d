//! A real Prometheus next to a real Envoy, a real Alertmanager, and what is shipped for them in
//! `envoy-config/observability`.

mod alertmanager;
mod api;
pub mod catalogue;
mod config;
pub mod dashboard;
mod process;
pub mod rules;
pub mod scraped;
pub mod stat_name;
mod windows;

pub use self::alertmanager::Alertmanager;
pub use self::api::{Api, Range, Sample, Track, now};
pub use self::config::{Jobs, shipped};
pub use self::process::Prometheus;
