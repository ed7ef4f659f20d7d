//! The plugin configuration: read strictly, every mistake at once.
//!
//! An unknown key, a wrong type, a contradiction or a dangling name rejects the
//! whole configuration. [`Config::parse`] walks on after a mistake, so that one
//! look at the log names all of them.

mod counters;
mod errors;
mod guards;
mod matchers;
mod matching;
mod probes;
mod reader;
mod tree;

pub use counters::{CounterRule, StatusPattern};
pub use errors::{ConfigError, ConfigErrors};
pub use guards::{AllowRule, BreakerRule, CacheRule, LimitRule, OnLimit, Otherwise};
pub use matchers::{HeaderMatcher, HeaderTest};
pub use matching::{GrpcMatch, GrpcMethod, HttpMatch, Match, PathMatch};
pub use probes::{Action, Connection, ProbeRule};

use reader::Reader;
use std::cell::RefCell;
use tree::Json;

/// The probe rules in force when a configuration names none, in the
/// configuration's own language.
pub const DEFAULT_PROBES: &str = include_str!("default_probes.json");

/// A configuration that holds together.
#[derive(Debug, PartialEq)]
pub struct Config {
    /// Probe rules, tried in this order.
    pub probes: Vec<ProbeRule>,
    /// Custom counters.
    pub counters: Vec<CounterRule>,
}

impl Config {
    /// Reads a configuration from the bytes of `pluginConfig`.
    ///
    /// No bytes and `{}` mean the defaults.
    ///
    /// # Errors
    /// Every mistake, in the order of the text, each with its place and mend.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigErrors> {
        let text = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
        let json = read_json(text)?;
        let errors = RefCell::new(ConfigErrors::default());
        let config = Self::read(&Reader::root(&json, &errors));
        let errors = errors.into_inner();
        match config {
            Some(config) if errors.0.is_empty() => Ok(config),
            _ => Err(errors),
        }
    }

    fn read(root: &Reader<'_>) -> Option<Self> {
        let object = root.object(&["probes", "counters"])?;
        let probes = match object.get("probes") {
            Some(list) => probes::read(&list),
            None => Some(default_probes()),
        };
        let counters =
            object.get("counters").map_or(Some(Vec::new()), |list| counters::read(&list));
        Some(Self { probes: probes?, counters: counters? })
    }
}

fn read_json(text: &[u8]) -> Result<Json, ConfigErrors> {
    serde_json::from_slice(text).map_err(|error| {
        ConfigErrors(vec![ConfigError {
            place: String::new(),
            problem: format!("isn't JSON: {error}; in Envoy, write it as a google.protobuf.StringValue that holds a JSON object"),
        }])
    })
}

fn default_probes() -> Vec<ProbeRule> {
    let errors = RefCell::new(ConfigErrors::default());
    read_json(DEFAULT_PROBES.as_bytes())
        .ok()
        .and_then(|json| probes::read(&Reader::root(&json, &errors)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
