//! Rules that look back minutes and days, made to look back seconds: for a Prometheus that
//! runs for a few minutes and scrapes every second.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Each duration that a rule may have, and what it becomes: the same order, and never so
/// short that a rate has too few samples. Others are refused, as nobody has thought about
/// them.
const SHORT: [(&str, &str); 19] = [
    // Steps of subqueries.
    ("15s", "1s"),
    ("30s", "2s"),
    ("1m", "3s"),
    ("2m", "4s"),
    ("3m", "5s"),
    ("5m", "10s"),
    ("10m", "12s"),
    ("15m", "14s"),
    ("30m", "16s"),
    ("1h", "18s"),
    ("2h", "20s"),
    ("3h", "21s"),
    ("6h", "22s"),
    ("12h", "25s"),
    ("1d", "30s"),
    ("2d", "40s"),
    ("3d", "50s"),
    ("7d", "60s"),
    ("1w", "60s"),
];

/// Shortens every window, offset and waiting time in a file of rules.
///
/// # Errors
///
/// A duration that [`SHORT`] doesn't have, with the rule that has it.
pub fn shorten(file: &mut Value) -> Result<()> {
    let groups = file["groups"].as_array_mut().context("no groups of rules")?;
    for group in groups {
        shorten_key(group, "interval")?;
        let rules = group["rules"].as_array_mut().context("a group without rules")?;
        for rule in rules {
            let name = rule.get("record").or(rule.get("alert")).cloned().unwrap_or_default();
            shorten_rule(rule).with_context(|| name.to_string())?;
        }
    }
    Ok(())
}

fn shorten_rule(rule: &mut Value) -> Result<()> {
    shorten_key(rule, "for")?;
    shorten_key(rule, "keep_firing_for")?;
    let expression = rule["expr"].as_str().context("no expression")?;
    rule["expr"] = json!(in_expression(expression)?);
    Ok(())
}

fn shorten_key(of: &mut Value, key: &str) -> Result<()> {
    if let Some(duration) = of.get_mut(key) {
        *duration = json!(short(duration.as_str().unwrap_or_default())?);
    }
    Ok(())
}

/// Shortens what stands in brackets and behind `offset`; strings stay as they are.
fn in_expression(expression: &str) -> Result<String> {
    let (mut shortened, mut rest) = (String::new(), expression);
    while let Some(at) = rest.find(['"', '\'', '`', '[', 'o']) {
        let (before, from) = rest.split_at(at);
        shortened.push_str(before);
        let inside_a_word = shortened.ends_with(is_of_a_word);
        let (piece, after) = match from.as_bytes().first() {
            Some(b'[') => range(from)?,
            Some(b'o') if !inside_a_word && is_offset(from) => offset(from)?,
            Some(b'o') => ("o".to_owned(), from.split_at(1).1),
            _ => string(from)?,
        };
        shortened.push_str(&piece);
        rest = after;
    }
    Ok(shortened + rest)
}

fn is_offset(from: &str) -> bool {
    from.strip_prefix("offset").is_some_and(|behind| !behind.starts_with(is_of_a_word))
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// `[5m]`, or the `[1d:5m]` or `[1d:]` of a subquery.
fn range(from: &str) -> Result<(String, &str)> {
    let (inside, after) =
        from.strip_prefix('[').and_then(|it| it.split_once(']')).context("no closing bracket")?;
    let parts = inside.split(':').map(|part| match part.trim() {
        "" => Ok(""),
        duration => short(duration),
    });
    Ok((format!("[{}]", parts.collect::<Result<Vec<_>>>()?.join(":")), after))
}

/// `offset 1d`.
fn offset(from: &str) -> Result<(String, &str)> {
    let (word, behind) = from.split_at("offset".len());
    let behind = behind.trim_start();
    let (sign, behind) = behind.strip_prefix('-').map_or(("", behind), |rest| ("-", rest));
    let end = behind.find(|c| !is_of_a_word(c)).unwrap_or(behind.len());
    let (duration, after) = behind.split_at(end);
    Ok((format!("{word} {sign}{}", short(duration)?), after))
}

/// A string, up to the quote that ends it.
fn string(from: &str) -> Result<(String, &str)> {
    let mut chars = from.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != Some('`') {
            chars.next();
        } else if Some(c) == quote {
            let (string, after) = from.split_at(at + c.len_utf8());
            return Ok((string.to_owned(), after));
        }
    }
    bail!("no closing quote: {from}")
}

