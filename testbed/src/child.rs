//! Child processes that never outlive the testbed.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

/// A child process; dropping it kills and reaps it.
///
/// It also dies with the thread that spawned it, even if that is killed: spawn
/// it from a thread that lives as long as the child should, such as the one
/// that runs `Runtime::block_on`.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
}

impl Child {
    /// Starts `command`.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        // SAFETY: between fork and exec only async-signal-safe calls are
        // allowed; this one is the bare system call prctl(PR_SET_PDEATHSIG).
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let process = command
            .spawn()
            .with_context(|| format!("can't start {}", command.get_program().display()))?;
        Ok(Self { process })
    }

    /// Its standard input, once, if the command piped it.
    pub fn take_stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.process.stdin.take()
    }

    /// Its standard output, once, if the command piped it.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.process.stdout.take()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.process.try_wait().context("can't ask for the child's state")
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait().context("can't wait for the child")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.process), signal)
            .with_context(|| format!("can't send {signal:?} to process {}", self.id()))
    }

    /// Kills it, unless it has ended already, and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().and_then(|()| self.process.wait()).context("can't kill a child")?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and kills it if it hasn't after `grace`.
    pub fn stop(mut self, grace: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + grace;
        while self.exited()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It fails only if the child is gone already.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Child {
        Child::spawn(Command::new("sleep").arg("60")).unwrap()
    }

    #[test]
    fn dropping_kills_and_reaps() {
        let child = sleeper();
        let id = child.id();
        drop(child);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_stopped_child_does_not_stay() {
        let child = sleeper();
        let id = child.id();
        child.signal(Signal::STOP).unwrap();
        drop(child);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn an_exit_is_noticed() {
        let mut child = sleeper();
        assert!(child.exited().unwrap().is_none());
        child.signal(Signal::KILL).unwrap();
        while child.exited().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
