//! The limit of open files, which is also that of connections.

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Enough for thousands of connections, in this process and in its children.
const ENOUGH: u64 = 65_536;

/// Raises the limit of this process, and of those that it starts from now on,
/// as far as the system lets it and no further than is of use.
pub fn allow_many() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).context("can't raise the limit of open files")?;
    }
    Ok(())
}
