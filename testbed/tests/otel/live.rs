//! What has arrived of an Envoy under load.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use testbed::envoy::Envoy;
use testbed::metrics::Metrics;
use testbed::prometheus::catalogue::{Catalogue, of_reference};
use testbed::prometheus::scraped::{self, Scraped};
use tokio::sync::oneshot;

use crate::arrived::{Attributes, Data, Histogram, Point};
use crate::config;
use crate::sink::Sink;
use crate::{Test, eventually, found, shipped};

pub fn trials() -> Vec<Test> {
    vec![("live::every_metric_arrives_with_its_attributes_and_the_values_of_envoy", || {
        crate::alone(everything_arrives())
    })]
}

async fn everything_arrives() -> Result<()> {
    let tools = crate::tools();
    let sink = Sink::start(&tools).await?;
    let mut scraped = Scraped::start(&tools).await?;
    let admin = scraped.envoy.admin;
    let _collector = config::start(&tools, admin, sink.address).await?;
    let catalogue = scraped::expected(&scraped::plugin_config()?)?;
    ensure!(of_reference()?.len() < catalogue.len(), "there are no counters");

    let (end, ended) = oneshot::channel();
    let all_there = async {
        eventually(async || Ok(missing(&catalogue, &sink.points()))).await?;
        drop(end);
        Ok(())
    };
    tokio::try_join!(all_there, scraped.run_until(ended))?;

    let points = sink.points();
    for point in &points {
        is_of(point, "payments", &admin.to_string())?;
    }
    only_what_is_kept(&scraped.envoy, &catalogue, &points).await?;
    values_are_envoys(&scraped.envoy, &catalogue, &sink).await
}

/// Metrics that haven't arrived, or have with other attributes.
fn missing(catalogue: &Catalogue, points: &[Point]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, labels) in catalogue {
        let found: BTreeSet<BTreeSet<_>> = points
            .iter()
            .filter(|point| point.metric == *name)
            .map(|point| point.attributes.keys().cloned().collect())
            .collect();
        if found != BTreeSet::from([labels.clone()]) {
            faults.push(format!("{name}: attributes {found:?} instead of {labels:?}"));
        }
    }
    faults
}

/// Stock Envoy on this host: there is no more to be known of it.
fn is_of(point: &Point, service: &str, instance: &str) -> Result<()> {
    let (_, port) = instance.rsplit_once(':').context("no port")?;
    let expected = [
        ("service.name", service),
        ("service.instance.id", instance),
        ("server.port", port),
        ("url.scheme", "http"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    ensure!(point.resource == Attributes::from(expected), "{}: {:?}", point.metric, point.resource);
    Ok(())
}

/// What the collector itself says of a scrape.
const OF_SCRAPES: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Of Envoy's own metrics only those that rules and panels ask for.
async fn only_what_is_kept(envoy: &Envoy, catalogue: &Catalogue, points: &[Point]) -> Result<()> {
    let asked = shipped::asked_for()?;
    let is_asked =
        |name: &str| ["", "_bucket"].iter().any(|part| asked.contains(&format!("{name}{part}")));
    let arrived: BTreeSet<_> = points.iter().map(|point| point.metric.as_str()).collect();
    let others = || arrived.iter().filter(|name| !catalogue.contains_key(**name));
    let strange: Vec<_> =
        others().filter(|name| !OF_SCRAPES.contains(name) && !is_asked(name)).collect();
    ensure!(strange.is_empty(), "nobody asks for {strange:?}");
    ensure!(arrived.contains("envoy_cluster_upstream_rq_time"), "only {arrived:?}");
    let page = envoy.prometheus().await?;
    let envoys = page.names().filter(|name| name.starts_with("envoy_")).count();
    ensure!(envoys > 200, "Envoy has only {envoys} metrics of its own: what is left out?");
    Ok(())
}

/// Envoy goes on counting: its own checks at least. A value that was scraped between two looks
/// at Envoy lies between theirs.
async fn values_are_envoys(envoy: &Envoy, catalogue: &Catalogue, sink: &Sink) -> Result<()> {
    let begin = now()?;
    let before = envoy.prometheus().await?;
    let scraped = found("scrape in between", || {
        let after = |point: &Point| point.metric == "up" && point.time > begin + 1_000_000_000;
        sink.points().into_iter().find(after).map(|point| point.time)
    })
    .await?;
    let page = envoy.admin_get("/stats/prometheus").await?;
    let after = Metrics::parse(&page)?;
    let types = types(&page);
    let points = sink.points();
    let (mut seen, mut same) = (0, 0);
    for (name, _) in catalogue {
        let of_this = points.iter().filter(|it| it.metric == *name && it.time == scraped);
        for point in of_this {
            let bounds = Bounds { point, before: &before, after: &after };
            same += usize::from(bounds.hold_it(types.get(name.as_str()).copied())?);
            seen += 1;
        }
        let listed = after.labelled(name).chain(after.labelled(&format!("{name}_count"))).count();
        let found = points.iter().filter(|it| it.metric == *name && it.time == scraped).count();
        ensure!(found == listed, "{name}: Envoy has {listed} series, and {found} arrived");
    }
    // Or nothing has been compared.
    ensure!(same * 2 > seen && seen > 100, "only {same} of {seen} series have stood still");
    Ok(())
}

fn now() -> Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_nanos())?)
}

