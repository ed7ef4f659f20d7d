//! How many series counters may have: all of them exist from the start, in every
//! worker, whatever the requests are like.

use crate::counters::rule::{CounterRule, Label, series_of};
use crate::reader::Reader;
use crate::reader::object::Object;

/// The most series of one metric.
const MOST_OF_ONE: usize = 64;
/// The most series of all counters together.
const MOST_OF_ALL: usize = 512;

/// Refuses a counter with too many series, with the arithmetic.
pub(super) fn limit_one(place: &Reader<'_>, labels: &[Label]) {
    let series = series_of(labels);
    if series <= MOST_OF_ONE {
        return;
    }
    let factors: Vec<String> =
        labels.iter().map(|label| format!("({} + 1)", label.values.len())).collect();
    let factors = factors.join(" × ");
    let series = if series < usize::MAX { series.to_string() } else { "far too many".to_owned() };
    place.error(format!(
        "{factors} = {series} series, and a metric may have {MOST_OF_ONE}; name fewer values"
    ));
}

/// Refuses counters with too many series together, with the arithmetic.
pub(super) fn limit_all(root: &Object<'_>, rules: &[CounterRule]) {
    let all: usize = rules.iter().map(CounterRule::series).sum();
    let Some(place) = root.get("counters").filter(|_| all > MOST_OF_ALL) else { return };
    let each: Vec<String> =
        rules.iter().map(|rule| format!("{} ({})", rule.series(), rule.name)).collect();
    let each = each.join(" + ");
    place.error(format!(
        "{each} = {all} series, and all counters together may have {MOST_OF_ALL}; name fewer values, or count less"
    ));
}
