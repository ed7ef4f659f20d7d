//! Envoys whose wall time can be set, by way of `testbed/preload/clock.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::process::Envoy;

impl Envoy {
    /// Has wall time be off by so many seconds from now on.
    pub fn set_clock(&self, seconds: i64) -> Result<()> {
        set(self.home.path(), seconds)
    }
}

/// Has `command` look into a file in `home` by how much its clock is off.
pub(super) fn make_settable(command: &mut Command, home: &Path, clock: &Path) -> Result<()> {
    set(home, 0)?;
    command.env("LD_PRELOAD", clock).env("TESTBED_CLOCK", offset_in(home));
    Ok(())
}

/// The file is read with every look at the clock: it must be whole at any time.
fn set(home: &Path, seconds: i64) -> Result<()> {
    let (path, new) = (offset_in(home), home.join("clock.new"));
    std::fs::write(&new, seconds.to_string())
        .and_then(|()| std::fs::rename(&new, &path))
        .with_context(|| format!("can't write {}", path.display()))
}

fn offset_in(home: &Path) -> PathBuf {
    home.join("clock")
}