/// What Envoy's page says of each metric's type.
fn types(page: &str) -> BTreeMap<&str, &str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

/// A point, and what Envoy said before and after it.
struct Bounds<'a> {
    point: &'a Point,
    before: &'a Metrics,
    after: &'a Metrics,
}

impl Bounds<'_> {
    /// Whether nothing moved meanwhile; an error where the point is another than Envoy's.
    fn hold_it(&self, kind: Option<&str>) -> Result<bool> {
        let Point { metric, attributes, .. } = self.point;
        match (&self.point.data, kind) {
            (Data::Sum { value, monotonic: true, cumulative: true }, Some("counter")) => {
                self.began()?;
                self.number(metric, attributes, *value)
            }
            (Data::Gauge(value), Some("gauge")) => self.gauge(*value),
            (Data::Histogram(histogram), Some("histogram")) => {
                self.began()?;
                self.histogram(histogram)
            }
            (data, kind) => anyhow::bail!("{metric} is a {kind:?} of Envoy's, and {data:?}"),
        }
    }

    /// It says since when it counts.
    fn began(&self) -> Result<()> {
        let Point { metric, start, time, .. } = self.point;
        ensure!(0 < *start && start < time, "{metric}: since {start}, at {time}");
        Ok(())
    }

    fn number(&self, name: &str, labels: &Attributes, value: f64) -> Result<bool> {
        let [before, after] = [self.before, self.after].map(|page| value_in(page, name, labels));
        let after = after.with_context(|| format!("Envoy has no {name} {labels:?}"))?;
        let before = before.unwrap_or(0.0);
        // A number in JSON is read but for its last bit.
        let slack = after * 1e-12;
        ensure!(
            before - slack <= value && value <= after + slack,
            "{name} {labels:?}: {value}, and Envoy has had {before} and {after}"
        );
        Ok(before == after)
    }

    /// It may have moved back and forth.
    fn gauge(&self, value: f64) -> Result<bool> {
        let Point { metric, attributes, .. } = self.point;
        let [before, after] =
            [self.before, self.after].map(|page| value_in(page, metric, attributes));
        let still = before == after;
        ensure!(!still || after == Some(value), "{metric}: {value}, and Envoy has {after:?}");
        Ok(still)
    }

    fn histogram(&self, histogram: &Histogram) -> Result<bool> {
        let Point { metric, attributes, .. } = self.point;
        ensure!(histogram.cumulative, "{metric} isn't cumulative");
        ensure!(
            histogram.buckets.len() == histogram.bounds.len() + 1 && histogram.bounds.len() > 5,
            "{metric}: {histogram:?}"
        );
        let mut still = self.number(&format!("{metric}_count"), attributes, histogram.count)?;
        still &= self.number(&format!("{metric}_sum"), attributes, histogram.sum)?;
        let mut below = 0.0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.buckets) {
            below += count;
            let mut labels = attributes.clone();
            labels.insert("le".to_owned(), bound.to_string());
            still &= self.number(&format!("{metric}_bucket"), &labels, below)?;
        }
        Ok(still)
    }
}

fn value_in(page: &Metrics, name: &str, labels: &Attributes) -> Option<f64> {
    page.labelled(name).find(|(of, _)| *of == labels).map(|(_, value)| value)
}
