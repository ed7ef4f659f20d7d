//! Which rule a request matches.
//!
//! Rules are found by path (see [`crate::matching::paths`]). Only rules without a path are tried
//! in turn.

use crate::grpc::{self, GrpcMethod};
use crate::http::headers::CONTENT_TYPE;
use crate::http::request::{Method, RequestHead, RequestLine, without_query};
use crate::matching::header::HeaderMatcher;
use crate::matching::paths::PathIndex;
use crate::matching::rule::{GrpcMatch, HttpMatch, Match, ServicePattern};
use crate::probe::Probe;
use std::cell::Cell;
use std::rc::Rc;

/// All rules, ready to be found.
#[derive(Debug, Default)]
pub struct Router {
    paths: PathIndex,
    /// By their numbers; `None` in the place of a rule for calls.
    http: Vec<Option<HttpRule>>,
    /// By method.
    grpc: Vec<(GrpcMethod, Rc<Vec<GrpcRule>>)>,
    /// A call in gRPC-Web has come by: no rule takes it.
    met_grpc_web: Cell<bool>,
}

/// What is left to be checked once the path is right.
#[derive(Debug)]
struct HttpRule {
    methods: Vec<String>,
    headers: Vec<HeaderMatcher>,
    probe: Rc<Probe>,
}

/// A request that a probe rule matches.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The rule.
    pub probe: Rc<Probe>,
    /// The call, where it is one of gRPC.
    pub call: Option<Call>,
    /// What the request says of itself: read once, and used to its end.
    pub line: RequestLine,
}

/// A call of `grpc.health.v1.Health`.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it calls.
    pub method: GrpcMethod,
    /// The rules for this method, in their order; which of them it is depends on
    /// the service that the call asks for.
    pub rules: Rc<Vec<GrpcRule>>,
}

/// A rule for a method.
#[derive(Clone, Debug)]
pub struct GrpcRule {
    pub(crate) services: Rc<Vec<ServicePattern>>,
    pub(crate) probe: Rc<Probe>,
}

impl GrpcRule {
    /// Whether it is for this service; where that isn't known, whether it is for all.
    pub(crate) fn takes(&self, service: Option<&str>) -> bool {
        self.services.iter().any(|pattern| match service {
            Some(service) => pattern.matches(service),
            None => *pattern == ServicePattern::Any,
        })
    }

    /// Whether it answers for a service, rather than only taking its calls.
    pub(crate) fn answers_for(&self, service: &str) -> bool {
        self.services.iter().any(|pattern| match pattern {
            ServicePattern::Any => service.is_empty(),
            pattern => pattern.matches(service),
        })
    }

    /// The services that it answers for and whose names it knows.
    pub(crate) fn known_services(&self) -> impl Iterator<Item = String> {
        self.services.iter().filter_map(|pattern| match pattern {
            ServicePattern::Any => Some(String::new()),
            ServicePattern::Exact(name) => Some(name.clone()),
            ServicePattern::Prefix(_) => None,
        })
    }

    /// Whether it names the service.
    pub(crate) fn names(&self, service: &str) -> bool {
        self.services.iter().any(|pattern| match pattern {
            ServicePattern::Exact(name) => name == service,
            _ => false,
        })
    }
}

impl Router {
    /// Adds the next rule.
    pub fn add(&mut self, matcher: Match, probe: Rc<Probe>) {
        match matcher {
            Match::Grpc(GrpcMatch { methods, services }) => {
                let services = Rc::new(services);
                for method in methods {
                    let rule =
                        GrpcRule { services: Rc::clone(&services), probe: Rc::clone(&probe) };
                    match self.grpc.iter_mut().find(|(known, _)| *known == method) {
                        Some((_, rules)) => Rc::make_mut(rules).push(rule),
                        None => self.grpc.push((method, Rc::new(vec![rule]))),
                    }
                }
                self.http.push(None);
            }
            Match::Http(HttpMatch { path, methods, headers }) => {
                self.paths.add(&path, self.http.len());
                self.http.push(Some(HttpRule { methods, headers, probe }));
            }
        }
    }

    /// The rule that a request matches; `None` for ordinary traffic.
    ///
    /// Reads the path, and more only where a rule has that path.
    pub fn match_request(&self, request: &impl RequestHead) -> Option<Matched> {
        let target = request.path()?;
        // However long it is, no more of it is looked at than could match.
        let most = self.paths.longest().max(grpc::LONGEST_PATH) + 1;
        let path = without_query(target.get(..most).unwrap_or(&target));
        let call = grpc::health_method(path).and_then(|method| self.find_call(request, method));
        let (probe, method, call) = match call {
            Some((probe, call)) => (probe, Method::Other, Some(call)),
            None => self.find_http(request, path).map(|(probe, method)| (probe, method, None))?,
        };
        let line = RequestLine { target: target.into_owned(), method };
        Some(Matched { probe, call, line })
    }

    fn find_call(
        &self,
        request: &impl RequestHead,
        method: GrpcMethod,
    ) -> Option<(Rc<Probe>, Call)> {
        let (_, rules) = self.grpc.iter().find(|(known, _)| *known == method)?;
        let probe = Rc::clone(&rules.first()?.probe);
        let content_type = request.header(CONTENT_TYPE)?;
        if content_type.starts_with(b"application/grpc-web") {
            self.met_grpc_web.set(true);
        }
        grpc::is_grpc(&content_type).then(|| (probe, Call { method, rules: Rc::clone(rules) }))
    }

    /// Whether a call in gRPC-Web has come by since the last time.
    pub fn take_grpc_web(&self) -> bool {
        self.met_grpc_web.take()
    }

    /// The rule, and the request's method.
    fn find_http(&self, request: &impl RequestHead, path: &[u8]) -> Option<(Rc<Probe>, Method)> {
        let candidates = self.paths.find(path);
        if candidates.is_empty() {
            return None;
        }
        let method = request.method()?;
        let rule = candidates
            .iter()
            .filter_map(|number| self.http.get(*number)?.as_ref())
            .find(|rule| rule.accepts(&method, request))?;
        Some((Rc::clone(&rule.probe), Method::of(&method)))
    }
}

impl HttpRule {
    fn accepts(&self, method: &[u8], request: &impl RequestHead) -> bool {
        let methods =
            self.methods.is_empty() || self.methods.iter().any(|known| known.as_bytes() == method);
        methods && self.headers.iter().all(|matcher| matcher.matches(request))
    }
}
