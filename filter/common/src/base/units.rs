//! Quantities as they are written in the configuration.
//!
//! Every parser's error says what is wrong and what to write instead, ready to
//! stand behind the value that it is about.

use std::time::Duration;

/// The longest duration that a configuration may name.
///
/// Envoy takes timeouts as milliseconds; a day is far beyond any probe and far
/// below any overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a whole number: digits and nothing else, no sign either.
pub fn parse_digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads a number such as `12` or `12.5`, rounded to a whole one: digits, no sign, no
/// exponent.
pub fn parse_rounded(text: &[u8]) -> Option<u64> {
    let (whole, fraction) = match std::str::from_utf8(text).ok()?.split_once('.') {
        None => (std::str::from_utf8(text).ok()?, "0"),
        Some(parts) => parts,
    };
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let up = fraction.bytes().next().filter(|_| digits)? >= b'5';
    parse_digits::<u64>(whole)?.checked_add(u64::from(up))
}

/// Reads a duration such as `250ms`, `3s`, `1m` or `1h`. Seconds may have decimals, as
/// Envoy writes them: `0.5s`.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (whole, decimals, unit) = split_quantity(text).ok_or_else(not_a_duration)?;
    let per_unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, per_unit)| *per_unit);
    let milliseconds = match (per_unit, decimals) {
        (Some(per_unit), "") => whole.saturating_mul(per_unit),
        (Some(1_000), decimals) => {
            let thousandths = decimals.get(..3).unwrap_or(decimals);
            if decimals.bytes().skip(3).any(|digit| digit != b'0') {
                return Err(r#"is finer than a millisecond; write it like "1ms""#.to_owned());
            }
            let thousandths = parse_digits(&format!("{thousandths:0<3}")).unwrap_or(0);
            whole.saturating_mul(1_000).saturating_add(thousandths)
        }
        _ => return Err(mend_of(text, whole, decimals, unit)),
    };
    let duration = Duration::from_millis(milliseconds);
    if duration > LONGEST {
        return Err(r#"is longer than a day; write "24h" or less"#.to_owned());
    }
    Ok(duration)
}

/// The units of durations, in milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

fn not_a_duration() -> String {
    r#"is not a duration; write it like "250ms", "3s" or "1m""#.to_owned()
}

/// The number that a quantity begins with, its decimals, and what follows.
fn split_quantity(text: &str) -> Option<(u64, &str, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at_checked(digits(text))?;
    let (decimals, unit) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(digits(rest)).filter(|(it, _)| !it.is_empty())?,
        None => ("", rest),
    };
    Some((whole.parse().ok()?, decimals, unit))
}

