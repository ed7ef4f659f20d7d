//! The plugin configuration: read strictly, every mistake at once.
//!
//! An unknown key, a wrong type, a contradiction or a dangling name rejects the
//! whole configuration. [`Config::parse`] walks on after a mistake, so that one
//! look at the log names all of them.

mod checks;
mod counters;
mod evidence;
mod guards;
mod inspect;
mod keys;
mod matchers;
mod matching;
mod probes;
mod publish;
mod score;
mod statuses;

pub use crate::reader::errors::{ConfigError, ConfigErrors};

use crate::base::environment::Variables;
use crate::counters::rule::CounterRule;
use crate::facts::admin::AdminRule;
use crate::facts::check::CheckRule;
use crate::probe::ProbeRule;
use crate::publish::rule::PublishRule;
use crate::reader::object::Object;
use crate::reader::tree::Json;
use crate::reader::values::exact_path;
use crate::reader::{Notes, Reader};
use crate::score::ScoreRule;

/// The probe rules in force when a configuration names none, in the
/// configuration's own language.
pub const DEFAULT_PROBES: &str = include_str!("default_probes.json");

/// A configuration that holds together.
#[derive(Debug, PartialEq)]
pub struct Config {
    /// Probe rules, tried in this order.
    pub probes: Vec<ProbeRule>,
    /// They are the defaults, because the configuration names none.
    pub default_probes: bool,
    /// Background checks.
    pub checks: Vec<CheckRule>,
    /// Where Envoy's admin interface is; without it, it isn't polled.
    pub admin: Option<AdminRule>,
    /// The path whose route leads to the loopback responder, which brings messages
    /// of gRPC on their way; `None` where there is no responder.
    pub grpc_replies: Option<String>,
    /// What the health score goes by; without it none is kept.
    pub score: Option<ScoreRule>,
    /// Custom counters.
    pub counters: Vec<CounterRule>,
    /// Hubs that are told how an instance is.
    pub publish: Vec<PublishRule>,
}

impl Config {
    /// Reads a configuration from the bytes of `pluginConfig`.
    ///
    /// No bytes and `{}` mean the defaults.
    ///
    /// # Errors
    /// Every mistake, in the order of the text, each with its place and mend.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigErrors> {
        Self::parse_with(bytes, Variables::default())
    }

    /// The same where it may refer to these variables.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_with(bytes: &[u8], variables: Variables) -> Result<Self, ConfigErrors> {
        let text = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
        let json = Json::read(text)?;
        let notes = Notes::new(&json).with(variables);
        let config = Self::read(&Reader::root(&notes).object(keys::ROOT));
        let errors = notes.into_errors();
        if errors.0.is_empty() { Ok(config) } else { Err(errors) }
    }

    fn read(root: &Object<'_>) -> Self {
        let default_probes = !root.has("probes");
        let probes = if default_probes { read_default_probes() } else { probes::read(root) };
        let config = Self {
            publish: publish::read(root, &probes),
            probes,
            default_probes,
            checks: checks::read(root),
            admin: root.optional_object("admin", checks::read_admin),
            score: root.optional_object("score", score::read),
            grpc_replies: root
                .optional_object("grpc_replies", |replies| replies.value("path", exact_path)),
            counters: counters::read(root),
        };
        refuse_dangling(root);
        config
    }
}

/// Evidence must come from somewhere. Looks at what is written, so that it has
/// its say about a configuration with other mistakes too.
fn refuse_dangling(root: &Object<'_>) {
    let items = |key| root.get(key).map(|list| list.items()).unwrap_or_default();
    let checks = items("checks");
    let names: Vec<_> = checks.iter().filter_map(|check| check.member("name")?.text()).collect();
    let publishers = root.get("publish").map(|it| it.items_or_self()).unwrap_or_default();
    for rule in items("probes").into_iter().chain(publishers) {
        for item in rule.member("when").map(|list| list.items()).unwrap_or_default() {
            if let Some(name) = item.member("check").and_then(|name| name.text())
                && !names.contains(&name)
            {
                item.error(no_such_check(name, &names));
            }
            let needs_admin =
                ["server", "cluster", "clusters"].iter().any(|key| item.member(key).is_some());
            if item.member("score").is_some() && !root.has("score") {
                item.error(r#"needs the score; add "score": {} to the configuration"#);
            }
            if needs_admin && !root.has("admin") {
                item.error(
                    r#"needs the admin interface; add "admin": { "cluster": "envoy_admin" } to the configuration"#,
                );
            }
        }
    }
}

fn no_such_check(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("no check is called {name:?}; add it to \"checks\"");
    }
    format!("no check is called {name:?}; there are: {}", known.join(", "))
}

fn read_default_probes() -> Vec<ProbeRule> {
    let Ok(json) = Json::read(DEFAULT_PROBES.as_bytes()) else { return Vec::new() };
    probes::read_rules(&Reader::root(&Notes::new(&json)).items())
}

#[cfg(test)]
mod tests;
