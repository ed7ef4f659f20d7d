//! `heartbeatctl explain`: what becomes of a request, and why.
//!
//! Nothing is decided here. The core's own router and exchange decide, as in a proxy that has
//! just started; what stands around them takes note of what they do.

mod account;
mod arguments;
mod asked;
mod assumed;
mod gathered;
mod past;
mod request;
mod response;
mod rules;
mod store;
mod telling;
mod text;
mod way;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use heartbeat_core::Policy;
use heartbeat_core::base::environment::Variables;
use heartbeat_core::base::time::WallTime;
use heartbeat_core::config::{Config, ConfigErrors};
use heartbeat_core::evidence::condition::{Basis, Condition};
use heartbeat_core::format::Format as Written;
use heartbeat_core::probe::{Action, RespondRule};

use crate::outcome::Outcome;
use crate::reading::{self, Refusal, configurations, environment, title};
use crate::source::{File, Found, Kind};
use account::Account;
pub use arguments::Arguments;
use arguments::Format;
use assumed::Assumed;
use request::Request;
use telling::Telling;
use way::{Travelled, World};

/// Explains what becomes of a request.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Outcome> {
    let account = match explain(arguments) {
        Ok(account) => account,
        Err(refusal) => return Ok(refusal.tell()),
    };
    match arguments.format {
        Format::Text => write!(out, "{}", text::text(&account))?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &account)?;
            writeln!(out)?;
        }
    }
    Ok(Outcome::Fine)
}

/// What is to be said of a request.
fn explain(arguments: &Arguments) -> Result<Account, Refusal> {
    let (file, all) = configurations(&arguments.file)?;
    explain_in(&file, &all, arguments)
}

fn explain_in(file: &File, all: &[Found], arguments: &Arguments) -> Result<Account, Refusal> {
    let found = choose(file, all, arguments.nth)?;
    let config = reading::read(file, found, |variables| parse(found, variables))?;
    let assumed = arguments.assumed();
    check_names(&config, &assumed)?;
    let request = arguments.request(found)?;
    let service = &arguments.request.service;
    let run = |format| {
        reading::read(file, found, |variables| {
            let node_cluster = arguments.assumed.node_cluster.as_deref();
            let proxy = Proxy::start(found, variables, node_cluster, &assumed, format)?;
            Ok(proxy.account(&config, &request, service, &title(file, found)))
        })
    };
    let mut account = run(None)?;
    if arguments.formats && account.evidence.is_some() {
        let formats =
            Written::WORDS.iter().map(|(word, format)| Ok((*word, run(Some(*format))?.prober)));
        account.formats = formats.collect::<Result<BTreeMap<_, _>, Refusal>>()?;
    }
    Ok(account)
}

/// The configuration that is meant.
fn choose<'f>(file: &File, all: &'f [Found], nth: Option<usize>) -> Result<&'f Found, Refusal> {
    let filters: Vec<_> = all.iter().filter(|found| found.kind == Kind::Filter).collect();
    let list = || filters.iter().map(|found| title(file, found)).enumerate();
    let list = || list().map(|(place, title)| format!("\n  --nth {}  {title}", place + 1));
    match (filters.as_slice(), nth) {
        ([], _) => Err(Refusal::of(format!(
            "{}: only the hub's configuration is here, and requests are the filter's to judge",
            file.name
        ))),
        ([only], None) => Ok(only),
        (several, None) => Err(Refusal::of(format!(
            "{}: there are {} configurations of the filter; say which:{}",
            file.name,
            several.len(),
            list().collect::<String>()
        ))),
        (some, Some(nth)) => {
            let chosen = nth.checked_sub(1).and_then(|place| some.get(place));
            chosen.copied().ok_or_else(|| {
                let list: String = list().collect();
                Refusal::of(format!("{}: there is no configuration {nth}, only:{list}", file.name))
            })
        }
    }
}

fn parse(found: &Found, variables: Variables) -> Result<Config, ConfigErrors> {
    Config::parse_with(&found.bytes, variables)
}

/// Refuses assumptions about what isn't there.
fn check_names(config: &Config, assumed: &Assumed) -> Result<(), Refusal> {
    let known = config.checks.iter().map(|check| check.name.clone()).collect::<Vec<_>>();
    for named in &assumed.checks {
        if !known.contains(&named.name) {
            return Err(no_such("check", &named.name, &known));
        }
    }
    let known = clusters(config);
    for named in &assumed.clusters {
        if !known.contains(&named.name) {
            return Err(no_such("cluster of a \"when\" or the score", &named.name, &known));
        }
    }
    Ok(())
}

fn no_such(what: &str, name: &str, known: &[String]) -> Refusal {
    Refusal::of(match known {
        [] => format!("{name:?}: the configuration has no {what}"),
        known => format!("no {what} is called {name:?}; there are: {}", known.join(", ")),
    })
}

/// The clusters whose hosts some evidence is about.
fn clusters(config: &Config) -> Vec<String> {
    let of_probes = config.probes.iter().flat_map(|rule| match &rule.action {
        Action::Respond(respond) => respond.when.as_slice(),
        _ => &[],
    });
    let of_publishers = config.publish.iter().flat_map(|rule| rule.own_conditions().1);
    let named =
        of_probes.chain(of_publishers).flat_map(|condition: &Condition| match &condition.basis {
            Basis::Cluster(rule) => rule.names.as_slice(),
            _ => &[],
        });
    let mut all: Vec<String> = Vec::new();
    for name in named.chain(config.score.iter().flat_map(|score| &score.clusters)) {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

/// A proxy with a configuration, and what it knows.
struct Proxy<'a> {
    policy: Policy,
    gathered: gathered::Gathered,
    assumed: &'a Assumed,
}

impl<'a> Proxy<'a> {
    /// One whose answers of `respond` are all in `format`, where that is given.
    fn start(
        found: &Found,
        variables: Variables,
        node_cluster: Option<&str>,
        assumed: &'a Assumed,
        format: Option<Written>,
    ) -> Result<Self, ConfigErrors> {
        let mut environment = environment(found, variables);
        if let Some(name) = node_cluster {
            environment.service_cluster = name.to_owned();
        }
        let mut config = parse(found, variables)?;
        for rule in &mut config.probes {
            if let (Action::Respond(RespondRule { format: own, .. }), Some(format)) =
                (&mut rule.action, format)
            {
                *own = format;
            }
        }
        let policy = Policy::compile(config, 0, &environment);
        let gathered = gathered::gather(&policy, &parse(found, variables)?, assumed);
        policy.evidence().clock.keep(gathered.now, wall_time);
        Ok(Self { policy, gathered, assumed })
    }

    fn account(self, config: &Config, request: &Request, service: &str, title: &str) -> Account {
        let responder = config.grpc_replies.as_deref();
        let Self { policy, gathered, assumed } = self;
        let world = World { policy: &policy, responder, gathered, assumed };
        let travelled: Travelled = world.lead(request);
        Telling { config, policy: &policy, request, service, assumed, travelled: &travelled }
            .account(title)
    }
}

fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_nanos()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
