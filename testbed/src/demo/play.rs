//! Does what a step says, and hands over what came of it.

use std::net::SocketAddr;

use anyhow::Result;
use rustix::process::Signal;

use super::answer::Answer;
use super::compare::{Line, compare};
use super::stack::Stack;
use super::step::{Act, Condition, Send, Step};
use crate::app::record::Seen;
use crate::client::{grpc, http};
use crate::report::Recorder;

/// What the report calls it when the application has been killed.
pub const DEATH: &str = "application killed";

/// Plays an act to its end.
pub async fn act(stack: &Stack, act: &Act, recorder: &mut Recorder) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for steps in act.steps.chunk_by(|_, next| next.meanwhile) {
        let runs = prepare(stack, &steps[0].application).await?;
        if !runs {
            recorder.broken(DEATH);
        }
        let sent: Vec<_> = steps
            .iter()
            .map(|step| tokio::spawn(send(stack.envoy.http, step.send.clone())))
            .collect();
        let mut answers = Vec::new();
        for answer in sent {
            answers.push(answer.await?);
        }
        let seen = if runs { Some(stack.application.take_seen().await?) } else { None };
        let compared = steps.iter().zip(answers).map(|(step, answer)| {
            let arrived = seen.as_deref().map(|seen| arrivals(seen, step));
            compare(act, step, &answer, arrived.as_deref())
        });
        lines.extend(compared);
    }
    Ok(lines)
}

/// Brings the application into a condition; returns whether it runs.
async fn prepare(stack: &Stack, condition: &Condition) -> Result<bool> {
    match condition {
        Condition::Running(behaviour) => stack.application.behave(behaviour).await?,
        Condition::Killed => stack.application.signal(Signal::KILL)?,
    }
    Ok(matches!(condition, Condition::Running(_)))
}

/// No answer is an answer too: the demo shows what it got.
pub async fn send(envoy: SocketAddr, send: Send) -> Answer {
    let answer = match &send {
        Send::Http(request) => http::fetch(envoy, request).await.map(Answer::from),
        Send::Grpc(call) => grpc::by_tonic(envoy, call).await.map(Answer::from),
    };
    answer.unwrap_or_else(|error| Answer { status: format!("{error:#}"), ..Answer::default() })
}

/// The requests among `seen` that can come of a step.
fn arrivals(seen: &[Seen], step: &Step) -> Vec<Seen> {
    let (method, target) = match &step.send {
        Send::Http(request) => (request.method.as_str(), request.target.clone()),
        Send::Grpc(call) => ("POST", format!("/grpc.health.v1.Health/{:?}", call.method)),
    };
    seen.iter().filter(|seen| seen.method == method && seen.target == target).cloned().collect()
}
