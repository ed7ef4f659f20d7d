//! From samples to series.

use std::collections::BTreeMap;

use super::recording::Recording;

/// The labels of a series, by name.
pub type Labels = BTreeMap<String, String>;

/// A value over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Seconds from the start, rising, and the value there.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// The value at `second`, along the straight lines between the points;
    /// beyond the ends, that of the nearest.
    pub fn at(&self, second: f64) -> f64 {
        let next = self.points.partition_point(|(at, _)| *at < second);
        match (self.points.get(next.wrapping_sub(1)), self.points.get(next)) {
            (Some((t0, v0)), Some((t1, v1))) => v0 + (v1 - v0) * (second - t0) / (t1 - t0),
            (Some((_, value)), None) | (None, Some((_, value))) => *value,
            (None, None) => 0.0,
        }
    }

    /// By how much it rises in each of the times between `edges`.
    pub fn rises(&self, edges: &[f64]) -> Vec<f64> {
        edges.windows(2).map(|edge| (self.at(edge[1]) - self.at(edge[0])).max(0.0)).collect()
    }

    /// The greatest value.
    pub fn max(&self) -> f64 {
        self.points.iter().map(|(_, value)| *value).fold(0.0, f64::max)
    }
}

/// Counters: the series of `metric` added up by `key`. Before a counter is first
/// seen it is 0, so that its first rise isn't lost.
pub fn counters(
    recording: &Recording,
    metric: &str,
    key: impl Fn(&Labels) -> String,
) -> BTreeMap<String, Series> {
    let mut series = gauges(recording, metric, key);
    let seconds: Vec<_> = recording.samples.iter().map(|sample| sample.at.as_secs_f64()).collect();
    for Series { points } in series.values_mut() {
        let first = points.first().map_or(f64::INFINITY, |(at, _)| *at);
        let before = seconds.iter().take_while(|second| **second < first);
        points.splice(0..0, before.map(|second| (*second, 0.0)));
    }
    series
}

/// Gauges: the series of `metric` added up by `key`, where they are there.
pub fn gauges(
    recording: &Recording,
    metric: &str,
    key: impl Fn(&Labels) -> String,
) -> BTreeMap<String, Series> {
    let mut series: BTreeMap<String, Series> = BTreeMap::new();
    for sample in &recording.samples {
        let second = sample.at.as_secs_f64();
        for (labels, value) in sample.metrics.labelled(metric) {
            let points = &mut series.entry(key(labels)).or_default().points;
            match points.last_mut() {
                Some((at, sum)) if *at == second => *sum += value,
                _ => points.push((second, value)),
            }
        }
    }
    series
}

/// The value of one label; nothing where it isn't there.
pub fn label(labels: &Labels, name: &str) -> String {
    labels.get(name).cloned().unwrap_or_default()
}

/// The edges of times of `width` seconds, from the start of the recording to its
/// end. The last one is longer or shorter by half of that at most: what a sliver
/// of time holds says nothing about a rate.
pub fn edges(recording: &Recording, width: f64) -> Vec<f64> {
    let length = recording.length().as_secs_f64();
    let mut edges = vec![0.0];
    let mut count = 1.0;
    while (count + 0.5) * width <= length {
        edges.push(count * width);
        count += 1.0;
    }
    if length > 0.0 {
        edges.push(length);
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::super::tests::recording;
    use super::*;

    fn by_probe(labels: &Labels) -> String {
        label(labels, "probe")
    }

    #[test]
    fn between_two_points_a_series_runs_straight() {
        let series = Series { points: vec![(1.0, 10.0), (2.0, 20.0), (4.0, 20.0)] };
        let values = [0.0, 1.0, 1.5, 2.0, 3.0, 5.0].map(|second| series.at(second));
        assert_eq!(values, [10.0, 10.0, 15.0, 20.0, 20.0, 20.0]);
        assert_eq!(Series::default().at(1.0), 0.0);
    }

    #[test]
    fn no_rise_is_lost_or_told_twice() {
        let series = Series { points: vec![(0.1, 2.0), (0.6, 7.0), (0.9, 7.0), (1.6, 14.0)] };
        let rises = series.rises(&[0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(rises.len(), 4);
        assert!((rises.iter().sum::<f64>() - 12.0).abs() < 1e-9, "{rises:?}");
        // Four fifths of the way from 2 to 7 lie in the first half second.
        assert!((rises[0] - 4.0).abs() < 1e-9, "{rises:?}");
    }

    #[test]
    fn a_counter_that_starts_anew_does_not_fall() {
        let series = Series { points: vec![(0.0, 9.0), (1.0, 1.0), (2.0, 3.0)] };
        assert_eq!(series.rises(&[0.0, 1.0, 2.0]), [0.0, 2.0]);
    }

    #[test]
    fn series_that_share_a_key_add_up() {
        let recording = recording(&["a{probe=\"x\",o=\"1\"} 1\na{probe=\"x\",o=\"2\"} 2\n"]);
        let series = counters(&recording, "a", by_probe);
        assert_eq!(series["x"].points, [(0.0, 3.0)]);
    }

    #[test]
    fn a_counter_is_nought_before_it_is_seen_and_a_gauge_is_not_there() {
        let recording = recording(&["", "a{probe=\"x\"} 4", "a{probe=\"x\"} 6"]);
        assert_eq!(counters(&recording, "a", by_probe)["x"].points[..2], [(0.0, 0.0), (0.1, 4.0)]);
        assert_eq!(gauges(&recording, "a", by_probe)["x"].points[0], (0.1, 4.0));
    }

    #[test]
    fn the_times_hold_all_of_the_recording_and_no_sliver() {
        let lasting = |samples| edges(&recording(&vec![""; samples]), 0.5);
        assert_eq!(lasting(11), [0.0, 0.5, 1.0]);
        assert_eq!(lasting(13), [0.0, 0.5, 1.2]);
        assert_eq!(lasting(14), [0.0, 0.5, 1.0, 1.3]);
        assert_eq!(lasting(2), [0.0, 0.1]);
        assert_eq!(edges(&Recording::default(), 0.5), [0.0]);
    }
}
