//! What is known of an upstream cluster: whether probes may ask it to close their
//! connections.
//!
//! CloseRequest can do harm, and Envoy tells a filter nothing that would say where:
//!
//! - Over HTTP/2 a `connection` header makes a request malformed (RFC 9113, section
//!   8.2.2). An Envoy on the other side ends the whole connection, with all that is under
//!   way on it.
//! - Over HTTP/1.1 a server may close without announcing it in its answer (RFC 9112,
//!   section 9.6, says no more than that it should). Envoy then keeps a dead connection in
//!   its pool, and the next request fails on it.
//!
//! So nobody asks before the cluster is known to speak HTTP/1.1; then one probe tries; and
//! from there on all ask, for as long as the answers announce the close. As a cluster may
//! speak what its clients speak, each protocol of clients is known by itself.

use crate::base::metric::{CounterId, CountersBy, LabelValue, Registry};
use crate::base::signals::Signals;
use crate::base::time::{HOUR, Instant, Nanos};
use crate::state::{
    Cell, Cells, Change, Context, Decoder, Encoder, Lease, Notice, SharedStore, State, key, update,
};

/// The protocols that a cluster has been spoken to in.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 or HTTP/3, and never HTTP/1.1: many requests share a connection.
    Multiplexed,
    /// Both.
    Mixed,
}

/// What is known of a cluster for clients of one protocol, shared by all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    stage: Stage,
    /// The one probe that tries.
    trial: Lease,
    /// The last probe that asked got no answer: its connection ended.
    terminated: bool,
    /// When the admin interface was to be asked; 0 for never.
    listed: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing has shown which protocol it speaks.
    #[default]
    Unknown,
    /// It speaks HTTP/1.1 to some and HTTP/2 to others: only its answers can tell.
    Mixed,
    /// It speaks HTTP/1.1, and nobody has asked it yet.
    Http1,
    /// It announces that it closes.
    Announces,
    /// Nobody asks it any more.
    Spared,
}

/// Whether a probe asks for its connection to be closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CloseRequest {
    /// It doesn't.
    #[default]
    No,
    /// It does, as the first one.
    Trial,
    /// It does, as others before it.
    Yes,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseResult {
    /// The answer announces the close.
    Announced,
    /// The answer doesn't announce it.
    Unannounced,
    /// The connection ended before there was an answer.
    Terminated,
    /// The request or what came back was no HTTP to the other side.
    ProtocolError,
}

impl CloseResult {
    /// All of them, in the order of their metrics.
    pub const ALL: [Self; 4] =
        [Self::Announced, Self::Unannounced, Self::Terminated, Self::ProtocolError];

    /// Its name in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Unannounced => "unannounced",
            Self::Terminated => "terminated",
            Self::ProtocolError => "protocol_error",
        }
    }

    /// Why it ends the asking, for the log.
    fn reason(self) -> &'static str {
        match self {
            Self::Announced => "",
            Self::Unannounced => "doesn't announce in its answers that it closes",
            Self::Terminated => "ended two connections in a row without an answer",
            Self::ProtocolError => "answered with what is no HTTP, or speaks HTTP/2",
        }
    }
}

impl LabelValue for CloseResult {
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

/// How long the admin interface is left alone about a cluster that it didn't tell of, in
/// nanoseconds.
const LIST_AGAIN: Nanos = 10_000_000_000;

impl Upstream {
    /// Whether a probe asks; the one that tries has `lease_for` nanoseconds to come to an
    /// end.
    pub fn ask(&mut self, now: Instant, token: u64, lease_for: Nanos) -> CloseRequest {
        match self.stage {
            Stage::Announces => CloseRequest::Yes,
            Stage::Http1 if !self.trial.is_held(now) => {
                self.trial.grant(token, now, lease_for);
                CloseRequest::Trial
            }
            _ => CloseRequest::No,
        }
    }

    /// Whether an answer may still show that it speaks HTTP/1.1.
    pub fn is_unknown(&self) -> bool {
        matches!(self.stage, Stage::Unknown | Stage::Mixed)
    }

    /// Whether the last probe that asked got no answer.
    pub fn is_suspect(&self) -> bool {
        self.terminated
    }

    /// Whether the admin interface is to be asked about it, now that a probe was answered.
    pub fn is_to_be_listed(&self, now: Instant) -> bool {
        let lately = self.listed != Instant::ZERO && now < self.listed + LIST_AGAIN;
        self.stage == Stage::Unknown && !lately
    }

