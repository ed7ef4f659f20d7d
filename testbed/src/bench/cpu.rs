//! Which core a process runs on, and how much of it it takes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Cores kept apart: one for what is measured, the rest for what drives it.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    measured: CpuSet,
    driving: CpuSet,
    /// The number of the core that is measured.
    pub number: usize,
    /// How many cores there are.
    pub count: usize,
}

impl Cores {
    /// Divides the cores that this process may run on.
    pub fn divide() -> Result<Self> {
        let mine = sched_getaffinity(None).context("the cores at hand are unknown")?;
        let numbers: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| mine.is_set(*core)).collect();
        let [number, rest @ ..] = &numbers[..] else { anyhow::bail!("there are no cores") };
        ensure!(
            !rest.is_empty(),
            "one core is too few: Envoy needs one, the load generator another"
        );
        let mut measured = CpuSet::new();
        measured.set(*number);
        let mut driving = CpuSet::new();
        rest.iter().for_each(|core| driving.set(*core));
        Ok(Self { measured, driving, number: *number, count: numbers.len() })
    }

    /// Keeps this thread, and all that it starts from now on, off the measured core.
    pub fn drive(&self) -> Result<()> {
        sched_setaffinity(None, &self.driving).context("can't choose the cores of this thread")
    }

    /// Puts all threads of a process on the measured core.
    pub fn measure(&self, process: u32) -> Result<()> {
        for thread in threads(process)? {
            let id = Pid::from_raw(thread.cast_signed());
            sched_setaffinity(id, &self.measured)
                .with_context(|| format!("can't choose the core of thread {thread}"))?;
        }
        Ok(())
    }
}

fn threads(process: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{process}/task");
    let tasks = std::fs::read_dir(&path).with_context(|| format!("can't read {path}"))?;
    let number = |task: std::fs::DirEntry| task.file_name().to_str()?.parse().ok();
    Ok(tasks.flatten().filter_map(number).collect())
}

/// How long a process has been running on a core, all its threads together, as the
/// scheduler counts it: in nanoseconds, where `/proc/<id>/stat` has hundredths of a
/// second. <https://docs.kernel.org/scheduler/sched-stats.html>
pub fn cpu_time(process: u32) -> Result<Duration> {
    let mut sum = 0;
    for thread in threads(process)? {
        // A thread that has ended meanwhile is no loss: Envoy's live as long as it does.
        let path = format!("/proc/{process}/task/{thread}/schedstat");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        sum += on_core(&text).with_context(|| format!("{path}: {text:?}"))?;
    }
    ensure!(sum > 0, "this kernel doesn't say how long process {process} was running");
    Ok(Duration::from_nanos(sum))
}

fn on_core(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_a_core() {
        assert_eq!(on_core("123456 789 3\n"), Some(123_456));
        assert_eq!(on_core(""), None);
    }

    #[test]
    fn work_takes_time() {
        let before = cpu_time(std::process::id()).unwrap();
        let mut number = 1_u64;
        (0..20_000_000_u64).for_each(|step| number = std::hint::black_box(number ^ step));
        assert!(cpu_time(std::process::id()).unwrap() > before, "{number}");
    }
}
