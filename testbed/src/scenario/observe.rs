//! What a real Envoy makes of the single requests of a scenario, to hold something else
//! against it.

use std::time::Duration;

use anyhow::Result;

use super::app_command::AppCommand;
use super::apps::Apps;
use super::format::Scenario;
use super::question::Question;
use super::request::Way;
use super::role::Role;
use super::step::Action;
use crate::app::Addresses;
use crate::app::behaviour::{Behaviour, Deviation};
use crate::app::record::Seen;
use crate::client::peer::Peer;
use crate::client::tls::Authority;
use crate::client::{grpc, http};
use crate::envoy::Envoy;
use crate::metrics::Metrics;
use crate::tools::Tools;

/// Longer than an application takes that answers at all, and shorter than a probe may take
/// by default.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// A single request, and what became of it.
#[derive(Debug)]
pub struct Observed {
    /// The step that made it.
    pub step: String,
    /// What was asked.
    pub question: Question,
    /// Which way it went.
    pub way: Way,
    /// What came back.
    pub answer: Answer,
    /// What reached the application.
    pub seen: Vec<Seen>,
    /// What the application answers if it is asked the same without a proxy; `None` if it
    /// doesn't.
    pub of_application: Option<Answer>,
    /// Envoy's metrics before it.
    pub before: Metrics,
}

/// What is answered.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after its protocol")]
pub enum Answer {
    Http(http::Response),
    Grpc(grpc::Answer),
}

impl Scenario {
    /// Whether every step asks one thing once, or has the application behave in another way;
    /// it answers alike however often it is asked, wholly or not at all.
    pub fn asks_one_by_one(&self) -> bool {
        let first = self.behaviour(Role::App).is_some_and(|it| is_steady(&it));
        let plain = self.behaviour(Role::Dependency).is_none()
            && self.refused.is_none()
            && self.hosts.is_none();
        let mut steps = self.steps.iter();
        first
            && plain
            && steps.all(|step| match &step.action {
                Action::Traffic(traffic) => {
                    step.background.is_none()
                        && traffic.question().is_some()
                        && traffic.way().to.is_none()
                }
                Action::App(Role::App, AppCommand::Set(behaviour)) => is_steady(behaviour),
                _ => false,
            })
    }

    /// How many single questions its steps ask.
    pub fn questions(&self) -> usize {
        let asked = self.steps.iter().filter(|step| match &step.action {
            Action::Traffic(traffic) => traffic.question().is_some(),
            _ => false,
        });
        asked.count()
    }
}

fn is_steady(behaviour: &Behaviour) -> bool {
    let steady = |it: &Deviation| it.times.is_none() && it.sequence.is_empty() && !it.stall;
    behaviour.paths.values().all(steady)
}

/// Takes the steps of a scenario that asks one by one. `look` sees each request with the Envoy
/// that it went through.
pub async fn observe(
    scenario: &Scenario,
    tools: &Tools,
    mut look: impl AsyncFnMut(&Envoy, Observed) -> Result<()>,
) -> Result<()> {
    let authority = Authority::new()?;
    let mut apps = Apps::start(scenario, tools).await?;
    let mut envoy =
        scenario.envoy.builder(tools, &authority)?.plugin_config(scenario.plugin_config());
    for (name, addresses) in apps.addresses() {
        envoy = envoy.application(name, addresses);
    }
    let envoy = envoy.start().await?;
    for (number, step) in scenario.steps.iter().enumerate() {
        match &step.action {
            Action::App(role, command) => apps.execute(*role, command, tools).await?,
            Action::Traffic(traffic) => {
                let Some(question) = traffic.question() else { continue };
                let app = apps.application(Role::App)?;
                let way = traffic.way().clone();
                let tls = way.r#as.as_ref().map(|identity| authority.client(identity));
                let peer = Peer { address: envoy.http, from: way.from, tls: tls.transpose()? };
                app.take_seen().await?;
                let before = envoy.prometheus().await?;
                let answer = ask(&question, &peer).await?;
                let seen = app.take_seen().await?;
                let direct = directly(&question, &app.addresses);
                let of_application = tokio::time::timeout(PATIENCE, direct).await;
                let of_application = of_application.ok().and_then(Result::ok);
                let step = format!("step {} ({})", number + 1, step.action.name());
                let observed =
                    Observed { step, question, way, answer, seen, of_application, before };
                look(&envoy, observed).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn ask(question: &Question, peer: &Peer) -> Result<Answer> {
    Ok(match question {
        Question::Http(request, version) => {
            Answer::Http(http::fetch_as(*version, peer.clone(), request).await?)
        }
        Question::Grpc(call) => Answer::Grpc(grpc::by_tonic(peer.clone(), call).await?),
    })
}

/// Asks the application without a proxy, in the protocol that Envoy speaks to it.
async fn directly(question: &Question, app: &Addresses) -> Result<Answer> {
    let is_grpc = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("content-type") && value.starts_with("application/grpc")
    };
    match question {
        Question::Http(request, _) if !request.headers.iter().any(is_grpc) => {
            let question = Question::Http(request.clone(), http::Version::Http1);
            ask(&question, &app.http.into()).await
        }
        Question::Grpc(call) => {
            // A Watch needn't say more.
            let question = Question::Grpc(grpc::Call { messages: 1, ..call.clone() });
            ask(&question, &app.grpc.into()).await
        }
        question => ask(question, &app.grpc.into()).await,
    }
}
