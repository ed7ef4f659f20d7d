//! What the hub is asked over HTTP, and what it answers.

use heartbeat_common::http::edits::Reply;
use heartbeat_common::http::headers::{CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

pub mod documents;

/// How long a subscriber may wait for a change at most.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The largest `DiscoveryRequest` that is taken, in bytes: Envoy's have some 77 KB.
pub const LARGEST_QUESTION: usize = 512 * 1_024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `POST /mesh/v1/health/events`.
    Events,
    /// `GET /mesh/v1/health`.
    Health,
    /// `GET /mesh/v1/health/{service}`.
    Service(String),
    /// `GET /mesh/v1/health/{service}/{instance}`.
    Instance(String, String),
    /// `GET /mesh/v1/health/subscribe`.
    Subscribe(Subscription),
    /// `GET /mesh/v1/topology`.
    Topology,
    /// `GET /mesh/`: the heat map, which the listener's routes serve to those who may read.
    Page,
    /// `GET /mesh/v1/ready`: whether the hub has something to say.
    Ready,
    /// `POST /v3/discovery:endpoints`.
    Assignment,
}

/// What a subscriber waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Of this service alone; of all where it is empty.
    pub service: String,
    /// What it knows already.
    pub index: Option<u64>,
    /// How long it waits.
    pub wait: Duration,
}

/// Why a request isn't answered as it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status of HTTP.
    pub status: u16,
    /// What is wrong, and how it is mended.
    pub error: Cow<'static, str>,
    /// The part of the request that is wrong; empty where it is none.
    pub field: &'static str,
    /// The method that would be right: the `allow` of a 405 (RFC 9110, section 15.5.6).
    pub allow: &'static str,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: u16, error: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error: error.into(), field: "", allow: "" }
    }

    /// The same, of this part of the request.
    pub fn of(self, field: &'static str) -> Self {
        Self { field, ..self }
    }

    /// The answer: `{"error": "…", "field": "…"}`, and when to come back where that helps.
    pub fn reply(&self) -> Reply {
        let mut headers = vec![(CONTENT_TYPE, b"application/json".to_vec())];
        if !self.allow.is_empty() {
            headers.push((ALLOW, self.allow.into()));
        }
        if matches!(self.status, 429 | 503) {
            headers.push((RETRY_AFTER, b"1".to_vec()));
        }
        let body = ProblemBody { error: &self.error, field: self.field };
        reply(self.status, headers, written(&body))
    }
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'static str,
}

/// A document in JSON. None of the hub's has anything in it that can't be written.
pub fn written(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

/// An answer in JSON.
pub fn json(status: u16, body: Vec<u8>) -> Reply {
    reply(status, vec![(CONTENT_TYPE, b"application/json".to_vec())], body)
}

/// An answer with these headers. `%RESPONSE_CODE_DETAILS%` follows from its status.
pub fn reply(status: u16, headers: Vec<(&'static str, Vec<u8>)>, body: Vec<u8>) -> Reply {
    Reply { status, headers: headers.into(), body, grpc_status: None, details: details(status) }
}

const ALLOW: &str = "allow";

/// The reason of an answer, for `%RESPONSE_CODE_DETAILS%`.
pub const fn details(status: u16) -> &'static str {
    match status {
        200 => "heartbeat_mesh_read",
        202 => "heartbeat_mesh_accepted",
        304 => "heartbeat_mesh_unchanged",
        400 => "heartbeat_mesh_malformed",
        403 => "heartbeat_mesh_denied",
        404 => "heartbeat_mesh_not_found",
        405 => "heartbeat_mesh_method",
        408 => "heartbeat_mesh_overdue",
        413 => "heartbeat_mesh_too_large",
        415 => "heartbeat_mesh_media_type",
        429 => "heartbeat_mesh_limited",
        500 => "heartbeat_mesh_hidden",
        _ => "heartbeat_mesh_unavailable",
    }
}

const HEALTH: &str = "/mesh/v1/health";
const WEBHOOKS: &str = "whom the hub calls stands in its configuration (\"webhooks\"): an outsider must not make it call addresses; to wait for changes use GET";

/// Finds out what is asked for.
///
/// # Errors
/// Nothing of that kind is to be had, or not by this method.
pub fn route(method: &[u8], target: &[u8]) -> Result<Route, Problem> {
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(at) => {
            (target.get(..at).unwrap_or_default(), target.get(at + 1..).unwrap_or_default())
        }
        None => (target, &[] as &[u8]),
    };
    let allows = |allow: &'static str, route: Route| {
        let is_allowed = method == allow.as_bytes() || (allow == "GET" && method == b"HEAD");
        let error = format!("this takes {allow}");
        if is_allowed { Ok(route) } else { Err(Problem { allow, ..Problem::new(405, error) }) }
    };
    let unknown = || Problem::new(404, "there is nothing here");
    if path == b"/v3/discovery:endpoints" {
        return allows("POST", Route::Assignment);
    }
    if path == b"/mesh/v1/ready" {
        return allows("GET", Route::Ready);
    }
    if path == b"/mesh/v1/topology" {
        return allows("GET", Route::Topology);
    }
    if path == b"/mesh/" {
        return allows("GET", Route::Page);
    }
    let below = path.strip_prefix(HEALTH.as_bytes()).ok_or_else(unknown)?;
    if below.is_empty() || below == b"/" {
        return allows("GET", Route::Health);
    }
    let below = below.strip_prefix(b"/").ok_or_else(unknown)?;
    match below {
        b"events" => return allows("POST", Route::Events),
        b"subscribe" if method == b"POST" => {
            return Err(Problem { allow: "GET", ..Problem::new(405, WEBHOOKS) });
        }
        b"subscribe" => return allows("GET", Route::Subscribe(subscription(query)?)),
        _ => {}
    }
    let mut parts = below.split(|byte| *byte == b'/').map(decoded);
    let no_text = || Problem::new(400, "the path isn't UTF-8");
    let mut part = || parts.next().map(|part| part.ok_or_else(no_text)).transpose();
    let service = part()?.ok_or_else(unknown)?;
    match (part()?, part()?) {
        (None, _) => allows("GET", Route::Service(service)),
        (Some(instance), None) => allows("GET", Route::Instance(service, instance)),
        (Some(_), Some(_)) => {
            Err(Problem::new(404, "there is nothing here: a \"/\" in a name is %2F in a path"))
        }
    }
}

fn subscription(query: &[u8]) -> Result<Subscription, Problem> {
    let mut read = Subscription { wait: LONGEST_WAIT, ..Subscription::default() };
    for pair in query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (pair.get(..at).unwrap_or_default(), pair.get(at + 1..));
        let value = decoded(value.unwrap_or_default())
            .ok_or_else(|| Problem::new(400, "the query isn't UTF-8"))?;
        match name {
            b"service" => read.service = value,
            b"index" => {
                let index = value.parse().map_err(|_| {
                    Problem::new(400, "must be a whole number, as the last answer gave it")
                        .of("index")
                })?;
                read.index = Some(index);
            }
            b"wait" => {
                let wait = heartbeat_common::base::units::parse_duration(&value);
                let wait =
                    wait.map_err(|_| Problem::new(400, "write it like \"25s\"").of("wait"))?;
                read.wait = wait.min(LONGEST_WAIT);
            }
            _ => {}
        }
    }
    Ok(read)
}

/// Percent-decoded (RFC 3986, section 2.1); `None` where that isn't UTF-8.
fn decoded(part: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.first_chunk::<2>().filter(|_| *first == b'%');
        let escaped = escaped
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let (byte, length) = escaped.map_or((*first, 1), |byte| (byte, 3));
        bytes.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
