//! How often a plugin's configuration was loaded, and by which build of the module,
//! once for the process.
//!
//! Envoy hands every configuration to each of its threads, and to a VM on trial
//! before that; each of them loads it, a moment earlier or later, and sometimes
//! after others have loaded the next one.

use crate::base::environment::Build;
use crate::base::metric::{CounterId, GaugeId, Measurement, Metric, Registry};
use crate::base::time::{Instant, Nanos};
use crate::state::{
    Cell, Change, Context, Decoder, Encoder, Notice, SharedStore, State, key, update,
};

/// The loads of one plugin, in all VMs together.
#[derive(Debug)]
pub struct ConfigLoads {
    cell: Cell,
    /// Which was refused last, and since when.
    pub(crate) refused: Cell,
    /// Tells the configuration from others.
    print: u64,
    /// Tells the module from others.
    build: u64,
}

/// What loads show of themselves.
#[derive(Debug)]
pub(crate) struct LoadMetrics {
    /// Always 1.
    build_info: GaugeId,
    accepted: CounterId,
    /// Raised where no configuration is in force that would know of it.
    refused: CounterId,
}

const LOADS: &str = "heartbeat_config_loads_total";

impl LoadMetrics {
    pub(super) fn define(build: Build, metrics: &mut Registry<'_>) -> Self {
        let mut version = metrics.labelled("module_version", build.version);
        let mut revision = version.labelled("module_revision", build.revision);
        let build_info = revision.gauge("heartbeat_build_info");
        let accepted = metrics.labelled("result", "accepted").counter(LOADS);
        let refused = metrics.labelled("result", "refused").counter(LOADS);
        Self { build_info, accepted, refused }
    }

    /// Their counters, by what came of loads.
    pub(crate) fn counters(&self) -> std::ops::Range<usize> {
        self.accepted.place()..self.refused.place() + 1
    }

    /// What they take of a load.
    pub(super) fn of_load(&self) -> [Measurement; 2] {
        [Measurement::Set(self.build_info, 1), Measurement::Add(self.accepted, 1)]
    }
}

/// The counter of configurations that were refused, for whoever has none in force that
/// would define it.
pub fn refusals() -> Vec<Metric> {
    let mut metrics = Vec::new();
    Registry::new(&mut metrics).labelled("result", "refused").counter(LOADS);
    metrics
}

/// What is new about a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadResult {
    /// No other VM has made this load.
    pub load: bool,
    /// The process had another module before, or none.
    pub build: bool,
}

/// How many loads a VM has seen of each plugin: those of the process, counted from
/// where the VM joined in. Only the operator makes up plugins.
#[derive(Debug, Default)]
pub struct Seen(Vec<(String, u64)>);

/// What the process remembers.
#[derive(Debug, Default)]
struct Register {
    /// How many loads there were.
    count: u64,
    /// The configuration that was loaded last.
    latest: u64,
    /// The module that has loaded it.
    build: u64,
    /// The last few loads: the configuration, its number and when it was first loaded.
    recent: Vec<(u64, u64, Instant)>,
}

/// How many loads are remembered.
const REMEMBERED: usize = 8;
/// Within this time, in nanoseconds, the VMs of a process load a configuration.
const AT_THE_SAME_TIME: Nanos = 10_000_000_000;

impl ConfigLoads {
    /// Those of a plugin, of which this VM loads the configuration that `print`
    /// tells from others; `build` tells the module.
    pub fn new(plugin: &str, print: u64, build: u64) -> Self {
        let cell = Cell::alone(key(plugin, &["loads"]), 0);
        Self { cell, refused: last_refused(plugin), print, build }
    }

    /// Takes note that this VM has loaded it, and says what nobody knew before.
    pub fn register(
        &self,
        plugin: &str,
        seen: &mut Seen,
        cx: Context<'_, impl SharedStore>,
    ) -> LoadResult {
        let place = seen.0.iter().position(|(known, _)| known == plugin);
        let known = place.and_then(|place| seen.0.get_mut(place));
        let before = known.as_ref().map(|(_, number)| *number);
        let noted = update::<Register, _>(cx, &self.cell, |register| {
            register.latest = self.print;
            let build = std::mem::replace(&mut register.build, self.build) != self.build;
            let (number, load) = register.note(self.print, before, cx.now);
            Change::Write((number, LoadResult { load, build }))
        });
        // Where it can't be written nobody would know it for the first.
        let Ok((number, result)) = noted else { return LoadResult::default() };
        match known {
            Some((_, before)) => *before = number,
            None => seen.0.push((plugin.to_owned(), number)),
        }
        result
    }

    /// Tells the configuration from others.
    pub(crate) fn print(&self) -> u64 {
        self.print
    }

    /// Whether no other configuration of the plugin was loaded after it.
    pub fn is_latest(&self, store: &impl SharedStore) -> bool {
        self.cell.read::<Register>(store).latest == self.print
    }
}

/// Takes note that the configuration of a plugin was refused which `print` tells from others.
pub fn note_refusal(plugin: &str, print: u64, cx: Context<'_, impl SharedStore>) {
    // The log has all of it; here it stands for whoever looks which it was.
    Notice::of_change(&last_refused(plugin), print, cx);
}

fn last_refused(plugin: &str) -> Cell {
    Cell::alone(key(plugin, &["refused"]), 0)
}