fn short(duration: &str) -> Result<&'static str> {
    let known = SHORT.iter().find(|(shipped, _)| *shipped == duration);
    known.map(|(_, short)| *short).with_context(|| {
        format!("nobody has said what becomes of {duration:?} where windows are short")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> String {
        in_expression(text).unwrap()
    }

    #[test]
    fn ranges_subqueries_and_offsets_are_shortened() {
        assert_eq!(expression("rate(a[5m]) / b offset 1d"), "rate(a[10s]) / b offset 30s");
        assert_eq!(
            expression("max_over_time((a > bool 0)[30m:15s] offset -1h)"),
            "max_over_time((a > bool 0)[16s:1s] offset -18s)"
        );
        assert_eq!(expression("a[1d:] + b[ 5m ]"), "a[30s:] + b[10s]");
        assert_eq!(expression("a\n  offset 1d\n  > 0"), "a\n  offset 30s\n  > 0");
    }

    #[test]
    fn names_and_strings_stay_what_they_are() {
        for kept in [
            "job:errors:ratio_rate5m > 0.5",
            r#"a{b=~"[5m] offset 7y \" [1w]", c='[9m]', d=~`\`} or on (job) b"#,
            "my_offset + offset_5m + job:offset",
            "predict_linear(a, 3600)",
        ] {
            assert_eq!(expression(kept), kept);
        }
    }

    #[test]
    fn a_duration_that_nobody_has_thought_about_is_refused() {
        for odd in ["rate(a[7m])", "a offset 5w", "a[1d:7s]", "a[5m", "a{b=\"c}", "a[300s]"] {
            assert!(in_expression(odd).is_err(), "{odd}");
        }
        let error = in_expression("rate(a[7m])").unwrap_err().to_string();
        assert!(error.contains("\"7m\""), "{error}");
    }

    #[test]
    fn waiting_times_and_intervals_are_shortened_and_words_are_not() {
        let mut file = json!({ "groups": [{ "interval": "1m", "rules": [
            { "alert": "A", "expr": "a[1d]", "for": "15m", "keep_firing_for": "1h",
              "annotations": { "summary": "for [5m]" } },
            { "record": "a:b:rate5m", "expr": "rate(b[5m])" },
        ] }] });
        shorten(&mut file).unwrap();
        let expected = json!({ "groups": [{ "interval": "3s", "rules": [
            { "alert": "A", "expr": "a[30s]", "for": "14s", "keep_firing_for": "18s",
              "annotations": { "summary": "for [5m]" } },
            { "record": "a:b:rate5m", "expr": "rate(b[10s])" },
        ] }] });
        assert_eq!(file, expected);
    }

    #[test]
    fn a_refusal_names_the_rule() {
        for odd in [
            json!({ "alert": "A", "expr": "a[4m]" }),
            json!({ "alert": "A", "expr": "a", "for": "4m" }),
        ] {
            let error = shorten(&mut json!({ "groups": [{ "rules": [odd] }] })).unwrap_err();
            assert!(format!("{error:#}").starts_with("\"A\": "), "{error:#}");
        }
        assert!(shorten(&mut json!({})).is_err());
    }

    #[test]
    fn what_is_longer_stays_longer() {
        let seconds = |duration: &str| {
            let (number, unit) = duration.split_at(duration.len() - 1);
            let unit = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3_600,
                "d" => 86_400,
                "w" => 604_800,
                other => panic!("{other}"),
            };
            number.parse::<u32>().unwrap() * unit
        };
        let pairs = SHORT.map(|(shipped, short)| (seconds(shipped), seconds(short)));
        let alike = |a: &(u32, u32), b: &(u32, u32)| a == b || (a.0 < b.0 && a.1 < b.1);
        assert!(pairs.is_sorted_by(alike), "{pairs:?}");
        assert!(pairs.iter().all(|(shipped, short)| short < shipped));
    }
}
