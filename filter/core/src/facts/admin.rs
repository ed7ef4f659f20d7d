//! What Envoy's admin interface shows of the proxy and of its clusters.

use crate::base::metric::GaugeId;
use crate::base::time::{Instant, nanos};
use crate::guards::upstream::Protocols;
use crate::matching::paths::{Numbers, number};
use crate::state::sliding::{Sums, count_at};
use crate::state::{Cell, Decoder, Encoder, Shared, State};
use serde::Deserialize;
use std::time::Duration;

/// How Envoy's admin interface is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdminRule {
    /// The Envoy cluster that leads to it.
    pub cluster: String,
    /// How often it is asked.
    pub interval: Duration,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// Whose connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HandshakeSide {
    /// Those of clients and those to the clusters that matter.
    #[default]
    Both,
    /// Only those to the clusters: strangers can't spoil them.
    Upstream,
}

/// Envoy's admin interface.
#[derive(Debug)]
pub struct Admin {
    pub(crate) rule: AdminRule,
    /// The clusters whose hosts are of interest.
    pub(crate) clusters: Vec<String>,
    /// What is asked, as [`admin::path`] has it.
    pub(crate) path: String,
    pub(crate) state: Shared<AdminState>,
    pub(crate) round: Cell,
    /// 1 while it is read, 0 once it can't be.
    pub(crate) up: GaugeId,
}

/// Connections that were tried, and those of them that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// All of them.
    pub tried: u64,
    /// Those that came to nothing.
    pub failed: u64,
}

impl Handshakes {
    /// What was added since an `earlier` count; nothing where a counter began anew.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        let tried = self.tried.saturating_sub(earlier.tried);
        Self { tried, failed: self.failed.saturating_sub(earlier.failed).min(tried) }
    }
}

impl Sums for Handshakes {
    fn to_numbers(&self) -> Vec<f64> {
        vec![self.tried as f64, self.failed as f64]
    }

    fn of_numbers(numbers: &[f64]) -> Self {
        Self { tried: count_at(numbers, 0), failed: count_at(numbers, 1) }
    }
}

/// The hosts of a cluster, as Envoy counts them.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// All of them.
    pub total: u64,
    /// The healthy ones.
    pub healthy: u64,
    /// Those that are healthy, but degraded.
    pub degraded: u64,
    /// Envoy lists none of them, and has never looked for any: of an aggregate or a
    /// dynamic_forward_proxy cluster and of one with original destinations it shows no
    /// more than of a static cluster without hosts.
    pub unlisted: bool,
    /// How many requests went to them, ever.
    pub requests: u64,
    /// How many connections to them were tried, ever, and how many came to nothing.
    pub connections: Handshakes,
}

/// What was seen at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Whether the proxy takes traffic: `/healthcheck/fail` and a stop of all
    /// listeners say no.
    pub live: bool,
    /// The clusters that are asked for, in their order; `None` for one that
    /// Envoy doesn't know.
    pub clusters: Vec<Option<Membership>>,
    /// The handshakes of clients, ever.
    pub handshakes: Handshakes,
}

impl View {
    /// The connections to all of the clusters, ever.
    pub fn connections(&self) -> Handshakes {
        let connections = self.clusters.iter().flatten().map(|cluster| cluster.connections);
        connections.fold(Handshakes::default(), |all, more| all.and(&more))
    }
}

/// What all workers know of the admin interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminState {
    /// The last view, and when it was taken.
    pub seen: Option<(View, Instant)>,
    /// How many attempts in a row have failed.
    pub failures: u64,
    /// The last of them was answered, but [without what is asked](HIDDEN).
    pub hidden: bool,
}

/// How often in a row the admin interface must fail to be called unreachable: then what
/// it last showed is stale.
pub const UNREACHABLE: u64 = 3;

impl AdminState {
    /// The last view, while it can be relied on.
    pub fn fresh(&self, rule: &AdminRule, now: Instant) -> Option<&View> {
        let (view, at) = self.seen.as_ref()?;
        let stale =
            crate::facts::check::is_stale(*at, nanos(rule.interval), nanos(rule.timeout), now);
        (!stale).then_some(view)
    }

