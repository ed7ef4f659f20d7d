//! What a rule puts between the probers and the application, each with its rule.

pub mod allow;
pub mod breaker;
pub mod cache;
pub mod capture;
pub mod limit;
pub mod refusals;
pub mod sharing;
pub mod upstream;
