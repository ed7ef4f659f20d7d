//! What is said of a request.

use std::collections::BTreeMap;

use serde::Serialize;

/// What becomes of a request, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The configuration: its place, and what loads it.
    pub configuration: String,
    /// The request.
    pub request: String,
    /// The rules that were looked at, in their order: the last one takes it, if any does.
    pub rules: Vec<RuleAccount>,
    /// The name of the rule that takes it; none for ordinary traffic.
    pub rule: Option<String>,
    /// Why it is ordinary traffic although a rule matches it.
    pub ordinary_because: Option<String>,
    /// What the application sees; nothing where the proxy answers.
    pub application: Option<Arrival>,
    /// What the prober sees.
    pub prober: Reply,
    /// For `respond`: what the answer rests on.
    pub evidence: Option<EvidenceAccount>,
    /// For `respond`, where that was asked for: the answer in each format.
    pub formats: BTreeMap<&'static str, Reply>,
    /// The metrics that rise or are set.
    pub metrics: Vec<Rise>,
    /// What Envoy's log gets to read.
    pub log: Vec<String>,
    /// What was assumed, and how to say otherwise.
    pub assumed: Vec<String>,
}

/// What a rule has to do with a request.
#[derive(Clone, Debug, Serialize)]
pub struct RuleAccount {
    /// Its name.
    pub name: String,
    /// What it does with its probes.
    pub action: &'static str,
    /// Why it doesn't take the request; none where it does.
    pub why_not: Option<String>,
}

/// A request as it reaches the application.
#[derive(Clone, Debug, Serialize)]
pub struct Arrival {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// Its headers, but for those that Envoy's router adds.
    pub headers: Vec<Header>,
    /// Those that the filter has set.
    pub set: Vec<String>,
    /// Those of the request that it has removed.
    pub removed: Vec<String>,
    /// How long the application has, where the filter bounds it.
    pub timeout: Option<String>,
    /// How often Envoy may try again, where the filter says it.
    pub retries: Option<String>,
    /// Who it is: `app`, or the loopback `responder`.
    pub by: &'static str,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// What isn't UTF-8 in it is replaced.
    pub value: String,
}

/// An answer as its prober sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `%RESPONSE_CODE_DETAILS%` in access logs.
    pub details: String,
    /// The headers that the filter sets, and for an answer of its own all of them.
    pub headers: Vec<Header>,
    /// The body of an answer of the proxy's own.
    pub body: Option<String>,
    /// The code of a call of gRPC.
    pub grpc_status: Option<&'static str>,
    /// The serving status in the answer of `grpc.health.v1`.
    pub serving: Option<&'static str>,
}

/// What an answer rests on.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceAccount {
    /// What it comes to.
    pub verdict: &'static str,
    /// Whether this prober is shown more than that.
    pub shown: bool,
    /// Each piece of it.
    pub findings: Vec<FindingAccount>,
}

/// What one piece of evidence says.
#[derive(Clone, Debug, Serialize)]
pub struct FindingAccount {
    /// Its name.
    pub name: String,
    /// What it means for the answer.
    pub verdict: &'static str,
    /// In words.
    pub output: String,
}

/// A metric that changes.
#[derive(Clone, Debug, Serialize)]
pub struct Rise {
    /// As Prometheus shows it.
    pub series: String,
    /// `counter`, `gauge` or `histogram`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// By how much a counter rises, what a gauge shows, what a histogram counts.
    pub value: u64,
}