    /// Whether it is too early to know anything.
    pub fn is_pending(&self) -> bool {
        self.seen.is_none() && self.failures < UNREACHABLE
    }
}

const LIVE: &str = "server.live";
/// What is wrong with statistics that have been filtered.
pub const HIDDEN: &str = "it shows no server.live: a stats_matcher hides that";
const STOPPED: &str = "listener_manager.listener_stopped";

/// The path that shows what is needed of these clusters: their hosts, and where
/// there is a score what it needs of connections too. It is open at its end, for
/// [`with_unknown`].
/// <https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--stats>
pub fn path(clusters: &[String], score: Option<HandshakeSide>) -> String {
    let mut filter = r"^(server\.live|listener_manager\.listener_stopped".to_owned();
    if !clusters.is_empty() {
        let names = alternatives(clusters);
        let more = if score.is_some() {
            "|upstream_(rq_total|cx_(total|connect_fail|protocol_error))"
        } else {
            ""
        };
        // Istio ends the names of its clusters with a semicolon.
        filter.push_str(&format!(
            r"|cluster\.({names});?\.(membership_(total|healthy|degraded)|update_attempt{more})"
        ));
    }
    if score == Some(HandshakeSide::Both) {
        filter.push_str(r"|http\..+\.downstream_cx_(total|protocol_error)");
        filter.push_str(r"|listener\..+\.ssl\.(connection_error|fail_verify_.+)");
    }
    format!("/stats?format=json&filter={}", percent_encode(&filter))
}

/// A [`path`] that also shows which protocols these clusters speak.
pub fn with_unknown(path: &str, clusters: &[String]) -> String {
    let end = match clusters {
        [] => ")$".to_owned(),
        _ => format!(r"|cluster\.({});?\.upstream_cx_http[123]_total)$", alternatives(clusters)),
    };
    [path, &percent_encode(&end)].concat()
}

fn alternatives(clusters: &[String]) -> String {
    let names: Vec<String> = clusters.iter().map(|name| escape(&stat_name(name))).collect();
    names.join("|")
}

/// How Envoy's statistics write the name of a cluster.
fn stat_name(cluster: &str) -> String {
    cluster.replace(':', "_")
}

/// A regular expression (RE2) for exactly this text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() && character != '_' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// For a query string (RFC 3986, section 2.1).
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'_' | b'-' | b'.' | b'~' => encoded.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What the admin interface shows under [`path`].
#[derive(Deserialize)]
pub struct Stats {
    stats: Vec<Stat>,
    /// Where each is, by its name: there are several for each cluster.
    #[serde(skip)]
    places: Numbers,
}

#[derive(Deserialize)]
struct Stat {
    name: String,
    value: u64,
}