/// What somebody most likely meant who wrote a duration in another notation.
fn mend_of(text: &str, whole: u64, decimals: &str, unit: &str) -> String {
    let meant = match unit_meant(unit) {
        // Nobody sets a probe's timeout to an hour and counts it in seconds.
        Some("s") if unit.is_empty() && decimals.is_empty() && whole >= 100 => {
            let seconds = whole / 1_000;
            match whole % 1_000 {
                0 => format!(r#"write "{whole}ms" or "{seconds}s""#),
                _ => format!(r#"write "{whole}ms""#),
            }
        }
        Some(unit) if decimals.is_empty() => format!(r#"write "{whole}{unit}""#),
        _ => match seconds_of(text) {
            Some(seconds) => format!(r#"write "{seconds}s""#),
            None => return not_a_duration(),
        },
    };
    format!("is not a duration; {meant}")
}

/// The seconds of a duration of several parts, such as Go writes them: `1m30s`.
fn seconds_of(text: &str) -> Option<u64> {
    let (mut rest, mut seconds) = (text, 0_u64);
    while !rest.is_empty() {
        let (whole, decimals, after) = split_quantity(rest)?;
        let (name, per_unit) =
            UNITS.iter().find(|(name, _)| after.starts_with(name) && *name != "ms")?;
        if !decimals.is_empty() {
            return None;
        }
        seconds = seconds.checked_add(whole.checked_mul(per_unit / 1_000)?)?;
        rest = after.strip_prefix(name)?;
    }
    Some(seconds)
}

/// The unit that somebody most likely meant: `3 sec` means `3s`. `None` where there is
/// more behind it.
fn unit_meant(written: &str) -> Option<&'static str> {
    let written = written.trim().to_ascii_lowercase();
    if written.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match written.as_str() {
        "" => Some("s"),
        w if w.starts_with("ms") || w.starts_with("mil") => Some("ms"),
        w if w.starts_with('m') => Some("m"),
        w if w.starts_with('h') => Some("h"),
        w if w.starts_with('s') => Some("s"),
        _ => None,
    }
}

/// A rate: so many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many; never 0.
    pub count: u32,
    /// In which time.
    pub per: Duration,
}

/// Reads a rate such as `50/s` or `10/m`.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let parse = || {
        let (count, per) = text.split_once('/')?;
        let per = match per {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            _ => return None,
        };
        Some(Rate { count: parse_digits(count).filter(|count| *count > 0)?, per })
    };
    parse().ok_or_else(|| match parse_digits::<u32>(text) {
        Some(count @ 1..) => format!(r#"is not a rate; write "{count}/s""#),
        _ => r#"is not a rate; write it like "50/s" or "10/m""#.to_owned(),
    })
}

/// A share of a whole, in hundredths of a percent: 0 to 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// The whole.
    pub const WHOLE: Self = Self(10_000);

    /// `part` in `whole`, rounded down; 0 of nothing.
    pub fn of(part: u64, whole: u64) -> Self {
        let share = u128::from(part) * 10_000 / u128::from(whole.max(1));
        u16::try_from(share).map_or(Self::WHOLE, |share| Self(share.min(Self::WHOLE.0)))
    }

    /// Whether `part` is more than this share of `whole`, exactly.
    pub fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 > u128::from(self.0) * u128::from(whole)
    }

    /// Whether `part` is this share of `whole` at least, exactly.
    pub fn is_reached_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 >= u128::from(self.0) * u128::from(whole)
    }

    /// Half of it.
    #[must_use]
    pub fn half(self) -> Self {
        Self(self.0 / 2)
    }

    /// In thousandths, rounded down.
    pub fn thousandths(self) -> u16 {
        self.0 / 10
    }

    /// In whole percent, rounded down.
    pub fn percent(self) -> u64 {
        u64::from(self.0 / 100)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (percent, hundredths) = (self.0 / 100, self.0 % 100);
        match hundredths {
            0 => write!(formatter, "{percent} %"),
            tenths if tenths % 10 == 0 => write!(formatter, "{percent}.{} %", tenths / 10),
            _ => write!(formatter, "{percent}.{hundredths:02} %"),
        }
    }
}

/// Reads a share such as `50%` or `0.5%`, with at most two decimals.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn parse_share(text: &str) -> Result<Share, String> {
    let parse = || {
        let number = text.strip_suffix('%')?;
        let (percent, decimals) = number.split_once('.').unwrap_or((number, "0"));
        if decimals.is_empty() || decimals.len() > 2 {
            return None;
        }
        let hundredths: u16 = parse_digits(&format!("{decimals:0<2}"))?;
        let share = parse_digits::<u16>(percent)?.checked_mul(100)?.checked_add(hundredths)?;
        (share <= Share::WHOLE.0 && !percent.is_empty()).then_some(Share(share))
    };
    parse().ok_or_else(|| match parse_digits::<u8>(text) {
        Some(percent @ 1..=100) => format!(r#"is not a share; write "{percent}%""#),
        _ => r#"is not a share; write it like "50%" or "0.5%""#.to_owned(),
    })
}

