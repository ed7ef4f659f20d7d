//! The shipped rules about dependencies, networks and base lines, on real Envoys under load and
//! a real Prometheus, with windows of seconds: services of which one fails, and TLS that fails
//! in every way.

mod case;
mod edges;
#[path = "../observability/faults.rs"]
mod faults;
mod lab;
mod rules;
mod tls;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools::Tools;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Processes die with the thread that has started them: this one, which runs the trials
    // where it is the only one. And nothing else shall take the machine's time.
    arguments.test_threads = Some(1);
    let runtime = match Runtime::new() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (fleet, lab) = (Shared::new(&runtime), Shared::new(&runtime));
    let mut trials = edges::trials(&fleet);
    trials.extend(rules::trials(&fleet));
    trials.extend(tls::trials(&lab));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // What runs ends here, and not with the process: it leaves no files behind.
    drop((fleet, lab));
    conclusion.exit_code()
}

fn tools() -> Tools {
    Tools::from_env(env!("CARGO_BIN_EXE_testbed"))
}

fn trial(name: &str, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || run().map_err(|error| Failed::from(format!("{error:#}"))))
}

/// What several trials look at, started for the first that does.
struct Shared<T> {
    runtime: Arc<Runtime>,
    started: Arc<OnceCell<T>>,
}

impl<T: Start + Send + Sync + 'static> Shared<T> {
    fn new(runtime: &Arc<Runtime>) -> Self {
        Self { runtime: runtime.clone(), started: Arc::default() }
    }

    /// A trial that looks at it.
    fn trial(
        &self,
        name: &str,
        look: impl AsyncFnOnce(&T) -> Result<()> + Send + 'static,
    ) -> Trial {
        let (runtime, started) = (self.runtime.clone(), self.started.clone());
        trial(name, move || {
            runtime.block_on(async { look(started.get_or_try_init(T::start).await?).await })
        })
    }
}

/// What can be started.
trait Start: Sized {
    /// Starts it.
    async fn start() -> Result<Self>;
}
