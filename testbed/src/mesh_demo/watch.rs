//! Writes down what the hub says, and when.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::connection::KeepAlive;
use crate::client::http::{Request, Version};

/// A verdict, from when it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// Of whom.
    pub instance: String,
    /// What.
    pub verdict: String,
}

/// Follows a hub until it is dropped; where that is gone it asks until it is back.
#[derive(Debug)]
pub struct Watch {
    heard: Arc<Mutex<Vec<Heard>>>,
    hub: watch::Sender<SocketAddr>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins.
    pub fn start(hub: SocketAddr) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (hub, place) = watch::channel(hub);
        let task = tokio::spawn(follow(place, heard.clone()));
        Self { heard, hub, task }
    }

    /// The hub is elsewhere now.
    pub fn follow(&self, hub: SocketAddr) {
        self.hub.send_replace(hub);
    }

    /// Every change of a verdict so far.
    pub fn all(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The changes since then.
    pub fn since(&self, moment: Instant) -> Vec<Heard> {
        self.all().into_iter().filter(|heard| heard.at >= moment).collect()
    }

    /// The verdict on an instance now.
    pub fn now(&self, instance: &str) -> Option<String> {
        let last = self.all().into_iter().rfind(|heard| heard.instance == instance);
        last.map(|heard| heard.verdict)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(hub: watch::Receiver<SocketAddr>, heard: Arc<Mutex<Vec<Heard>>>) {
    let mut at = *hub.borrow();
    let mut connection = KeepAlive::new(Version::Http1, at.into());
    let mut index = None;
    loop {
        match ask(&mut connection, index).await {
            Ok(Some(news)) => {
                index = news["index"].as_u64();
                note(&news, &mut heard.lock().unwrap_or_else(PoisonError::into_inner));
            }
            Ok(None) => {}
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let now = *hub.borrow();
                if now != at {
                    at = now;
                    connection = KeepAlive::new(Version::Http1, at.into());
                }
            }
        }
    }
}

async fn ask(connection: &mut KeepAlive, index: Option<u64>) -> Result<Option<Value>> {
    let index = index.map(|index| format!("&index={index}")).unwrap_or_default();
    let path = format!("/mesh/v1/health/subscribe?wait=10s{index}");
    let answer = connection.send(&Request::new("GET", &path)).await?;
    match answer.status {
        200 => Ok(Some(serde_json::from_slice(&answer.body)?)),
        304 => Ok(None),
        status => anyhow::bail!("{status}"),
    }
}

fn note(news: &Value, heard: &mut Vec<Heard>) {
    let at = Instant::now();
    for change in news["changes"].as_array().into_iter().flatten() {
        let (Some(instance), Some(verdict)) =
            (change["instance"].as_str(), change["verdict"].as_str())
        else {
            continue;
        };
        let last = heard.iter().rfind(|heard| heard.instance == instance);
        if last.is_none_or(|last| last.verdict != verdict) {
            heard.push(Heard { at, instance: instance.into(), verdict: verdict.into() });
        }
    }
}
