//! Short measurements by turns: what disturbs the machine for longer than one of them
//! disturbs all that are compared.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::cpu::{Cores, cpu_time};
use super::load::LoadGenerator;
use super::plan::{Effort, Request, Who, Workload};
use super::upstream::CountingUpstream;
use crate::envoy::Envoy;

/// What it takes to measure.
#[derive(Debug)]
pub struct Bench {
    /// How much time there is.
    pub effort: Effort,
    /// Who runs where.
    pub cores: Cores,
    /// What sends requests.
    pub load: LoadGenerator,
    /// The application.
    pub upstream: CountingUpstream,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The processor time that Envoy took, in microseconds a request.
    pub cpu_us: f64,
    /// Half of the requests took less, in microseconds.
    pub p50_us: f64,
    /// All but a hundredth of them did.
    pub p99_us: f64,
    /// How long the measurement took, in seconds.
    pub seconds: f64,
    /// How many requests the application saw meanwhile.
    pub upstream_requests: u64,
}

/// All measurements of one contender, one for each round.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who it is.
    pub who: Who,
    /// In the order of the rounds.
    pub samples: Vec<Sample>,
}

/// All measurements of a workload.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured.
    pub workload: Workload,
    /// Its contenders.
    pub runs: Vec<Run>,
}

impl Bench {
    /// Sends so many requests to a listener, and looks what that takes.
    pub fn sample(
        &self,
        envoy: &Envoy,
        listener: &str,
        request: &Request,
        count: u64,
    ) -> Result<Sample> {
        let address = envoy.listener(listener)?;
        let (cpu, seen, start) = (cpu_time(envoy.id())?, self.upstream.requests(), Instant::now());
        let latencies = self.load.run(address, request, count)?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = cpu_time(envoy.id())?.saturating_sub(cpu);
        Ok(Sample {
            cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
            p50_us: latencies.p50,
            p99_us: latencies.p99,
            seconds,
            upstream_requests: self.upstream.requests() - seen,
        })
    }

    /// How many requests make a measurement that is as long as it should be. Sends some
    /// of them: the first find nothing ready, neither connections nor, for V8 compiles
    /// well only what runs often, code at its best.
    pub fn calibrate(&self, envoy: &Envoy, listener: &str, request: &Request) -> Result<u64> {
        const TRIAL: u64 = 1_000;
        self.sample(envoy, listener, request, TRIAL)?;
        let sample = self.sample(envoy, listener, request, TRIAL)?;
        let aim = Effort::SAMPLE.as_secs_f64();
        let count = aim / sample.seconds * TRIAL as f64;
        Ok((count as u64).clamp(TRIAL, 20_000))
    }

    /// Measures all contenders of all workloads, round by round, in an Envoy that has
    /// just been started.
    pub fn rounds(&self, envoy: &Envoy, campaign: &mut Campaign, rounds: &[usize]) -> Result<()> {
        for (count, Measured { workload, .. }) in &mut campaign.0 {
            *count = u64::MAX;
            for (who, listener) in workload.contenders {
                let calibrated = self.calibrate(envoy, listener, &workload.request);
                *count = (*count).min(calibrated.with_context(|| said(workload, *who))?);
            }
        }
        for round in rounds {
            println!("    round {} of {}", round + 1, self.effort.rounds());
            for (count, Measured { workload, runs }) in &mut campaign.0 {
                for index in order(*round, runs.len()) {
                    let (who, listener) = workload.contenders[index];
                    let sample = self
                        .sample(envoy, listener, &workload.request, *count)
                        .with_context(|| said(workload, who))?;
                    let seen = sample.upstream_requests;
                    ensure!(
                        workload.may_reach(who, seen, *count),
                        "{}: of {count} requests the application saw {seen}",
                        said(workload, who)
                    );
                    runs[index].samples.push(sample);
                }
            }
        }
        Ok(())
    }
}

/// Everything that is being measured, with the number of requests that make a
/// measurement of it.
#[derive(Debug)]
pub struct Campaign(Vec<(u64, Measured)>);

impl Campaign {
    /// Of these nothing is measured yet.
    pub fn of(workloads: &[Workload]) -> Self {
        let run = |&(who, _): &(Who, _)| Run { who, samples: Vec::new() };
        let measured = |workload: &Workload| {
            let runs = workload.contenders.iter().map(run).collect();
            (0, Measured { workload: *workload, runs })
        };
        Self(workloads.iter().map(measured).collect())
    }

    /// What was measured.
    pub fn measured(&self) -> impl Iterator<Item = &Measured> {
        self.0.iter().map(|(_, measured)| measured)
    }
}

/// Who comes when: each begins in its turn, and every second round runs backwards, so
/// that nobody always follows the same one.
pub fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).map(|place| (place + round / 2) % count).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

fn said(workload: &Workload, who: Who) -> String {
    format!("{}, {}", workload.title(), who.name())
}

/// Compares the cost of the same round: of one thing against another.
///
/// # Errors
/// There are not as many of the one as of the other.
pub fn ratios(of: &[Sample], against: &[Sample]) -> Result<Vec<f64>> {
    ensure!(of.len() == against.len(), "rounds are missing");
    Ok(of.iter().zip(against).map(|(of, against)| of.cpu_us / against.cpu_us).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_every_place() {
        for count in 1..8 {
            let rounds: Vec<_> = (0..2 * count).map(|round| order(round, count)).collect();
            for place in 0..count {
                let mut there: Vec<_> = rounds.iter().map(|order| order[place]).collect();
                there.sort_unstable();
                there.dedup();
                assert_eq!(there.len(), count, "place {place} of {count}");
            }
        }
    }

    #[test]
    fn costs_are_compared_within_a_round() {
        let sample = |cpu_us| Sample {
            cpu_us,
            p50_us: 0.0,
            p99_us: 0.0,
            seconds: 1.0,
            upstream_requests: 0,
        };
        // The machine is twice as slow in the second round, and it doesn't show.
        let (of, against) = ([11.0, 22.0].map(sample), [10.0, 20.0].map(sample));
        assert_eq!(ratios(&of, &against).unwrap(), [1.1, 1.1]);
        assert!(ratios(&of, &against[..1]).is_err());
    }
}
