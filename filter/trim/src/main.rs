//! The build step.
fn main() {}
