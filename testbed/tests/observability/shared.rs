//! The one stack that all live trials look at.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;

use crate::stack::{self, Stack};

/// Starts the stack for the first that asks for it.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Option<KeptStack>>>);

/// A thread that the stack lives in: its processes die with the thread that started them.
struct KeptStack {
    stack: Result<Arc<Stack>, String>,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Shared {
    /// The running stack.
    pub fn stack(&self) -> Result<Arc<Stack>> {
        let mut keeper = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keeper = match &mut *keeper {
            Some(keeper) => keeper,
            empty => empty.insert(KeptStack::start()?),
        };
        keeper.stack.clone().map_err(|error| anyhow!(error))
    }

    /// Ends the stack, if it was started.
    pub fn end(&self) {
        let keeper = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(KeptStack { stack, end, thread }) = keeper {
            drop(stack);
            drop(end);
            // It has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl KeptStack {
    fn start() -> Result<Self> {
        let (started, stack) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || keep(started, ended));
        let stack = stack.recv().context("the stack's thread has ended")?;
        Ok(Self { stack, end, thread })
    }
}

fn keep(started: Sender<Result<Arc<Stack>, String>>, ended: oneshot::Receiver<()>) {
    let run = async {
        let (stack, mut load) = stack::start().await?;
        started.send(Ok(Arc::new(stack)))?;
        load.run_until(ended).await
    };
    if let Err(error) = crate::block_on(run) {
        // Nobody listens any more where the stack had started.
        let _ = started.send(Err(format!("{error:#}")));
        eprintln!("the load has ended: {error:#}");
    }
}
