//! What an Envoy takes of the machine.

use anyhow::{Context, Result};

use super::Envoy;

impl Envoy {
    /// The bytes of memory that it holds (RSS).
    pub fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
        resident(&status).with_context(|| format!("no VmRSS in {path}"))
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_part_is_read() {
        let status = "VmSize:\t  900 kB\nVmRSS:\t    12 kB\nThreads:\t3\n";
        assert_eq!(resident(status), Some(12 * 1024));
        assert_eq!(resident("VmSize:\t  900 kB\n"), None);
    }
}
