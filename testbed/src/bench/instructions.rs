//! What the core executes for one thing, as callgrind counts it: `scripts/instructions.sh`
//! writes it. Unlike times, they repeat.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Instructions by what they are spent on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Instructions(BTreeMap<String, u64>);

impl Instructions {
    /// Reads the file, where there is one.
    pub fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads lines of a name and a number.
    fn parse(text: &str) -> Result<Self> {
        let entry = |line: &str| {
            let (name, count) = line.split_once('\t').context("a line has no tab")?;
            Ok((name.to_owned(), count.trim().parse()?))
        };
        Ok(Self(text.lines().map(entry).collect::<Result<_>>()?))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One thing against another.
    pub fn ratio(&self, of: &str, against: &str) -> Option<f64> {
        Some(*self.0.get(of)? as f64 / *self.0.get(against)? as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_names_and_numbers_are_read() {
        let counted = Instructions::parse("a\t200\nb\t100\n").unwrap();
        assert_eq!(counted.ratio("a", "b"), Some(2.0));
        assert_eq!(counted.ratio("a", "c"), None);
        assert!(Instructions::parse("a 200").is_err());
    }
}
