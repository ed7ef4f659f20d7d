//! From values to places.

/// Maps values evenly to places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    values: (f64, f64),
    places: (f64, f64),
}

impl Scale {
    /// Maps the values from `values.0` to `values.1` to the places from
    /// `places.0` to `places.1`, which may run downwards.
    pub fn new(values: (f64, f64), places: (f64, f64)) -> Self {
        Self { values, places }
    }

    /// The place of `value`; beyond the ends, the nearest end.
    pub fn place(&self, value: f64) -> f64 {
        let (from, to) = self.values;
        let share = if to > from { ((value - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// Round values on the scale, about so many.
    pub fn ticks(&self, about: u32) -> Vec<f64> {
        let (from, to) = self.values;
        let step = round_step(to - from, about);
        let mut ticks = Vec::new();
        let mut count = (from / step).ceil();
        // Half a thousandth forgives what the division has lost.
        while count * step <= to + step * 0.0005 {
            ticks.push(count * step);
            count += 1.0;
        }
        ticks
    }
}

/// The least round value that is not below `value`, for the top of an axis with
/// about so many ticks. At least 1: nothing here is measured in fractions.
pub fn round_top(value: f64, about: u32) -> f64 {
    let step = round_step(value.max(1.0), about);
    (value.max(1.0) / step).ceil() * step
}

/// 1, 2 or 5 times a power of ten, so that `span` holds about so many of them.
fn round_step(span: f64, about: u32) -> f64 {
    let rough = span / f64::from(about.max(1));
    if !rough.is_finite() || rough <= 0.0 {
        return 1.0;
    }
    let magnitude = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| round * magnitude >= rough * 0.999);
    round.unwrap_or(10.0) * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_its_place_between_the_ends() {
        let down = Scale::new((0.0, 50.0), (200.0, 100.0));
        assert_eq!([0.0, 25.0, 50.0].map(|value| down.place(value)), [200.0, 150.0, 100.0]);
        assert_eq!([-1.0, 51.0].map(|value| down.place(value)), [200.0, 100.0]);
    }

    #[test]
    fn an_empty_scale_has_one_place() {
        let empty = Scale::new((3.0, 3.0), (10.0, 20.0));
        assert_eq!(empty.place(3.0), 10.0);
        assert!(empty.ticks(5).len() <= 1);
    }

    #[test]
    fn ticks_are_round_and_within() {
        let ticks = |to, about| Scale::new((0.0, to), (0.0, 1.0)).ticks(about);
        assert_eq!(ticks(1000.0, 4), [0.0, 500.0, 1000.0]);
        assert_eq!(ticks(1000.0, 5), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(ticks(14.3, 8), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]);
        assert_eq!(ticks(0.3, 3).len(), 4);
    }

    #[test]
    fn the_top_of_an_axis_is_round_and_not_below_the_values() {
        let tops = [0.0, 1.0, 3.0, 47.0, 50.0, 51.0, 1234.0].map(|value| round_top(value, 4));
        assert_eq!(tops, [1.0, 1.0, 3.0, 60.0, 60.0, 60.0, 1500.0]);
    }
}
