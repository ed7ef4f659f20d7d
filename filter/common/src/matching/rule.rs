//! What a rule matches.

use super::header::HeaderMatcher;
use crate::grpc::GrpcMethod;
use crate::http::request::within;

/// What a rule matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// A request to an HTTP health path.
    Http(HttpMatch),
    /// A call of `grpc.health.v1.Health`.
    Grpc(GrpcMatch),
}

impl Match {
    /// Whether it matches calls of a method.
    pub fn takes(&self, method: GrpcMethod) -> bool {
        match self {
            Self::Grpc(matcher) => matcher.methods.contains(&method),
            Self::Http(_) => false,
        }
    }
}

/// A request to an HTTP health path: all conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpMatch {
    /// Where it goes.
    pub path: PathMatch,
    /// The methods; empty means any.
    pub methods: Vec<String>,
    /// Conditions on headers.
    pub headers: Vec<HeaderMatcher>,
}

/// A condition on the path, compared with case and without the query string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathMatch {
    /// Any path.
    Any,
    /// Exactly this one.
    Exact(String),
    /// This one, and whatever stands below it in whole segments. It doesn't end
    /// with a slash.
    Prefix(String),
}

/// A call of `grpc.health.v1.Health`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrpcMatch {
    /// The methods.
    pub methods: Vec<GrpcMethod>,
    /// The services, one of which must fit. A List asks for all of them.
    pub services: Vec<ServicePattern>,
}

/// Which services a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServicePattern {
    /// All.
    Any,
    /// Exactly this one; the empty name is the server as a whole.
    Exact(String),
    /// Those whose names begin so.
    Prefix(String),
}

impl ServicePattern {
    /// Whether a service fits.
    pub fn matches(&self, service: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name == service,
            Self::Prefix(prefix) => service.starts_with(prefix.as_str()),
        }
    }

    fn covers(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Any, _) => true,
            (_, Self::Any) => false,
            (Self::Exact(_), Self::Prefix(_)) => false,
            (_, Self::Exact(later) | Self::Prefix(later)) => self.matches(later),
        }
    }
}

impl Match {
    /// Whether it matches everything that `later` matches, so that a rule
    /// with `later` behind it would never be reached.
    pub fn shadows(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Http(earlier), Self::Http(later)) => earlier.shadows(later),
            (Self::Grpc(earlier), Self::Grpc(later)) => {
                let covered = |service: &ServicePattern| {
                    earlier.services.iter().any(|pattern| pattern.covers(service))
                };
                later.methods.iter().all(|method| earlier.methods.contains(method))
                    && later.services.iter().all(covered)
            }
            _ => false,
        }
    }
}

impl HttpMatch {
    fn shadows(&self, later: &Self) -> bool {
        if !self.path.shadows(&later.path) {
            return false;
        }
        let methods = self.methods.is_empty()
            || !later.methods.is_empty()
                && later.methods.iter().all(|method| self.methods.contains(method));
        methods && self.headers.iter().all(|matcher| later.headers.contains(matcher))
    }
}

impl PathMatch {
    /// The path that it names; empty where it takes any.
    pub fn text(&self) -> &str {
        match self {
            Self::Any => "",
            Self::Exact(path) | Self::Prefix(path) => path,
        }
    }

    /// Whether a path fulfils it.
    pub fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::Prefix(prefix) => within(path, prefix.as_bytes()),
        }
    }

    fn shadows(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Any, _) => true,
            (Self::Exact(path), Self::Exact(later)) => path == later,
            (Self::Prefix(prefix), Self::Exact(later) | Self::Prefix(later)) => {
                within(later.as_bytes(), prefix.as_bytes())
            }
            _ => false,
        }
    }
}
