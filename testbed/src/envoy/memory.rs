//! What an Envoy takes of the machine.

use anyhow::{Context, Result};

use super::process::Envoy;

impl Envoy {
    /// The bytes of memory that it holds (RSS).
    pub fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
        bytes_of(&status, "VmRSS").with_context(|| format!("no VmRSS in {path}"))
    }
}

/// A figure in one of the kernel's texts on a process, in bytes (proc_pid_status(5)).
pub fn bytes_of(text: &str, figure: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let smaps = "1-2 [rollup]\nRss:\t  900 kB\nAnonymous:     12 kB\nAnonHugePages: 7 kB\n";
        assert_eq!(bytes_of(smaps, "Rss"), Some(900 * 1024));
        assert_eq!(bytes_of(smaps, "Anonymous"), Some(12 * 1024));
        assert_eq!(bytes_of(smaps, "Anon"), None);
        assert_eq!(bytes_of("Threads:\t3\n", "Threads"), None);
    }
}