impl Stats {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let mut read: Self =
            serde_json::from_slice(body).map_err(|error| format!("no statistics: {error}"))?;
        for (place, stat) in read.stats.iter().enumerate() {
            number(&mut read.places, stat.name.as_bytes(), place);
        }
        Ok(read)
    }

    fn value(&self, name: &str) -> Option<u64> {
        let place = self.places.get(name.as_bytes())?.first()?;
        self.stats.get(*place).map(|stat| stat.value)
    }

    /// What they say of a cluster.
    fn of_cluster(&self, cluster: &str, what: &str) -> Option<u64> {
        let name = stat_name(cluster);
        self.value(&format!("cluster.{name}.{what}"))
            .or_else(|| self.value(&format!("cluster.{name};.{what}")))
    }

    /// What they show of the proxy and of these clusters.
    ///
    /// # Errors
    /// What is missing.
    pub fn view(&self, clusters: &[String]) -> Result<View, String> {
        let live = self.value(LIVE).ok_or(HIDDEN)?;
        let stopped = self.value(STOPPED).unwrap_or_default();
        let clusters = clusters.iter().map(|cluster| self.membership(cluster)).collect();
        let handshakes = handshakes(&self.stats);
        Ok(View { live: live != 0 && stopped == 0, clusters, handshakes })
    }

    fn membership(&self, cluster: &str) -> Option<Membership> {
        let gauge = |what| self.of_cluster(cluster, what);
        let total = gauge("membership_total")?;
        Some(Membership {
            total,
            unlisted: total == 0 && gauge("update_attempt") == Some(0),
            healthy: gauge("membership_healthy")?,
            degraded: gauge("membership_degraded").unwrap_or_default(),
            requests: gauge("upstream_rq_total").unwrap_or_default(),
            connections: Handshakes {
                tried: gauge("upstream_cx_total").unwrap_or_default(),
                failed: gauge("upstream_cx_connect_fail")
                    .unwrap_or_default()
                    .saturating_add(gauge("upstream_cx_protocol_error").unwrap_or_default()),
            },
        })
    }

    /// The protocols that a cluster has been spoken to in; `None` where they show none.
    pub fn protocols(&self, cluster: &str) -> Option<Protocols> {
        let spoken = |version| {
            let total = self.of_cluster(cluster, &format!("upstream_cx_http{version}_total"));
            total.is_some_and(|total| total > 0)
        };
        match (spoken(1), spoken(2) || spoken(3)) {
            (true, false) => Some(Protocols::Http1),
            (false, true) => Some(Protocols::Multiplexed),
            (true, true) => Some(Protocols::Mixed),
            (false, false) => None,
        }
    }
}

/// The connections of clients that HTTP connection managers had, and those of them
/// whose TLS or HTTP came to nothing. Those of the admin interface are its own.
fn handshakes(stats: &[Stat]) -> Handshakes {
    let mut all = Handshakes::default();
    for Stat { name, value } in stats.iter().filter(|stat| !stat.name.starts_with("http.admin.")) {
        let (tried, failed) = match name {
            name if name.starts_with("http.") && name.ends_with("_cx_total") => (*value, 0),
            name if name.starts_with("http.") || name.starts_with("listener.") => (0, *value),
            _ => continue,
        };
        all = all.and(&Handshakes { tried, failed });
    }
    all
}

impl State for AdminState {
    fn expires(&self) -> Instant {
        self.seen.as_ref().map_or(Instant::ZERO, |(_, at)| *at + crate::facts::check::WORTH_KEEPING)
    }

    fn encode(&self, to: &mut Encoder) {
        to.number(self.failures).number(u64::from(self.hidden));
        to.optional(self.seen.as_ref(), |to, (view, at)| {
            to.instant(*at).number(u64::from(view.live)).number(view.clusters.len() as u64);
            for cluster in &view.clusters {
                to.optional(cluster.as_ref(), |to, hosts| {
                    to.number(hosts.total).number(hosts.healthy).number(hosts.degraded);
                    to.number(u64::from(hosts.unlisted)).number(hosts.requests);
                    encode(hosts.connections, to);
                });
            }
            encode(view.handshakes, to);
        });
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let (failures, hidden) = (from.number()?, from.number()? != 0);
        let seen = from.optional(|from| {
            let (at, live) = (from.instant()?, from.number()? != 0);
            let length = from.number()?;
            let clusters = (0..length).map(|_| {
                from.optional(|from| {
                    Some(Membership {
                        total: from.number()?,
                        healthy: from.number()?,
                        degraded: from.number()?,
                        unlisted: from.number()? != 0,
                        requests: from.number()?,
                        connections: decode(from)?,
                    })
                })
            });
            let clusters = clusters.collect::<Option<_>>()?;
            Some((View { live, clusters, handshakes: decode(from)? }, at))
        });
        Some(Self { seen: seen?, failures, hidden })
    }
}

fn encode(handshakes: Handshakes, to: &mut Encoder) {
    to.number(handshakes.tried).number(handshakes.failed);
}

fn decode(from: &mut Decoder<'_>) -> Option<Handshakes> {
    Some(Handshakes { tried: from.number()?, failed: from.number()? })
}
