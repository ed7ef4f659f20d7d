//! Metrics in OTLP's JSON, as data points.
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A value or a few, of one metric at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Who is measured.
    pub resource: Attributes,
    pub metric: String,
    pub unit: String,
    /// What distinguishes it from others of this metric.
    pub attributes: Attributes,
    pub data: Data,
    /// Since when it counts, in nanoseconds; 0 where that isn't said.
    pub start: u64,
    /// When it was measured.
    pub time: u64,
}

pub type Attributes = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Sum { value: f64, monotonic: bool, cumulative: bool },
    Gauge(f64),
    Histogram(Histogram),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub cumulative: bool,
    pub count: f64,
    pub sum: f64,
    /// Upper bounds; there is one bucket more than there are bounds.
    pub bounds: Vec<f64>,
    pub buckets: Vec<f64>,
}

/// Set in the flags of a point that has no value: the series ends.
const NO_RECORDED_VALUE: u64 = 1;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// The points of one ExportMetricsServiceRequest, without those that only say that a series
/// ends.
pub fn points(request: &Value) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for of_resource in list(&request["resourceMetrics"]) {
        let resource = attributes(&of_resource["resource"]);
        for of_scope in list(&of_resource["scopeMetrics"]) {
            for metric in list(&of_scope["metrics"]) {
                of_metric(metric, &resource, &mut points)
                    .with_context(|| format!("odd metric: {metric}"))?;
            }
        }
    }
    Ok(points)
}

fn of_metric(metric: &Value, resource: &Attributes, points: &mut Vec<Point>) -> Result<()> {
    let kinds = ["sum", "gauge", "histogram"];
    let kind = kinds.into_iter().find(|kind| metric.get(kind).is_some());
    let Some(kind) = kind else { bail!("neither sum nor gauge nor histogram") };
    let all = &metric[kind];
    let cumulative = all["aggregationTemporality"] == CUMULATIVE;
    for point in list(&all["dataPoints"]) {
        if point["flags"].as_u64().unwrap_or_default() & NO_RECORDED_VALUE != 0 {
            continue;
        }
        let data = match kind {
            "sum" => {
                let monotonic = all["isMonotonic"] == true;
                Data::Sum { value: value(point)?, monotonic, cumulative }
            }
            "gauge" => Data::Gauge(value(point)?),
            _ => Data::Histogram(histogram(point, cumulative)?),
        };
        points.push(Point {
            resource: resource.clone(),
            metric: metric["name"].as_str().context("no name")?.to_owned(),
            unit: metric["unit"].as_str().unwrap_or_default().to_owned(),
            attributes: attributes(point),
            data,
            start: whole(&point["startTimeUnixNano"])?,
            time: whole(&point["timeUnixNano"])?,
        });
    }
    Ok(())
}

fn histogram(point: &Value, cumulative: bool) -> Result<Histogram> {
    Ok(Histogram {
        cumulative,
        count: whole(&point["count"])? as f64,
        sum: point["sum"].as_f64().unwrap_or_default(),
        bounds: list(&point["explicitBounds"]).filter_map(Value::as_f64).collect(),
        buckets: list(&point["bucketCounts"])
            .map(|count| Ok(whole(count)? as f64))
            .collect::<Result<_>>()?,
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn attributes(of: &Value) -> Attributes {
    list(&of["attributes"])
        .filter_map(|it| {
            let value = &it["value"]["stringValue"];
            let value = value.as_str().map_or_else(|| it["value"].to_string(), str::to_owned);
            Some((it["key"].as_str()?.to_owned(), value))
        })
        .collect()
}

fn value(point: &Value) -> Result<f64> {
    match point.get("asDouble") {
        Some(value) => value.as_f64().context("no number"),
        None => Ok(whole(&point["asInt"])? as f64),
    }
}

/// 64-bit integers are strings; what is missing is 0.
fn whole(value: &Value) -> Result<u64> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => text.parse().with_context(|| format!("{text:?} is no integer")),
        other => other.as_u64().with_context(|| format!("{other} is no integer")),
    }
}
