//! The filter's metrics as `/stats` lists them, with their labels in their names.

use std::collections::{BTreeMap, BTreeSet};

/// What Envoy puts before the name of every metric of a Wasm module.
const PREFIX: &str = "wasmcustom.";

/// A series: its metric's name and its labels.
pub type Series = (String, BTreeMap<String, String>);

/// The filter's series on a page of `/stats`.
pub fn on_page(stats: &str) -> BTreeSet<Series> {
    stats.lines().filter_map(|line| parse(line.split(": ").next()?)).collect()
}

/// Takes a stat's name apart; `None` if it isn't a Wasm module's.
pub fn parse(stat: &str) -> Option<Series> {
    let mut rest = stat.strip_prefix(PREFIX)?;
    let mut labels = BTreeMap::new();
    while let Some((label, after)) = rest.split_once(";.;") {
        let (name, value) = label.split_once("=.=")?;
        labels.insert(name.to_owned(), value.to_owned());
        rest = after;
    }
    Some((rest.to_owned(), labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_taken_out_of_a_name() {
        let (name, labels) = parse("wasmcustom.probe=.=a-b;.;outcome=.=pass;.;total").unwrap();
        assert_eq!(name, "total");
        assert_eq!(labels, [("probe", "a-b"), ("outcome", "pass")].map(owned).into());
        assert_eq!(parse("wasmcustom.total"), Some(("total".into(), BTreeMap::new())));
        assert_eq!(parse("http.ingress.total"), None);
    }

    #[test]
    fn a_page_may_hold_histograms_and_the_stats_of_others() {
        let page = "cluster.app.a: 1\nwasmcustom.b: 0\nwasmcustom.c: P0(1,1) P25(1.02,1.02)\n";
        let names: Vec<_> = on_page(page).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "c"]);
    }

    fn owned((name, value): (&str, &str)) -> (String, String) {
        (name.into(), value.into())
    }
}
