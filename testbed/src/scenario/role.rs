//! The applications of a scenario.

use std::fmt;

/// What an application is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The application behind the filter.
    App,
    /// What that application would depend on.
    Dependency,
}

impl Role {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::App, Self::Dependency];

    /// Its name in the keys of a scenario, and as a host.
    pub fn key(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Dependency => "dependency",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "the application",
            Self::Dependency => "the dependency",
        })
    }
}
