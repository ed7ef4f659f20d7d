//! What has become of a request, told.

use heartbeat_core::base::metric::{Measurement, MetricKind};
use heartbeat_core::base::outcome::Verdict;
use heartbeat_core::clients::{AddressSource, Clients};
use heartbeat_core::config::Config;
use heartbeat_core::evidence::report::Report;
use heartbeat_core::grpc::{GrpcMethod, code, health_method};
use heartbeat_core::http::request::without_query;
use heartbeat_core::probe::ProbeRule;
use heartbeat_core::{Policy, RequestHead};

use super::account::{
    Account, Arrival, EvidenceAccount, FindingAccount, Header, Reply, Rise, RuleAccount,
};
use super::assumed::{Application, Assumed, Evidence};
use super::request::{Fields, Request, value};
use super::response::Response;
use super::rules::why_not;
use super::way::{By, Travelled};
use crate::series::Series;

/// Headers that Envoy's router takes for itself.
const OF_ROUTER: [&str; 7] = [
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
];

/// All that there is to tell.
pub struct Telling<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The same, compiled.
    pub policy: &'a Policy,
    /// The request as it came.
    pub request: &'a Request,
    /// The service that it asks for, where it is a call.
    pub service: &'a str,
    /// What was assumed.
    pub assumed: &'a Assumed,
    /// What has become of it.
    pub travelled: &'a Travelled,
}

impl Telling<'_> {
    /// All of it.
    pub fn account(&self, configuration: &str) -> Account {
        let travelled = self.travelled;
        let ordinary_because = self.ordinary_because();
        let rule = travelled.matched.clone().filter(|_| !travelled.ordinary);
        Account {
            configuration: configuration.to_owned(),
            request: self.line(),
            rules: self.rules(),
            rule,
            ordinary_because,
            application: travelled.arrival.as_ref().map(|(it, by)| self.arrival(it, *by)),
            prober: reply(&travelled.response),
            evidence: travelled.evidence.as_ref().map(evidence),
            formats: Default::default(),
            metrics: travelled.measured.iter().filter_map(|it| self.rise(*it)).collect(),
            log: travelled.log.clone(),
            assumed: self.assumptions(),
        }
    }

    fn line(&self) -> String {
        let word = |name| {
            let value = self.request.header(name).unwrap_or_default();
            String::from_utf8_lossy(&value).into_owned()
        };
        format!("{} {}", word(":method"), word(":path"))
    }

    /// Up to the one that matches; all, where none does.
    fn rules(&self) -> Vec<RuleAccount> {
        let mut rules = Vec::new();
        for rule in &self.config.probes {
            let matched = self.travelled.matched.as_ref() == Some(&rule.name) && self.takes();
            let why_not = if matched { self.ordinary_because() } else { self.why_not(rule) };
            rules.push(RuleAccount {
                name: rule.name.clone(),
                action: rule.action.word(),
                why_not,
            });
            if matched {
                break;
            }
        }
        rules
    }

    /// Whether the rule that the exchange went by takes the request: of a call for a service
    /// that no rule is for, it is only the first.
    fn takes(&self) -> bool {
        let matched = self.travelled.matched.as_ref();
        let rule = self.config.probes.iter().find(|rule| Some(&rule.name) == matched);
        rule.is_some_and(|rule| why_not(&rule.matcher, self.request, self.service).is_none())
    }

    fn why_not(&self, rule: &ProbeRule) -> Option<String> {
        let why = why_not(&rule.matcher, self.request, self.service);
        // Calls never come to rules for HTTP, where a rule is for their method.
        let called = || "it is a call of grpc.health.v1.Health, and this is a rule for HTTP";
        Some(why.unwrap_or_else(|| called().to_owned()))
    }

    /// Why it is ordinary traffic although a rule matches it.
    fn ordinary_because(&self) -> Option<String> {
        let travelled = self.travelled;
        let rule = travelled.matched.as_ref().filter(|_| travelled.ordinary && self.takes());
        let rule = self.config.probes.iter().find(|known| Some(&known.name) == rule)?;
        let excluded = rule.allow.as_ref().filter(|it| !it.clients.include(self.request));
        Some(match excluded {
            Some(allow) => {
                let why = why_excluded(&allow.clients, self.request);
                format!("it matches, but allow doesn't name the sender: {why}")
            }
            None => "it matches, but asks for an upgrade to another protocol".to_owned(),
        })
    }

    fn arrival(&self, arrived: &Request, by: By) -> Arrival {
        let text = |name| value(&arrived.headers, name).map(lossy);
        let is_set = |name: &str, bytes: &[u8]| {
            !self.request.header_values(name).iter().any(|before| before == bytes)
        };
        let shown = arrived.headers.iter().filter(|(name, _)| !OF_ROUTER.contains(&name.as_str()));
        let shown: Fields = shown.filter(|(name, _)| !name.starts_with(':')).cloned().collect();
        let set = shown.iter().filter(|(name, bytes)| is_set(name, bytes));
        let removed = self.request.headers.iter().map(|(name, _)| name);
        let removed = removed.filter(|name| value(&arrived.headers, name).is_none());
        Arrival {
            method: text(":method").unwrap_or_default(),
            target: text(":path").unwrap_or_default(),
            set: set.map(|(name, _)| name.clone()).collect(),
            removed: removed.cloned().collect(),
            headers: headers(&shown),
            timeout: text("x-envoy-upstream-rq-timeout-ms").map(|ms| match ms.as_str() {
                "0" => "none".to_owned(),
                _ => format!("{ms} ms"),
            }),
            retries: text("x-envoy-max-retries"),
            by: match by {
                By::Application => "app",
                By::Responder => "responder",
            },
        }
    }

    fn rise(&self, measurement: Measurement) -> Option<Rise> {
        let metric = self.policy.metrics().get(measurement.metric())?;
        let (Measurement::Add(_, value)
        | Measurement::Set(_, value)
        | Measurement::Observe(_, value)) = measurement;
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        Some(Rise { series: Series::from(metric).to_string(), kind, value })
    }

    fn assumptions(&self) -> Vec<String> {
        let (travelled, assumed) = (self.travelled, self.assumed);
        let mut told = Vec::new();
        if travelled.asked {
            let well = match self.call() {
                Some(_) => "answers SERVING (--app NOT_SERVING, refused, timeout, ...)".to_owned(),
                None => "answers 200 (--app 503, refused, timeout, ...)".to_owned(),
            };
            let said = assumed.application.map(Application::words);
            told.push(format!("the application {}", said.unwrap_or(well)));
        }
        let findings = travelled.evidence.as_ref().map_or(&[][..], |(report, _)| &report.findings);
        if !findings.is_empty() {
            told.push(
                match assumed.evidence {
                    Evidence::Settled => {
                        "all evidence speaks for health, but for what was said \
                     (--check NAME=fail, --server draining, --cluster NAME=1/3, --traffic 9/10)"
                    }
                    Evidence::None => "the proxy has just started, and nothing has answered yet",
                    Evidence::Stale => "nothing was asked for too long",
                }
                .to_owned(),
            );
        }
        if matches!(travelled.arrival, Some((_, By::Responder))) {
            told.push("a loopback responder answers where grpc_replies leads to".to_owned());
        }
        if travelled.matched.is_some() {
            told.push("the proxy has just started: nothing is in a cache, no limit used up, no breaker open".to_owned());
        }
        told
    }

    /// The method of a call that is one, and stays one.
    fn call(&self) -> Option<GrpcMethod> {
        let (arrived, _) = self.travelled.arrival.as_ref()?;
        health_method(without_query(value(&arrived.headers, ":path")?))
    }
}

