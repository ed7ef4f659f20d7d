//! From the cumulative buckets of a Prometheus histogram to how many fell where
//! and when.

use super::recording::Recording;
use super::series::{Series, counters, label};

/// How many observations fell between which bounds, in each of several times.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Above this.
    pub above: f64,
    /// And up to this; may be infinite.
    pub up_to: f64,
    /// How many, in each of the times.
    pub counts: Vec<f64>,
}

/// The rows of the histogram `metric`, all its series together, from the lowest
/// that holds anything to the highest.
pub fn rows(recording: &Recording, metric: &str, edges: &[f64]) -> Vec<Row> {
    let mut rows = all_rows(recording, metric, edges);
    let holds = |row: &Row| row.counts.iter().any(|count| *count >= NOTICEABLE);
    let last = rows.iter().rposition(holds);
    rows.truncate(last.map_or(0, |last| last + 1));
    let first = rows.iter().position(holds).unwrap_or(0);
    rows.split_off(first)
}

/// Less than this is what the straight line between two samples leaves of one
/// observation in a neighbouring time.
pub const NOTICEABLE: f64 = 0.05;

fn all_rows(recording: &Recording, metric: &str, edges: &[f64]) -> Vec<Row> {
    let buckets = counters(recording, &format!("{metric}_bucket"), |labels| label(labels, "le"));
    let mut buckets: Vec<(f64, Series)> = buckets
        .into_iter()
        .filter_map(|(bound, series)| Some((bound.parse().ok()?, series)))
        .collect();
    buckets.sort_by(|(one, _), (next, _)| one.total_cmp(next));

    let mut rows: Vec<Row> = Vec::new();
    let mut below = vec![0.0; edges.len().saturating_sub(1)];
    for (up_to, series) in buckets {
        let rises = series.rises(edges);
        let counts = rises.iter().zip(&below).map(|(all, below)| (all - below).max(0.0)).collect();
        rows.push(Row { above: rows.last().map_or(0.0, |row| row.up_to), up_to, counts });
        below = rises;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::tests::recording;
    use super::*;

    fn page(probe: &str, counts: [u32; 4]) -> String {
        ["0.5", "1", "5", "+Inf"]
            .iter()
            .zip(counts)
            .map(|(le, count)| format!("d_bucket{{probe=\"{probe}\",le=\"{le}\"}} {count}\n"))
            .collect()
    }

    #[test]
    fn an_observation_is_in_one_bucket_and_one_time() {
        let pages = [
            page("a", [0, 0, 0, 0]),
            page("a", [0, 2, 3, 3]) + &page("b", [0, 0, 1, 1]),
            page("a", [0, 2, 3, 4]) + &page("b", [0, 1, 2, 2]),
        ];
        let recording = recording(&pages.each_ref().map(String::as_str));
        let rows = rows(&recording, "d", &[0.0, 0.1, 0.2]);
        let shown: Vec<_> =
            rows.iter().map(|row| (row.above, row.up_to, row.counts.clone())).collect();
        // Nothing took less than 0.5: that row is left out.
        assert_eq!(
            shown,
            [
                (0.5, 1.0, vec![2.0, 1.0]),
                (1.0, 5.0, vec![2.0, 0.0]),
                (5.0, f64::INFINITY, vec![0.0, 1.0]),
            ]
        );
    }

    #[test]
    fn a_histogram_without_observations_has_no_rows() {
        let page = page("a", [0; 4]);
        assert!(rows(&recording(&[&page, &page]), "d", &[0.0, 0.1]).is_empty());
        assert!(rows(&recording(&[""]), "d", &[0.0, 0.1]).is_empty());
    }
}
