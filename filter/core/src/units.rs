//! Quantities as they are written in the configuration.

use std::time::Duration;

/// The longest duration that a configuration may name.
///
/// Envoy takes timeouts as milliseconds; a day is far beyond any probe and far
/// below any overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a duration such as `250ms`, `3s`, `1m` or `1h`.
///
/// # Errors
/// A sentence that says what is wrong and what to write instead, ready to stand
/// behind the value it is about.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or(("", text));
    let not_a_duration = || r#"is not a duration; write it like "250ms", "3s" or "1m""#.to_owned();
    let number = number.parse::<u64>().map_err(|_| not_a_duration())?;
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let Some(milliseconds) = milliseconds else {
        let Some(mend) = unit_meant(unit) else { return Err(not_a_duration()) };
        return Err(format!(r#"is not a duration; write "{number}{mend}""#));
    };
    let duration = Duration::from_millis(number.saturating_mul(milliseconds));
    if duration > LONGEST {
        return Err(r#"is longer than a day; write "24h" or less"#.to_owned());
    }
    Ok(duration)
}

/// The unit that somebody most likely meant: `3 sec` means `3s`.
fn unit_meant(written: &str) -> Option<&'static str> {
    let written = written.trim().to_ascii_lowercase();
    match written.as_str() {
        "" => Some("s"),
        w if w.starts_with("ms") || w.starts_with("mil") => Some("ms"),
        w if w.starts_with('m') => Some("m"),
        w if w.starts_with('h') => Some("h"),
        w if w.starts_with('s') => Some("s"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

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
    fn what_cant_be_guessed_gets_examples() {
        for written in ["", "soon", "-1s", "1.5s", "3 days", "ß"] {
            assert!(parse_duration(written).unwrap_err().contains("\"250ms\""), "{written}");
        }
    }

    #[test]
    fn a_duration_beyond_a_day_is_refused_without_overflow() {
        for written in ["25h", "18446744073709551615h"] {
            assert!(parse_duration(written).unwrap_err().contains("24h"), "{written}");
        }
    }
}