    /// Notes that the admin interface is to be asked about it.
    pub fn list(&mut self, now: Instant) -> bool {
        let listed = self.is_to_be_listed(now);
        if listed {
            self.listed = now;
        }
        listed
    }

    /// An answer shows that it speaks HTTP/1.1. Says whether that is news.
    pub fn learn_http1(&mut self) -> bool {
        let news = self.is_unknown();
        if news {
            self.stage = Stage::Http1;
        }
        news
    }

    /// Takes note of what the admin interface shows that was asked at `asked`. That says
    /// nothing of clients none of which was answered before. Says whether it is news.
    pub fn learn(&mut self, protocols: Protocols, asked: Instant) -> bool {
        let news =
            self.stage == Stage::Unknown && self.listed != Instant::ZERO && self.listed <= asked;
        if news {
            self.stage = match protocols {
                Protocols::Http1 => Stage::Http1,
                Protocols::Multiplexed => Stage::Spared,
                Protocols::Mixed => Stage::Mixed,
            };
        }
        news
    }

    /// Takes note of what came of asking. Says whether it is news: that probes ask from
    /// now on, or that none does any more.
    pub fn record(&mut self, result: CloseResult) -> bool {
        let before = self.stage;
        let ends = match result {
            CloseResult::Announced => false,
            CloseResult::Terminated => self.terminated,
            CloseResult::Unannounced | CloseResult::ProtocolError => true,
        };
        self.terminated = result == CloseResult::Terminated;
        self.trial = Lease::default();
        if ends {
            self.stage = Stage::Spared;
        } else if result == CloseResult::Announced && before == Stage::Http1 {
            self.stage = Stage::Announces;
        }
        self.stage != before
    }

    /// Takes back a trial whose answer showed nothing. Says whether it was its own.
    pub fn release(&mut self, token: u64) -> bool {
        self.trial.release(token)
    }
}

impl State for Upstream {
    fn expires(&self) -> Instant {
        match self.stage {
            Stage::Unknown if self.listed == Instant::ZERO => Instant::ZERO,
            Stage::Unknown => self.listed + LIST_AGAIN,
            // What was tried once for the process isn't to be tried again.
            _ => Instant::NEVER,
        }
    }

    fn encode(&self, to: &mut Encoder) {
        to.number(self.stage as u64).number(u64::from(self.terminated)).instant(self.listed);
        self.trial.encode(to);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let stage = match from.number()? {
            0 => Stage::Unknown,
            1 => Stage::Mixed,
            2 => Stage::Http1,
            3 => Stage::Announces,
            _ => Stage::Spared,
        };
        let (terminated, listed) = (from.number()? != 0, from.instant()?);
        Some(Self { stage, terminated, listed, trial: Lease::decode(from)? })
    }
}

/// The clusters that the admin interface is to be asked about: some at a time, so that the
/// question stays short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting(Vec<String>);

impl Waiting {
    const MOST: usize = 16;
    /// In bytes.
    const LONGEST_NAME: usize = 255;

    fn add(&mut self, cluster: &str) -> bool {
        let fits = self.0.len() < Self::MOST && cluster.len() <= Self::LONGEST_NAME;
        let added = fits && !self.holds(cluster);
        if added {
            self.0.push(cluster.to_owned());
        }
        added
    }

    fn holds(&self, cluster: &str) -> bool {
        self.0.iter().any(|waiting| waiting == cluster)
    }
}

impl State for Waiting {
    fn expires(&self) -> Instant {
        Instant::NEVER
    }

