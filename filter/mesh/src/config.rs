//! The configuration of the hub: read strictly, every mistake at once, as the filter's.
//!
//! An unknown key, a wrong type, a contradiction or a dangling name rejects all of it. What
//! can be told at load isn't left to be found out in production.

mod credentials;
mod keys;
mod metadata;
mod services;
mod sources;
mod webhooks;

use crate::asking::Asks;
use crate::recovery::RecoveryRule;
use crate::source::SourceRule;
use crate::table::{ServiceId, ServiceRule};
use crate::webhook::WebhookRule;
use heartbeat_common::base::environment::Variables;
use heartbeat_common::base::time::nanos;
use heartbeat_common::base::units::{Rate, parse_duration, parse_rate, parse_size};
use heartbeat_common::clients::cidr::Cidr;
use heartbeat_common::clients::{self, AddressSource, Clients};
use heartbeat_common::reader::object::Object;
use heartbeat_common::reader::tree::Json;
use heartbeat_common::reader::values::positive;
use heartbeat_common::reader::{Notes, Reader};
use heartbeat_common::state::fingerprint;
use std::time::Duration;

pub use heartbeat_common::reader::errors::{ConfigError, ConfigErrors};

/// The longest that a request is held: what keeps connections alive between a client and a
/// hub mostly counts minutes.
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// Whoever is held for less only asks more often.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);
const SLOWEST_PACE: Duration = Duration::from_secs(1);
/// An event has some 200 bytes.
const SMALLEST_BODY: usize = 1_024;
/// What a listener of Envoy buffers unless it is told otherwise.
const LARGEST_BODY: usize = 1_024 * 1_024;

/// A configuration that holds together.
#[derive(Clone, Debug, PartialEq)]
pub struct HubConfig {
    /// The services, by [`ServiceId`].
    pub services: Vec<ServiceRule>,
    /// The sources, by [`SourceId`](crate::table::SourceId).
    pub sources: Vec<Source>,
    /// How long what was dead has to prove itself.
    pub recover: RecoveryRule,
    /// Who may read verdicts and assignments.
    pub readers: Clients,
    /// How long an Envoy that knows everything is kept waiting.
    pub hold: Duration,
    /// How often what has changed goes out.
    pub publish_every: Duration,
    /// How much the hub takes.
    pub limits: Limits,
    /// Who is told of changes.
    pub webhooks: Vec<WebhookRule>,
    fingerprint: u64,
}

/// A source as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// How far it is trusted, and how it comes to speak.
    pub rule: SourceRule,
    /// Whoever speaks for it, where it posts.
    pub allow: Option<Clients>,
    /// What it is asked, where it doesn't.
    pub asks: Option<Asks>,
    /// The service that its events are of unless they name it, or of the instance that is
    /// asked.
    pub service: Option<ServiceId>,
    /// The instance that is asked.
    pub instance: Option<String>,
}

/// How much the hub takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instances of all services together.
    pub instances: usize,
    /// Events in a request.
    pub batch: usize,
    /// Bytes of a request's body.
    pub body: usize,
    /// Requests of each source.
    pub rate: Rate,
    /// Requests that are held at once, on all workers together.
    pub waiters: usize,
}

impl HubConfig {
    /// Reads a configuration from the bytes of `configuration`, which may refer to these
    /// variables.
    ///
    /// # Errors
    /// Every mistake, with its place and mend.
    pub fn from_bytes(bytes: &[u8], variables: Variables) -> Result<Self, ConfigErrors> {
        let text = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
        let json = Json::read(text)?;
        let notes = Notes::new(&json).with(variables);
        let config = Self::read(&Reader::root(&notes).object(keys::ROOT), fingerprint(&json));
        let errors = notes.into_errors();
        if errors.0.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// The same for all configurations that are written alike but for blanks.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn read(root: &Object<'_>, fingerprint: u64) -> Self {
        for (key, word) in NOT_YET {
            if let Some(reader) = root.get(key) {
                reader.error(*word);
            }
        }
        let limits = read_limits(&root.object("limits"));
        let services = services::read(root, &limits);
        Self {
            sources: sources::read(root, &services),
            services: services.into_iter().flatten().collect(),
            recover: read_recover(&root.object("recover")),
            readers: root.optional_object("readers", clients::read).unwrap_or_else(this_machine),
            hold: root.value("hold", hold),
            publish_every: root.value("publish_every", pace),
            limits,
            webhooks: webhooks::read(root),
            fingerprint,
        }
    }
}

/// What was promised, and is refused until it is there: to take it without a word would be
/// worse.
const NOT_YET: &[(&str, &str)] =
    &[("backend", "isn't there yet: everything is in memory; leave it out")];

/// Those who connect from this machine, with no proxy between that could have hidden others.
fn this_machine() -> Clients {
    let cidrs = ["127.0.0.0/8", "::1"].iter().filter_map(|range| Cidr::parse(range).ok());
    Clients { cidrs: cidrs.collect(), address: AddressSource::Connection, principals: Vec::new() }
}

fn read_recover(object: &Object<'_>) -> RecoveryRule {
    let (after, at_most) = (object.value("after", positive), object.value("at_most", positive));
    if after > at_most
        && let Some(reader) = object.get("at_most").or_else(|| object.get("after"))
    {
        reader.error(format!(
            "\"at_most\" is {}ms, and \"after\" is {}ms; write an \"at_most\" that is no shorter",
            at_most.as_millis(),
            after.as_millis()
        ));
    }
    RecoveryRule { after: nanos(after), at_most: nanos(at_most) }
}

fn read_limits(object: &Object<'_>) -> Limits {
    let count = |name| object.count(name) as usize;
    Limits {
        instances: count("instances"),
        batch: count("batch"),
        body: object.value("body", body),
        rate: object.optional("rate", parse_rate).unwrap_or(NO_RATE),
        waiters: count("waiters"),
    }
}

/// Stands in the place of a mistake.
const NO_RATE: Rate = Rate { count: 0, per: Duration::ZERO };

fn hold(text: &str) -> Result<Duration, String> {
    let hold = parse_duration(text)?;
    if (SHORTEST_HOLD..=LONGEST_HOLD).contains(&hold) {
        return Ok(hold);
    }
    Err(r#"is out of range; write "1s" to "60s""#.to_owned())
}

fn pace(text: &str) -> Result<Duration, String> {
    let pace = parse_duration(text)?;
    if pace.is_zero() || pace > SLOWEST_PACE {
        return Err(r#"is out of range; write "1ms" to "1s""#.to_owned());
    }
    Ok(pace)
}

fn body(text: &str) -> Result<usize, String> {
    let size = parse_size(text)?;
    if (SMALLEST_BODY..=LARGEST_BODY).contains(&size) {
        return Ok(size);
    }
    Err(r#"is out of range; write "1KiB" to "1MiB""#.to_owned())
}

#[cfg(test)]
mod tests;
