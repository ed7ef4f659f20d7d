//! What Prometheus answers to a panel.

use std::collections::BTreeMap;

use anyhow::Result;

use super::panel::{Panel, name};
use crate::prometheus::dashboard::filled;
use crate::prometheus::{Api, Range};

/// A series of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// When, and what.
    pub points: Vec<(f64, f64)>,
}

/// What all panels share.
pub struct Asked<'a> {
    /// Who is asked.
    pub api: &'a Api,
    /// From when to when.
    pub range: Range,
    /// What the variables stand for.
    pub variables: &'a BTreeMap<String, String>,
}

impl Asked<'_> {
    /// The series over time of all that a panel asks.
    pub async fn over_time(&self, panel: &Panel) -> Result<Vec<Series>> {
        let mut series = Vec::new();
        for target in &panel.targets {
            let expression = filled(&target.expression, self.variables);
            for track in self.api.query_range(&expression, self.range).await? {
                series.push(Series {
                    name: name(&target.legend, &track.labels),
                    points: track.points,
                });
            }
        }
        Ok(series)
    }

    /// The values at the end.
    pub async fn at_the_end(&self, panel: &Panel) -> Result<Vec<Series>> {
        let mut series = Vec::new();
        for target in &panel.targets {
            let expression = filled(&target.expression, self.variables);
            for sample in self.api.query_at(&expression, self.range.to).await? {
                let points = vec![(self.range.to, sample.value)];
                series.push(Series { name: name(&target.legend, &sample.labels), points });
            }
        }
        Ok(series)
    }
}
