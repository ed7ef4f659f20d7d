//! Medians and spreads.

use serde::Serialize;

/// The middle of some values, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// A quarter of the values lies below it.
    pub q1: f64,
    /// Half of them.
    pub median: f64,
    /// Three quarters of them.
    pub q3: f64,
}

impl Spread {
    /// The spread of `values`; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        Some(Self { q1: at(0.25)?, median: at(0.5)?, q3: at(0.75)? })
    }
}

/// The value below which a share of the sorted ones lies, between two of them if
/// need be.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_quartiles_at_the_quarters() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0, 5.0]);
        assert_eq!(spread, Some(Spread { q1: 2.0, median: 3.0, q3: 4.0 }));
        assert_eq!(Spread::of([1.0, 2.0]).map(|spread| spread.median), Some(1.5));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn one_outlier_moves_no_median() {
        let spread = Spread::of([1.0, 1.0, 1.0, 1.0, 900.0]);
        assert_eq!(spread.map(|spread| spread.median), Some(1.0));
    }

    #[test]
    fn the_ends_of_a_list_are_its_extremes() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!(
            [0.0, 1.0, 2.0].map(|share| quantile(&sorted, share)),
            [1.0, 4.0, 4.0].map(Some)
        );
    }
}
