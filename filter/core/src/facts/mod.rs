//! What is known of the application and of the proxy: checks, Envoy's admin interface, and
//! ordinary traffic.

pub mod admin;
pub mod check;
pub mod traffic;