impl Register {
    /// The number of a load, and whether it is a new one. A VM that was there `before`
    /// counts on. One that has just begun may be late for a load that others have
    /// made already.
    fn note(&mut self, print: u64, before: Option<u64>, now: Instant) -> (u64, bool) {
        self.recent.retain(|(.., at)| now.since(*at) < AT_THE_SAME_TIME);
        let made = |(known, number, _): &(u64, u64, Instant)| (*known == print).then_some(*number);
        let number = match before {
            Some(before) => before.saturating_add(1),
            None => match self.recent.iter().rev().find_map(made) {
                Some(number) => number,
                None => self.count.saturating_add(1),
            },
        };
        let first = number > self.count;
        if first {
            self.count = number;
            self.recent.push((print, number, now));
            if self.recent.len() > REMEMBERED {
                self.recent.remove(0);
            }
        }
        (number, first)
    }
}

impl State for Register {
    fn expires(&self) -> Instant {
        Instant::NEVER
    }

    fn encode(&self, to: &mut Encoder) {
        to.number(self.count).number(self.latest).number(self.build);
        to.number(self.recent.len() as u64);
        for (print, number, at) in &self.recent {
            to.number(*print).number(*number).instant(*at);
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let (count, latest, build) = (from.number()?, from.number()?, from.number()?);
        let length = from.number()?;
        let recent = (0..length).map(|_| Some((from.number()?, from.number()?, from.instant()?)));
        Some(Self { count, latest, build, recent: recent.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fake::FakeStore;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SECOND: Nanos = 1_000_000_000;
    const NOW: Instant = Instant(1_000_000 * SECOND);

    /// A process, and how many loads it has counted.
    #[derive(Default)]
    struct Process {
        store: FakeStore,
        build: u64,
        counted: usize,
        builds: usize,
    }

    impl Process {
        fn load(&mut self, vm: &mut Seen, print: u64, now: Instant) {
            let loads = ConfigLoads::new("p", print, self.build);
            let result = loads.register("p", vm, Context::at(&self.store, now));
            self.counted += usize::from(result.load);
            self.builds += usize::from(result.build);
        }

        /// Envoy tries a configuration out, and hands it to the main thread.
        fn try_out(&mut self, main: &mut Seen, print: u64, now: Instant) {
            self.load(&mut Seen::default(), print, now);
            self.load(main, print, now);
        }
    }

    #[test]
    fn a_load_counts_once_however_many_vms_make_it() {
        let (mut process, mut main, mut worker) =
            (Process::default(), Seen::default(), Seen::default());
        for (load, print) in [(1, 7), (2, 8), (3, 7)] {
            process.try_out(&mut main, print, NOW);
            process.load(&mut worker, print, NOW);
            assert_eq!(process.counted, load);
        }
    }

    #[test]
    fn a_worker_may_come_late_to_one_load_after_the_next() {
        let (mut process, mut main) = (Process::default(), Seen::default());
        let mut workers = [Seen::default(), Seen::default()];
        process.try_out(&mut main, 7, NOW);
        process.try_out(&mut main, 8, NOW);
        for worker in &mut workers {
            process.load(worker, 7, NOW);
            process.load(worker, 8, NOW);
        }
        assert_eq!(process.counted, 2);
        process.try_out(&mut main, 9, NOW);
        workers.iter_mut().for_each(|worker| process.load(worker, 9, NOW));
        assert_eq!(process.counted, 3);
    }

    #[test]
    fn the_same_configuration_loaded_again_later_counts_again() {
        let (mut process, mut main) = (Process::default(), Seen::default());
        process.try_out(&mut main, 7, NOW);
        process.try_out(&mut Seen::default(), 7, NOW + 60 * SECOND);
        assert_eq!(process.counted, 2, "Envoy has dropped all VMs in between");
    }

    #[test]
    fn what_every_worker_loaded_last_is_the_latest() {
        let (mut process, mut main, mut worker) =
            (Process::default(), Seen::default(), Seen::default());
        process.try_out(&mut main, 7, NOW);
        process.try_out(&mut main, 8, NOW);
        process.load(&mut worker, 7, NOW);
        process.load(&mut worker, 8, NOW);
        assert!(ConfigLoads::new("p", 8, 0).is_latest(&process.store));
        assert!(!ConfigLoads::new("p", 7, 0).is_latest(&process.store));
    }

    #[test]
    fn a_build_is_news_once_until_another_takes_its_place() {
        let (mut process, mut main) = (Process { build: 1, ..Process::default() }, Seen::default());
        process.try_out(&mut main, 7, NOW);
        process.try_out(&mut main, 8, NOW);
        assert_eq!(process.builds, 1);
        process.build = 2;
        process.try_out(&mut Seen::default(), 8, NOW + 60 * SECOND);
        assert_eq!(process.builds, 2);
    }

    #[test]
    fn the_register_doesnt_grow() {
        let (mut process, mut main) = (Process::default(), Seen::default());
        (0..100).for_each(|print| process.try_out(&mut main, print, NOW));
        assert_eq!(process.counted, 100);
        let register = ConfigLoads::new("p", 0, 0).cell.read::<Register>(&process.store);
        assert_eq!(register.recent.len(), REMEMBERED);
    }
}