/// Reads a size in bytes such as `512B`, `64KiB` or `1MiB`.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 1_024), ("MiB", 1_024 * 1_024), ("B", 1)];
    let parse = || {
        let (number, unit) =
            units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
        parse_digits::<usize>(number)?.checked_mul(unit)
    };
    parse().ok_or_else(|| r#"is not a size; write it like "64KiB""#.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_number_is_rounded_to_a_whole_one() {
        for (text, number) in
            [("0", 0), ("12", 12), ("12.4999", 12), ("12.5", 13), ("007.0", 7), ("0.5", 1)]
        {
            assert_eq!(parse_rounded(text.as_bytes()), Some(number), "{text}");
        }
        let most = u64::MAX.to_string();
        assert_eq!(parse_rounded(most.as_bytes()), Some(u64::MAX));
        assert_eq!(parse_rounded(format!("{most}.5").as_bytes()), None);
    }

    #[test]
    fn what_is_not_an_unsigned_decimal_number_is_none() {
        for text in ["", ".", "1.", ".5", "+1", "-1", "1e3", "1,5", "1.5.0", " 1", "0x1", "1.x"] {
            assert_eq!(parse_rounded(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_rounded(b"1\xff"), None);
        assert_eq!(parse_rounded("9".repeat(21).as_bytes()), None);
    }

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(parse_duration("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_duration("24h"), Ok(LONGEST));
    }

    #[test]
    fn the_mend_keeps_the_number_and_guesses_the_unit() {
        for (written, mend) in
            [("3 sec", "\"3s\""), ("3", "\"3s\""), ("5 minutes", "\"5m\""), ("9MS", "\"9ms\"")]
        {
            let error = parse_duration(written).unwrap_err();
            assert!(error.ends_with(mend), "{written}: {error}");
        }
    }

    #[test]
    fn a_large_number_without_a_unit_most_likely_counts_milliseconds() {
        for (written, mend) in [
            ("3000", r#"write "3000ms" or "3s""#),
            ("250", r#"write "250ms""#),
            ("90", r#"write "90s""#),
        ] {
            let error = parse_duration(written).unwrap_err();
            assert!(error.ends_with(mend), "{written}: {error}");
        }
    }

    #[test]
    fn seconds_may_have_decimals_as_envoy_writes_them() {
        for (written, milliseconds) in
            [("0.5s", 500), ("1.25s", 1_250), ("2.0s", 2_000), ("0.001000s", 1)]
        {
            assert_eq!(parse_duration(written), Ok(Duration::from_millis(milliseconds)));
        }
        assert!(parse_duration("0.0005s").unwrap_err().contains("finer than a millisecond"));
        for written in [".5s", "1.s", "1.5m", "1.5ms", "1.5"] {
            assert!(parse_duration(written).unwrap_err().contains("\"250ms\""), "{written}");
        }
    }

    #[test]
    fn a_duration_of_several_parts_is_written_in_one() {
        for (written, mend) in [("1m30s", "\"90s\""), ("1h30m", "\"5400s\"")] {
            let error = parse_duration(written).unwrap_err();
            assert!(error.ends_with(mend), "{written}: {error}");
        }
        for written in ["1m30", "1s500ms", "1m1.5s", "1m30x", "1m99999999999999999999s"] {
            assert!(parse_duration(written).unwrap_err().contains("\"250ms\""), "{written}");
        }
    }

    #[test]
    fn what_cant_be_guessed_gets_examples() {
        for written in ["", "soon", "-1s", "3 days", "ß"] {
            assert!(parse_duration(written).unwrap_err().contains("\"250ms\""), "{written}");
        }
    }

    #[test]
    fn a_duration_beyond_a_day_is_refused_without_overflow() {
        for written in ["25h", "18446744073709551615h"] {
            assert!(parse_duration(written).unwrap_err().contains("24h"), "{written}");
        }
    }

    #[test]
    fn a_rate_is_a_count_and_a_time() {
        assert_eq!(parse_rate("50/s"), Ok(Rate { count: 50, per: Duration::from_secs(1) }));
        assert_eq!(parse_rate("10/m"), Ok(Rate { count: 10, per: Duration::from_secs(60) }));
        assert!(parse_rate("50").unwrap_err().ends_with(r#"write "50/s""#));
        for written in ["0/s", "-1/s", "+1/s", "1.5/s", "50/h", "/s", "99999999999/s"] {
            assert!(parse_rate(written).unwrap_err().contains("\"50/s\""), "{written}");
        }
    }

    #[test]
    fn a_share_is_a_percentage_with_at_most_two_decimals() {
        for (written, hundredths) in
            [("50%", 5_000), ("0%", 0), ("100%", 10_000), ("0.5%", 50), ("99.95%", 9_995)]
        {
            assert_eq!(parse_share(written), Ok(Share(hundredths)), "{written}");
        }
        assert!(parse_share("50").unwrap_err().ends_with(r#"write "50%""#));
        for written in ["50 %", "101%", "100.01%", "-1%", "0.%", ".5%", "1.234%", "%"] {
            assert!(parse_share(written).unwrap_err().contains("\"50%\""), "{written}");
        }
    }

    #[test]
    fn a_share_is_compared_exactly_and_shown_as_written() {
        let third = Share::of(1, 3);
        assert_eq!(third.to_string(), "33.33 %");
        assert!(third.is_exceeded_by(1, 3), "a third is a little more than 33.33 %");
        assert!(!Share::WHOLE.is_exceeded_by(u64::MAX, u64::MAX));
        assert!(Share::WHOLE.is_reached_by(3, 3));
        assert!(!Share::WHOLE.is_reached_by(2, 3));
        assert_eq!(Share(50).to_string(), "0.5 %");
        assert_eq!(Share::of(1, 0), Share::WHOLE, "never above the whole");
        assert_eq!(Share::of(0, 0), Share(0));
    }

    #[test]
    fn a_size_is_a_number_of_bytes() {
        assert_eq!(parse_size("512B"), Ok(512));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("1MiB"), Ok(1_048_576));
        for written in ["64", "64KB", "-1B", "KiB", "18446744073709551615MiB"] {
            assert!(parse_size(written).unwrap_err().contains("\"64KiB\""), "{written}");
        }
    }
}