    fn encode(&self, to: &mut Encoder) {
        self.0.iter().for_each(|cluster| {
            to.bytes(cluster.as_bytes());
        });
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let mut clusters = Vec::new();
        while from.left() > 0 {
            clusters.push(std::str::from_utf8(from.bytes()?).ok()?.to_owned());
        }
        Some(Self(clusters))
    }
}

/// All upstream clusters of a plugin, as far as its probes get to know them.
#[derive(Debug)]
pub struct Upstreams {
    cells: Cells,
    waiting: Cell,
    /// The log was told that there is no room for all of them.
    full: Notice,
    metrics: UpstreamMetrics,
}

/// The metrics of all clusters together.
#[derive(Clone, Copy, Debug)]
struct UpstreamMetrics {
    /// Counts clusters that turned out to speak HTTP/2.
    http2: CounterId,
    /// Counts clusters of which probes ask that they close their connections
    /// (`announced`), and those that are asked no more, by what ended it.
    close: CountersBy<CloseResult>,
}

impl UpstreamMetrics {
    fn define(metrics: &mut Registry<'_>) -> Self {
        Self {
            http2: metrics.counter("heartbeat_http2_upstreams_total"),
            close: metrics.counters_by("result", "heartbeat_connection_close_total"),
        }
    }
}

/// The form in which a state is written.
const FORM: u64 = 1;

/// The protocols of clients that Envoy knows, each by its major version.
const CLIENTS: [u8; 3] = *b"123";

impl Upstreams {
    /// Those of a plugin, which `plugin` tells from the others of the proxy.
    pub fn new(plugin: &str, metrics: &mut Registry<'_>) -> Self {
        Self {
            cells: Cells::new(key(plugin, &["upstream"]), FORM),
            waiting: Cell::alone(key(plugin, &["unknown"]), 0),
            full: Notice::default(),
            metrics: UpstreamMetrics::define(metrics),
        }
    }

    /// What is known of a cluster, for clients that speak this major version of HTTP.
    pub fn cell(&self, cluster: &[u8], client: u8) -> Cell {
        self.cells.scope(&[cluster, &[client]])
    }

    /// There is no room to learn anything of a cluster.
    pub(crate) fn note_full(
        &self,
        cluster: &[u8],
        cx: Context<'_, impl SharedStore>,
        signals: &mut Signals,
    ) {
        if self.full.is_due(&self.cells.said("full"), HOUR, cx) {
            signals.log.push(format!(
                "there is no room to learn what more clusters speak: probes to {:?} and others go without connection: close",
                String::from_utf8_lossy(cluster)
            ));
        }
    }

    /// Has the admin interface asked about a cluster, and says whether there is room to.
    pub fn list(&self, cluster: &[u8], cx: Context<'_, impl SharedStore>) -> bool {
        let Ok(cluster) = std::str::from_utf8(cluster) else { return false };
        let listed = update::<Waiting, _>(cx, &self.waiting, |list| {
            let added = list.add(cluster);
            Change::write_if(added, added || list.holds(cluster))
        });
        listed == Ok(true)
    }

    /// The clusters that the admin interface is to be asked about.
    pub fn waiting(&self, store: &impl SharedStore) -> Vec<String> {
        self.waiting.read::<Waiting>(store).0
    }

    /// Takes note that the admin interface was asked about these clusters, at `asked`, and
    /// of what it shows of them.
    pub(crate) fn learn(
        &self,
        clusters: &[(String, Option<Protocols>)],
        asked: Instant,
        cx: Context<'_, impl SharedStore>,
        signals: &mut Signals,
    ) {
        if clusters.is_empty() {
            return;
        }
        let _ = update::<Waiting, _>(cx, &self.waiting, |list| {
            list.0.retain(|waiting| clusters.iter().all(|(cluster, _)| cluster != waiting));
            Change::Write(())
        });
        for (cluster, protocols) in clusters {
            let Some(protocols) = *protocols else { continue };
            let (mut news, mut spared) = (false, false);
            for client in CLIENTS {
                let cell = self.cell(cluster.as_bytes(), client);
                let _ = update::<Upstream, _>(cx, &cell, |upstream| {
                    spared |= upstream.stage == Stage::Spared;
                    let learnt = upstream.learn(protocols, asked);
                    news |= learnt;
                    Change::write_if(learnt, ())
                });
            }
            if protocols == Protocols::Multiplexed && news && !spared {
                signals.raise.push(self.metrics.http2);
                signals.log.push(format!(
                    "cluster {cluster:?} speaks HTTP/2: probes to it go without connection: close"
                ));
            }
        }
    }

    /// Shows what came of asking a cluster, where that is news. Rules that say so go on
    /// asking `always`.
    pub(crate) fn show(
        &self,
        cluster: &[u8],
        result: CloseResult,
        always: bool,
        signals: &mut Signals,
    ) {
        signals.raise.push(self.metrics.close.of(result));
        if result == CloseResult::ProtocolError {
            signals.raise.push(self.metrics.http2);
        }
        if result != CloseResult::Announced {
            let (cluster, reason) = (String::from_utf8_lossy(cluster), result.reason());
            let then = if always {
                r#"write "connection": "auto""#
            } else {
                "probes to it go without connection: close from now on"
            };
            signals.log.push(format!("cluster {cluster:?} {reason}: {then}"));
        }
    }
}

#[cfg(test)]
mod tests;
