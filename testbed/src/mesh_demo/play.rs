//! Does what happens, and judges what comes of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::line::Line;
use super::picture;
use super::plot::{self, Deed, Event, Must};
use super::stage::{INSTANCES, Stage};
use super::traffic::{Got, Traffic};
use super::watch::{Heard, Watch};
use crate::report::{About, Recorder, Recording};
use crate::screen::print;
use crate::tools::Tools;

/// Before the first event, and between the last look and the next one.
const PAUSE: Duration = Duration::from_millis(300);
/// A request that waits for a frozen instance ends by then.
const IN_FLIGHT: Duration = Duration::from_millis(1_200);

/// What was written down meanwhile.
#[derive(Debug)]
pub struct Told {
    /// The hub's metrics.
    pub recording: Recording,
    /// When that begins.
    pub start: Instant,
    /// The hub's verdicts.
    pub heard: Vec<Heard>,
    /// What it calls the instances.
    pub names: Vec<String>,
    /// Its heat map while an instance was dead, as PNG, or why there is none.
    pub heat_map: Result<Vec<u8>, String>,
}

/// Plays all events.
pub async fn all(stage: &mut Stage, tools: &Tools) -> Result<(Vec<Line>, Told)> {
    let hub = stage.hub.as_ref().context("there is no hub")?;
    let (watch, admin) = (Watch::start(hub.people), hub.envoy.admin);
    let traffic = Traffic::start(stage.gateway.envoy.http);
    let start = Instant::now();
    // It ends before the hub does, whose metrics it reads.
    let mut recorder = Some(Recorder::start(admin));
    let (mut recording, mut heat_map) = (None, Err("no instance was dead".to_owned()));
    tokio::time::sleep(PAUSE).await;
    let mut lines = Vec::new();
    for event in plot::events() {
        if event.deed == Deed::KillHub
            && let Some(recorder) = recorder.take()
        {
            recording = Some(recorder.finish(About::default()).await?);
        }
        if let Some(recorder) = &mut recorder {
            recorder.act(event.name);
        }
        let line = one(&event, stage, tools, &watch, &traffic).await?;
        print(&super::render::line(&line))?;
        lines.push(line);
        if let (Deed::KillUnderLie(_), Some(hub)) = (event.deed, &stage.hub) {
            heat_map = picture::of(tools, hub.people).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let recording = recording.context("the hub was never killed")?;
    let names = (1..=INSTANCES).filter_map(|number| stage.name(number)).collect();
    Ok((lines, Told { recording, start, heard: watch.all(), names, heat_map }))
}

async fn one(
    event: &Event,
    stage: &mut Stage,
    tools: &Tools,
    watch: &Watch,
    traffic: &Traffic,
) -> Result<Line> {
    let at = Instant::now();
    happens(event.deed, stage, tools).await?;
    if let Some(hub) = &stage.hub {
        watch.follow(hub.people);
    }
    tokio::time::sleep(event.must.lasts.saturating_sub(at.elapsed())).await;
    let end = Instant::now();
    tokio::time::sleep(IN_FLIGHT).await;
    let mut got = traffic.since(at);
    got.retain(|got| got.sent < end);
    let mut line = Line { name: event.name, sent: got.len(), ..Line::default() };
    line.failed = got.iter().filter(|got| got.why.is_some()).count();
    let heard = watch.since(at);
    if let Some(number) = event.deed.instance() {
        let name = stage.name(number).context("no such instance")?;
        let of_it: Vec<_> = heard.iter().filter(|it| it.instance == name).collect();
        let told = |it: &Heard| (it.at - at, it.verdict.clone());
        line.notice = of_it.first().map(|it| told(it));
        if let Some((verdict, _)) = event.must.verdict {
            line.verdict = of_it.iter().find(|it| it.verdict == verdict).map(|it| told(it));
        }
        if let Some(comes) = event.must.traffic {
            line.moved = moved(&got, stage, number, comes, at);
        }
        let now = watch.now(&name).unwrap_or_default();
        judge(&mut line, &event.must, &now);
    }
    if line.failed > event.must.failed {
        let why = got.iter().find_map(|got| got.why.clone()).unwrap_or_default();
        let (failed, may) = (line.failed, event.must.failed);
        line.wrong.push(format!("{failed} requests failed, {may} may; the first: {why}"));
    }
    if let Some(never) = event.must.never
        && let Some(found) = heard.iter().find(|it| it.verdict == never)
    {
        line.wrong.push(format!("{} was called {never}", found.instance));
    }
    if line.sent == 0 {
        line.wrong.push("no request was sent".into());
    }
    if event.deed == Deed::ReviveHub {
        let names = (1..=INSTANCES).filter_map(|number| stage.name(number));
        let lost = names.filter(|name| watch.now(name).as_deref() != Some("alive"));
        line.wrong.extend(lost.map(|name| format!("{name} isn't alive to the new hub")));
    }
    Ok(line)
}

/// What must be so of the verdict and of the traffic.
fn judge(line: &mut Line, must: &Must, now: &str) {
    let first = line.notice.as_ref().map(|(_, verdict)| verdict.as_str());
    if let Some(notice) = must.notice.filter(|notice| first != Some(*notice)) {
        line.wrong.push(format!("not {notice} first, but {}", first.unwrap_or("nothing")));
    }
    if let Some((verdict, within)) = must.verdict {
        match &line.verdict {
            None => line.wrong.push(format!("never {verdict}, but {now}")),
            Some((took, _)) if *took > within => {
                line.wrong.push(format!("{verdict} later than {} ms", within.as_millis()));
            }
            Some(_) if now != verdict => line.wrong.push(format!("{now} in the end")),
            Some(_) => {}
        }
        match line.moved {
            _ if must.traffic.is_none() => {}
            None => line.wrong.push("no traffic comes".into()),
            Some(moved) if moved > within => {
                line.wrong.push(format!("traffic moves later than {} ms", within.as_millis()));
            }
            Some(_) => {}
        }
    }
}

/// When the last request went to an instance, or failed, that traffic leaves; when the
/// first one was sent that got to another.
fn moved(got: &[Got], stage: &Stage, number: usize, comes: bool, at: Instant) -> Option<Duration> {
    let instance = stage.address(number);
    if comes {
        return got
            .iter()
            .find(|got| got.why.is_none() && got.by == instance)
            .map(|got| got.sent - at);
    }
    let last = got.iter().rfind(|got| got.why.is_some() || got.by == instance);
    Some(last.map_or(Duration::ZERO, |got| got.sent - at))
}

async fn happens(deed: Deed, stage: &mut Stage, tools: &Tools) -> Result<()> {
    let script = stage.agents.script.clone();
    match deed {
        Deed::Kill(number) => signal(stage, number, Signal::KILL)?,
        Deed::KillUnderLie(number) => {
            script.set(number, Some("pass"));
            signal(stage, number, Signal::KILL)?;
        }
        Deed::Freeze(number) => signal(stage, number, Signal::STOP)?,
        Deed::Thaw(number) => signal(stage, number, Signal::CONT)?,
        Deed::Revive(number) => {
            script.set(number, None);
            let instance = stage.instances.get_mut(number - 1).context("no such instance")?;
            instance.restart(tools).await?;
        }
        Deed::Lie(number, says) => script.set(number, Some(says)),
        Deed::Truth(number) => script.set(number, None),
        Deed::Silence => stage.agents.silence().await?,
        Deed::Voice => stage.agents.voice().await?,
        Deed::KillHub => stage.hub = None,
        Deed::ReviveHub => stage.revive_hub(tools).await?,
    }
    Ok(())
}

fn signal(stage: &Stage, number: usize, signal: Signal) -> Result<()> {
    stage.instances.get(number - 1).context("no such instance")?.signal(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn must() -> Must {
        Must {
            notice: None,
            verdict: Some(("dead", Duration::from_secs(1))),
            traffic: Some(false),
            failed: 0,
            never: None,
            lasts: Duration::from_secs(1),
        }
    }

    fn judged(verdict_ms: Option<u64>, moved_ms: Option<u64>, now: &str) -> Vec<String> {
        let verdict = verdict_ms.map(|took| (Duration::from_millis(took), "dead".into()));
        let moved = moved_ms.map(Duration::from_millis);
        let mut line = Line { verdict, moved, ..Line::default() };
        judge(&mut line, &must(), now);
        line.wrong
    }

    #[test]
    fn a_verdict_must_come_in_time_and_stay_and_traffic_must_follow() {
        assert!(judged(Some(900), Some(950), "dead").is_empty());
        assert_eq!(judged(None, Some(0), "alive"), ["never dead, but alive"]);
        assert_eq!(judged(Some(1_100), Some(0), "dead"), ["dead later than 1000 ms"]);
        assert_eq!(judged(Some(900), Some(0), "alive"), ["alive in the end"]);
        assert_eq!(judged(Some(900), Some(1_001), "dead"), ["traffic moves later than 1000 ms"]);
        assert_eq!(judged(Some(900), None, "dead"), ["no traffic comes"]);
    }
}
