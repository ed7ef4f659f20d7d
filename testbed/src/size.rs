//! Sizes in bytes, as scenarios write them.

use std::fmt;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A number of bytes such as `64KiB`, `20MiB` or `7B`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        let read = |unit, bytes: u64| Some(text.strip_suffix(unit)?.parse::<u64>().ok()? * bytes);
        read("KiB", 1 << 10)
            .or_else(|| read("MiB", 1 << 20))
            .or_else(|| read("B", 1))
            .map(Self)
            .with_context(|| format!(r#"{text:?} is not a size; write "64KiB" or "20MiB""#))
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        format!("{}B", size.0)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_nonsense_is_not() {
        let size = |text: &str| Size::try_from(text.to_owned());
        assert_eq!(size("64KiB").unwrap(), Size(65_536));
        assert_eq!(size("20MiB").unwrap().to_string(), "20.0 MiB");
        assert_eq!(size("7B").unwrap(), Size(7));
        for wrong in ["", "B", "20", "MiB", "20 MiB", "-1MiB", "20MB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_that_is_passed_on_stays_the_same() {
        let size = Size(20 << 20);
        assert_eq!(Size::try_from(String::from(size)).unwrap(), size);
    }
}
