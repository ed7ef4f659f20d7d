//! Reads an Envoy's metrics while something goes on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::recording::{About, Recording, Sample, Span};
use crate::client::http::{self, Request};
use crate::metrics::Metrics;

/// How often the metrics are read: several times within the shortest time that
/// a picture tells apart.
const INTERVAL: Duration = Duration::from_millis(125);

/// Only the filter's own: reading all of them keeps Envoy's main thread busy.
const METRICS: &str = "/stats/prometheus?filter=^wasmcustom%5C.";

/// A recording that goes on.
///
/// Histograms are read as they are only if Envoy has `stats_flush_on_admin`;
/// otherwise they lag by its flush interval.
#[derive(Debug)]
pub struct Recorder {
    start: Instant,
    acts: Vec<Span>,
    faults: Vec<Span>,
    fault: Option<Span>,
    stop: oneshot::Sender<()>,
    samples: JoinHandle<Result<Vec<Sample>>>,
}

impl Recorder {
    /// Starts to read the metrics of the Envoy whose admin interface is at `admin`.
    pub fn start(admin: SocketAddr) -> Self {
        let start = Instant::now();
        let (stop, stopped) = oneshot::channel();
        let samples = tokio::spawn(read(admin, start, stopped));
        Self { start, acts: vec![], faults: vec![], fault: None, stop, samples }
    }

    /// An act begins, and the one before it ends.
    pub fn act(&mut self, name: &str) {
        let now = self.now();
        self.end_act(now);
        self.acts.push(Span { name: name.into(), from: now, to: now });
    }

    /// Something has been broken; nothing new while it is broken already.
    pub fn broken(&mut self, how: &str) {
        let now = self.now();
        self.fault.get_or_insert_with(|| Span { name: how.into(), from: now, to: now });
    }

    /// What was broken is whole again.
    pub fn mended(&mut self) {
        let to = self.now();
        self.faults.extend(self.fault.take().map(|fault| Span { to, ..fault }));
    }

    /// Ends the recording; fails if Envoy's metrics couldn't be read all the time.
    pub async fn finish(mut self, about: About) -> Result<Recording> {
        // Whoever has stopped reading by itself says why below.
        let _ = self.stop.send(());
        let samples = self.samples.await.context("the recorder broke off")??;
        let end = samples.last().map_or_else(|| self.start.elapsed(), |sample| sample.at);
        if let Some(act) = self.acts.last_mut() {
            act.to = end;
        }
        self.faults.extend(self.fault.map(|fault| Span { to: end, ..fault }));
        Ok(Recording { about, samples, acts: self.acts, faults: self.faults })
    }

    fn end_act(&mut self, now: Duration) {
        if let Some(act) = self.acts.last_mut() {
            act.to = now;
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Reads until it is stopped, and once more then: the end is part of the story.
async fn read(
    admin: SocketAddr,
    start: Instant,
    mut stopped: oneshot::Receiver<()>,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            _ = &mut stopped => true,
        };
        let metrics = metrics(admin).await.context("can't read Envoy's metrics")?;
        samples.push(Sample { at: start.elapsed(), metrics });
        if last {
            return Ok(samples);
        }
    }
}

async fn metrics(admin: SocketAddr) -> Result<Metrics> {
    let answer = http::fetch(admin, &Request::new("GET", METRICS)).await?;
    ensure!(answer.status == 200, "{METRICS}: {} {}", answer.status, answer.text());
    Metrics::parse(&answer.text())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// An admin interface that counts how often it was asked.
    async fn admin() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for count in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                let body = format!("asked {count}\n");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn what_went_on_is_recorded_with_the_metrics_of_the_time() {
        let mut recorder = Recorder::start(admin().await);
        recorder.act("one");
        tokio::time::sleep(INTERVAL * 2).await;
        recorder.act("two");
        recorder.broken("killed");
        recorder.broken("killed again");
        tokio::time::sleep(INTERVAL).await;
        recorder.mended();
        recorder.mended();
        recorder.broken("stopped");
        let recording = recorder.finish(About::default()).await.unwrap();

        let Recording { samples, acts, faults, .. } = &recording;
        assert!(samples.len() >= 3, "{samples:?}");
        assert!(samples.is_sorted_by(|one, next| one.at < next.at));
        let values = samples.iter().map(|sample| sample.metrics.sum("asked"));
        assert!(values.eq((0..).map(f64::from).take(samples.len())), "{samples:?}");

        let names = |spans: &[Span]| spans.iter().map(|span| span.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(acts), ["one", "two"]);
        assert_eq!(acts[0].to, acts[1].from);
        assert_eq!(names(faults), ["killed", "stopped"]);
        assert!(faults[0].from < faults[0].to && faults[0].to <= faults[1].from);
        // What nobody has ended, ends with the recording.
        assert_eq!(acts[1].to, recording.length());
        assert_eq!(faults[1].to, recording.length());
    }

    #[tokio::test]
    async fn an_envoy_that_does_not_answer_fails_the_recording() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let recorder = Recorder::start(nobody);
        let error = recorder.finish(About::default()).await.unwrap_err();
        assert!(format!("{error:#}").starts_with("can't read Envoy's metrics"), "{error:#}");
    }
}
