//! Which rule recognises a request.
//!
//! Rules are found by path, not tried one by one: an exact path is one look into
//! a table, a prefix one for each segment of the request's path, however many
//! rules there are. Only rules without a path are tried in turn.

use crate::config::{
    GrpcMatch, GrpcMethod, HeaderMatcher, HttpMatch, Match, PathMatch, ServicePattern,
};
use crate::grpc;
use crate::headers::CONTENT_TYPE;
use crate::probe::Probe;
use crate::request::{RequestHead, without_query};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::rc::Rc;

/// The place of a rule in the configuration: the first that matches wins.
type RuleNumber = usize;

/// All rules, ready to be found.
#[derive(Debug, Default)]
pub struct Recogniser {
    // The keys are the configuration's: no request can choose them so that they collide.
    exact: FxHashMap<Vec<u8>, Vec<RuleNumber>>,
    prefix: FxHashMap<Vec<u8>, Vec<RuleNumber>>,
    anywhere: Vec<RuleNumber>,
    /// By their numbers; `None` in the place of a rule for calls.
    http: Vec<Option<HttpRule>>,
    /// By method.
    grpc: Vec<(GrpcMethod, Rc<Vec<GrpcRule>>)>,
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
pub struct Recognised {
    /// The rule.
    pub probe: Rc<Probe>,
    /// The call, where it is one of gRPC.
    pub call: Option<Call>,
    /// What the request says of itself: read once, and used to its end.
    pub line: RequestLine,
}

/// The first line of a request (RFC 9110, section 6.2), as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct RequestLine {
    /// The request target, with its query string.
    pub target: Vec<u8>,
    /// The method.
    pub method: Method,
}

/// A method, as far as it matters how a probe asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// It asks for an answer with a body.
    Get,
    /// It asks for the head of the answer to a GET.
    Head,
    /// Anything else, as are calls of gRPC.
    #[default]
    Other,
}

impl Method {
    fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            _ => Self::Other,
        }
    }
}

impl RequestLine {
    /// The path, without the query string.
    pub fn path(&self) -> &[u8] {
        without_query(&self.target)
    }

    /// The query string, without `?`; empty where there is none.
    pub fn query(&self) -> &[u8] {
        self.target.get(self.path().len() + 1..).unwrap_or_default()
    }
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

impl Recogniser {
    /// Adds the next rule.
    pub fn add(&mut self, matcher: Match, probe: Rc<Probe>) {
        let number = self.http.len();
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
                self.http.push(Some(HttpRule { methods, headers, probe }));
                match path {
                    PathMatch::Exact(path) => self.exact.entry(path.into()).or_default(),
                    PathMatch::Prefix(prefix) => self.prefix.entry(prefix.into()).or_default(),
                    PathMatch::Any => &mut self.anywhere,
                }
                .push(number);
            }
        }
    }

    /// The rule that a request matches; `None` for ordinary traffic.
    ///
    /// Reads the path, and more only where a rule has that path.
    pub fn recognise(&self, request: &impl RequestHead) -> Option<Recognised> {
        let target = request.path()?;
        let path = without_query(&target);
        let call = grpc::health_method(path).and_then(|method| self.find_call(request, method));
        let (probe, method, call) = match call {
            Some((probe, call)) => (probe, Method::Other, Some(call)),
            None => self.find_http(request, path).map(|(probe, method)| (probe, method, None))?,
        };
        let line = RequestLine { target: target.into_owned(), method };
        Some(Recognised { probe, call, line })
    }

    fn find_call(
        &self,
        request: &impl RequestHead,
        method: GrpcMethod,
    ) -> Option<(Rc<Probe>, Call)> {
        let (_, rules) = self.grpc.iter().find(|(known, _)| *known == method)?;
        let probe = Rc::clone(&rules.first()?.probe);
        let content_type = request.header(CONTENT_TYPE)?;
        grpc::is_grpc(&content_type).then(|| (probe, Call { method, rules: Rc::clone(rules) }))
    }

    /// The rule, and the request's method.
    fn find_http(&self, request: &impl RequestHead, path: &[u8]) -> Option<(Rc<Probe>, Method)> {
        let candidates = self.with_path(path);
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

    /// The rules whose condition on the path holds, in their order.
    fn with_path(&self, path: &[u8]) -> Cow<'_, [RuleNumber]> {
        let mut found = Cow::Borrowed(self.anywhere.as_slice());
        self.exact.get(path).into_iter().for_each(|numbers| merge(&mut found, numbers));
        if !self.prefix.is_empty() {
            let lists = prefixes(path).filter_map(|prefix| self.prefix.get(prefix));
            lists.for_each(|numbers| merge(&mut found, numbers));
        }
        found
    }
}

/// Adds rules to those that were found, which are mostly none, and keeps their order.
fn merge<'a>(found: &mut Cow<'a, [RuleNumber]>, more: &'a [RuleNumber]) {
    if found.is_empty() {
        *found = Cow::Borrowed(more);
        return;
    }
    let found = found.to_mut();
    // Each list is in order, so nearly all go to the end.
    for number in more {
        found.insert(found.partition_point(|earlier| earlier < number), *number);
    }
}

/// The path, and every path above it: `/a/b` and `/a` for `/a/b`.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = (1..=path.len()).filter(|&end| path.get(end).is_none_or(|&next| next == b'/'));
    ends.filter_map(|end| path.get(..end))
}

impl HttpRule {
    fn accepts(&self, method: &[u8], request: &impl RequestHead) -> bool {
        let methods =
            self.methods.is_empty() || self.methods.iter().any(|known| known.as_bytes() == method);
        methods && self.headers.iter().all(|matcher| matcher.matches(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn prefixes_are_whole_segments() {
        let prefixes = |path: &'static str| {
            prefixes(path.as_bytes()).map(|p| String::from_utf8_lossy(p)).collect::<Vec<_>>()
        };
        assert_eq!(prefixes("/a/b"), ["/a", "/a/b"]);
        assert_eq!(prefixes("/a/"), ["/a", "/a/"]);
        assert_eq!(prefixes("/"), ["/"]);
        assert!(prefixes("").is_empty());
    }
}