/// Why the sender of a request is none of some clients.
fn why_excluded(clients: &Clients, request: &Request) -> String {
    let mut reasons = Vec::new();
    if !clients.cidrs.is_empty() {
        reasons.push(match (clients.address.of(request), &clients.address) {
            (Some(address), _) => format!("{} is in none of its cidrs", lossy(&address)),
            (None, AddressSource::FilterState(name)) => {
                format!("no filter has noted {name:?} (--filter-state)")
            }
            (None, _) => {
                "it has x-forwarded-for, which anyone can forge (\"address\": \"trusted\" \
                          where use_remote_address is on)"
                    .to_owned()
            }
        });
    }
    if !clients.principals.is_empty() {
        reasons.push(match &request.principal {
            Some(id) => format!("{} is none of its principals", lossy(id)),
            None => "it has shown no certificate (--principal)".to_owned(),
        });
    }
    reasons.join("; ")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn headers(fields: &Fields) -> Vec<Header> {
    let shown = fields.iter().filter(|(name, _)| !name.starts_with(':'));
    shown.map(|(name, value)| Header { name: name.clone(), value: lossy(value) }).collect()
}

/// An answer as its prober sees it.
fn reply(response: &Response) -> Reply {
    const OF_UPSTREAM: [&str; 2] = ["x-envoy-upstream-service-time", "content-type"];
    let forwarded = response.details == "via_upstream";
    let mut shown = response.headers.clone();
    shown.retain(|(name, _)| !forwarded || !OF_UPSTREAM.contains(&name.as_str()));
    let grpc_status = response.grpc_status();
    let is_text = !response.body.is_empty() && grpc_status.is_none() && !forwarded;
    let status = value(&response.headers, ":status").map(lossy);
    Reply {
        status: status.and_then(|status| status.parse().ok()).unwrap_or_default(),
        details: response.details.clone(),
        headers: headers(&shown),
        body: is_text.then(|| lossy(&response.body)),
        grpc_status: grpc_status.map(code::name),
        serving: response.health_of_call().map(|health| health.word()),
    }
}

fn evidence((report, shown): &(Report, bool)) -> EvidenceAccount {
    let findings = report.findings.iter().map(|finding| FindingAccount {
        name: finding.name.clone(),
        verdict: word(finding.verdict),
        output: finding.output.clone(),
    });
    EvidenceAccount { verdict: word(report.verdict()), shown: *shown, findings: findings.collect() }
}

fn word(verdict: Verdict) -> &'static str {
    verdict.outcome().word()
}
