//! What any step may expect to reach an application.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expect::{ExpectSeen, seen_faults};
use super::pace::Pace;
use super::role::Role;
use super::span::Amount;
use crate::app::Application;
use crate::clock;

/// What is expected to reach one application.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arrivals {
    /// These requests and no others.
    pub sees: Option<Vec<ExpectSeen>>,
    counts: BTreeMap<String, Amount>,
    pace: BTreeMap<String, Pace>,
}

/// How things stood before a step.
#[derive(Debug)]
pub struct Before {
    /// The application's process: another one begins anew.
    id: u32,
    began: Duration,
    counts: BTreeMap<String, u64>,
}

impl Arrivals {
    /// Takes the keys about `role` from a step; `None` if there are none.
    pub fn take(step: &mut Map<String, Value>, role: Role) -> Result<Option<Self>> {
        let mut arrivals = Map::new();
        for key in ["sees", "counts", "pace"] {
            let prefixed = format!("{}_{key}", role.key());
            arrivals.extend(step.remove(&prefixed).map(|value| (key.to_owned(), value)));
        }
        if arrivals.is_empty() {
            return Ok(None);
        }
        // Serde keeps only an error's outermost words, so they name the application.
        serde_json::from_value(arrivals.into())
            .map(Some)
            .map_err(|error| anyhow!("what {role} sees: {error}"))
    }

    /// Makes ready to look later.
    pub async fn before(&self, app: &Application) -> Result<Before> {
        if self.sees.is_some() {
            app.take_seen().await?;
        }
        let counts = if self.counts.is_empty() { BTreeMap::new() } else { app.counts().await? };
        Ok(Before { id: app.id(), began: clock::now(), counts })
    }

    /// What is wrong with what has reached `app`, which overlooks some paths.
    pub async fn faults(
        &self,
        role: Role,
        app: &Application,
        ignores: &[String],
        before: &Before,
    ) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        // First of all: what else is asked takes time.
        if !self.pace.is_empty() {
            ensure!(
                app.id() == before.id,
                "{role} was started once more, and has forgotten when requests came"
            );
            let now = clock::now();
            let all = app.arrivals(before.began).await?;
            for (path, pace) in &self.pace {
                let arrivals = all.get(path).map_or(&[][..], Vec::as_slice);
                let arrivals = &arrivals[..arrivals.partition_point(|arrival| *arrival <= now)];
                let what = format!("requests for {path} at {role}");
                faults.extend(pace.faults(&what, before.began, arrivals, now)?);
            }
        }
        if let Some(expected) = &self.sees {
            let mut seen = app.take_seen().await?;
            seen.retain(|seen| !ignores.iter().any(|path| path == seen.path()));
            faults.extend(seen_faults(role, expected, &seen));
        }
        if !self.counts.is_empty() {
            let now = app.counts().await?;
            let restarted = app.id() != before.id;
            faults.extend(self.counts.iter().filter_map(|(path, amount)| {
                let count = |counts: &BTreeMap<_, _>| counts.get(path).copied().unwrap_or(0);
                let earlier = if restarted { 0 } else { count(&before.counts) };
                let more = (count(&now) - earlier) as f64;
                amount.fault(&format!("requests for {path} at {role}"), Some(more))
            }));
        }
        Ok(faults)
    }
}
