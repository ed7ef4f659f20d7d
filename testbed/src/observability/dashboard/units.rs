//! Values in the units that Grafana's panels name.

use crate::report::frame::number;

/// A value in a unit, with so many decimals at most.
pub fn written(value: f64, unit: &str, decimals: Option<i32>) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let (value, unit) = match unit {
        "percentunit" => (value * 100.0, " %"),
        "percent" => (value, " %"),
        "ms" => scaled(
            value,
            &[(86_400_000.0, " d"), (3_600_000.0, " h"), (60_000.0, " min"), (1_000.0, " s")],
            " ms",
        ),
        "s" => scaled(
            value,
            &[(31_556_952.0, " y"), (86_400.0, " d"), (3_600.0, " h"), (60.0, " min"), (1.0, " s")],
            " s",
        ),
        "d" => (value, " d"),
        "reqps" => scaled(value, &[(1e6, "M req/s"), (1e3, "k req/s")], " req/s"),
        "ops" => scaled(value, &[(1e6, "M op/s"), (1e3, "k op/s")], " op/s"),
        "bytes" => scaled(
            value,
            &[(1_073_741_824.0, " GiB"), (1_048_576.0, " MiB"), (1_024.0, " KiB")],
            " B",
        ),
        "short" => scaled(value, &[(1e6, "M"), (1e3, "k")], ""),
        "none" | "" => (value, ""),
        // Said as it stands, so that a unit which nobody knows is seen.
        other => return format!("{} {other}", rounded(value, decimals)),
    };
    rounded(value, decimals) + unit
}

/// A value in the first of the steps that it fills.
fn scaled<'a>(value: f64, steps: &[(f64, &'a str)], least: &'a str) -> (f64, &'a str) {
    let step = steps.iter().find(|(step, _)| value.abs() >= *step);
    step.map_or((value, least), |(step, unit)| (value / step, unit))
}

/// With so many decimals, or else with three digits that say something.
fn rounded(value: f64, decimals: Option<i32>) -> String {
    let digits = value.abs().log10().floor();
    let wanted = if digits.is_finite() { (2 - digits as i32).clamp(0, 4) } else { 0 };
    let step = 10_f64.powi(decimals.unwrap_or(wanted));
    let value = (value * step).round() / step;
    // Small ones have more decimals than numbers on an axis.
    if value.abs() < 0.01 { (value + 0.0).to_string() } else { number(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_their_units() {
        let cases = [
            (0.1234, "percentunit", None, "12.3 %"),
            (0.99901, "percentunit", Some(2), "99.9 %"),
            (1500.0, "ms", None, "1.5 s"),
            (7.25, "ms", Some(1), "7.3 ms"),
            (90.0, "s", None, "1.5 min"),
            (1e9, "s", Some(0), "32 y"),
            (4.0, "reqps", None, "4 req/s"),
            (5400.0, "reqps", None, "5.4k req/s"),
            (0.0, "none", None, "0"),
            (-0.0, "", None, "0"),
            (0.0012, "none", None, "0.0012"),
            (3.0, "furlong", None, "3 furlong"),
            (f64::NAN, "ms", None, "NaN"),
        ];
        for (value, unit, decimals, text) in cases {
            assert_eq!(written(value, unit, decimals), text, "{value} {unit}");
        }
    }
}
