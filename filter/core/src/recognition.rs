//! Which rule recognises a request.
//!
//! Rules are found by path, not tried one by one: an exact path is one look into
//! a table, a prefix one for each segment of the request's path, however many
//! rules there are. Only rules without a path are tried in turn.

use crate::config::{GrpcMethod, HeaderMatcher, HttpMatch, Match, PathMatch};
use crate::grpc;
use crate::headers::CONTENT_TYPE;
use crate::probe::Probe;
use crate::request::{RequestHead, without_query};
use std::collections::HashMap;
use std::rc::Rc;

/// The place of a rule in the configuration: the first that matches wins.
type RuleNumber = usize;

/// All rules, ready to be found.
#[derive(Debug, Default)]
pub struct Recogniser {
    exact: HashMap<Vec<u8>, Vec<RuleNumber>>,
    prefix: HashMap<Vec<u8>, Vec<RuleNumber>>,
    anywhere: Vec<RuleNumber>,
    http: HashMap<RuleNumber, HttpRule>,
    grpc: Vec<(Vec<GrpcMethod>, Rc<Probe>)>,
    rules: RuleNumber,
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
    /// The method, where it is a gRPC health call.
    pub method: Option<GrpcMethod>,
}

impl Recogniser {
    /// Adds the next rule.
    pub fn add(&mut self, matcher: Match, probe: Rc<Probe>) {
        let number = self.rules;
        self.rules += 1;
        match matcher {
            Match::Grpc(matcher) => self.grpc.push((matcher.methods, probe)),
            Match::Http(HttpMatch { path, methods, headers }) => {
                self.http.insert(number, HttpRule { methods, headers, probe });
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
        let called = grpc::health_method(path);
        called
            .and_then(|method| self.recognise_grpc(request, method))
            .or_else(|| self.recognise_http(request, path))
    }

    fn recognise_grpc(&self, request: &impl RequestHead, method: GrpcMethod) -> Option<Recognised> {
        let (_, probe) = self.grpc.iter().find(|(methods, _)| methods.contains(&method))?;
        let content_type = request.header(CONTENT_TYPE)?;
        grpc::is_grpc(&content_type)
            .then(|| Recognised { probe: Rc::clone(probe), method: Some(method) })
    }

    fn recognise_http(&self, request: &impl RequestHead, path: &[u8]) -> Option<Recognised> {
        let candidates = self.with_path(path);
        if candidates.is_empty() {
            return None;
        }
        let method = request.method()?;
        let rule = candidates
            .iter()
            .filter_map(|number| self.http.get(number))
            .find(|rule| rule.accepts(&method, request))?;
        Some(Recognised { probe: Rc::clone(&rule.probe), method: None })
    }

    /// The rules whose condition on the path holds, in their order.
    fn with_path(&self, path: &[u8]) -> Vec<RuleNumber> {
        let mut found = self.anywhere.clone();
        // Each list is in order, so nearly all go to the end.
        let mut add = |numbers: &Vec<RuleNumber>| {
            for number in numbers {
                found.insert(found.partition_point(|earlier| earlier < number), *number);
            }
        };
        self.exact.get(path).into_iter().for_each(&mut add);
        if !self.prefix.is_empty() {
            prefixes(path).filter_map(|prefix| self.prefix.get(prefix)).for_each(add);
        }
        found
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
