//! What requests cost.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

use super::plan::{By, HttpVersion, Who};
use super::rounds::{Measured, Run, Sample, ratios};
use super::stats::Spread;

/// What the requests of a workload cost.
#[derive(Debug, Serialize)]
pub struct Costs {
    /// What it is.
    pub name: &'static str,
    /// What the client speaks.
    pub protocol: HttpVersion,
    /// Who is held against it.
    pub reference: Who,
    /// Each contender's.
    pub contenders: Vec<Cost>,
    /// How many requests more than one a `ttl` the application saw, in the worst round;
    /// below 0 where it was less. For workloads that are answered from the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beyond_one_a_ttl: Option<f64>,
}

/// What a contender's requests cost.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// Who it is.
    pub who: Who,
    /// Envoy's processor time, in microseconds a request.
    pub cpu_us: Spread,
    /// The same, round by round.
    pub rounds_us: Vec<f64>,
    /// The same against others, compared within the round.
    pub ratios: BTreeMap<&'static str, Spread>,
    /// Half of the requests took less, in microseconds: the median of the rounds.
    pub p50_us: f64,
    /// All but a hundredth of them did.
    pub p99_us: f64,
}

impl Costs {
    /// What came out of a workload.
    pub fn of(measured: &Measured) -> Result<Self> {
        let Measured { workload, runs } = measured;
        let reference = runs.first().context("nobody was measured")?;
        let ours = runs
            .iter()
            .find(|run| run.who == Who::Ours)
            .filter(|_| workload.answered_by == By::Cache);
        Ok(Self {
            name: workload.name,
            protocol: workload.request.protocol,
            reference: reference.who,
            contenders: runs.iter().map(|run| cost(run, runs)).collect::<Result<_>>()?,
            beyond_one_a_ttl: ours.and_then(beyond_one_a_ttl),
        })
    }

    /// A contender's costs against another's.
    pub fn ratio(&self, of: Who, against: Who) -> Option<Spread> {
        let cost = self.contenders.iter().find(|cost| cost.who == of)?;
        cost.ratios.get(against.name()).copied()
    }
}

fn cost(run: &Run, all: &[Run]) -> Result<Cost> {
    let spread = |values: Vec<f64>| Spread::of(values).context("there was no round");
    let of = |pick: fn(&Sample) -> f64| spread(run.samples.iter().map(pick).collect());
    let mut against = BTreeMap::new();
    for other in all.iter().filter(|other| other.who != run.who) {
        against.insert(other.who.name(), spread(ratios(&run.samples, &other.samples)?)?);
    }
    Ok(Cost {
        who: run.who,
        cpu_us: of(|sample| sample.cpu_us)?,
        rounds_us: run.samples.iter().map(|sample| sample.cpu_us).collect(),
        ratios: against,
        p50_us: of(|sample| sample.p50_us)?.median,
        p99_us: of(|sample| sample.p99_us)?.median,
    })
}

/// The default `ttl`, in seconds.
const TTL: f64 = 1.0;

/// In a round that is `s` seconds long at most `s / ttl + 1` answers are fetched.
fn beyond_one_a_ttl(run: &Run) -> Option<f64> {
    let beyond = run
        .samples
        .iter()
        .map(|sample| sample.upstream_requests as f64 - (sample.seconds / TTL).floor() - 1.0);
    beyond.reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_may_have_one_answer_fetched_a_ttl_and_one_more() {
        let round = |seconds, upstream_requests| Sample {
            cpu_us: 1.0,
            p50_us: 1.0,
            p99_us: 1.0,
            seconds,
            upstream_requests,
        };
        let run = |samples| Run { who: Who::Ours, samples };
        assert_eq!(beyond_one_a_ttl(&run(vec![round(0.2, 1), round(0.2, 0)])), Some(0.0));
        assert_eq!(beyond_one_a_ttl(&run(vec![round(2.5, 3), round(0.2, 4)])), Some(3.0));
        assert_eq!(beyond_one_a_ttl(&run(vec![])), None);
    }
}
