//! The pictures: what requests cost, and what more of something costs.

use maud::{Markup, PreEscaped, html};

use super::budgets::Judged;
use super::costs::Costs;
use super::scale::Series;
use super::stats::Spread;
use crate::report::frame::{WIDTH, number, px};
use crate::report::scale::{Scale, round_top};

/// Room for names.
const LEFT: f64 = 330.0;
const RIGHT: f64 = WIDTH - 70.0;
const TOP: f64 = 34.0;
const ROW: f64 = 19.0;

const STYLE: &str = concat!(
    include_str!("../report/style.css"),
    "svg { background: var(--paper); }\n\
     .dot { fill: var(--l1); } .dot.other { fill: var(--l5); }\n\
     .whisker { stroke: var(--l5); stroke-width: 3; }\n\
     .one { stroke: var(--ink); } .must { stroke: var(--bad); stroke-width: 2; }\n\
     svg text.head { fill: var(--ink); font-weight: 600; }\n",
);

/// A picture that stands by itself.
fn svg(title: &str, height: f64, picture: &Markup) -> String {
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(title)
            viewBox=(format!("0 0 {WIDTH} {height}")) {
            style { (PreEscaped(STYLE)) }
            text class="head" x="8" y="16" { (title) }
            (picture)
        }
    };
    markup.into_string() + "\n"
}

/// Each contender's cost against the first of its workload: the median as a dot, the
/// quartiles as a line. A stroke marks what ours must not be above.
pub fn costs(costs: &[Costs], budgets: &[Judged]) -> String {
    let ratios = costs.iter().flat_map(|workload| {
        let against = workload.reference.name();
        workload.contenders.iter().filter_map(move |cost| cost.ratios.get(against))
    });
    let most = ratios.map(|ratio| ratio.q3).fold(1.5, f64::max);
    let scale = Scale::new((0.8, (most * 10.0).ceil() / 10.0), (LEFT, RIGHT));
    let rows: f64 = costs.iter().map(|workload| workload.contenders.len() as f64 + 0.6).sum();
    let bottom = TOP + rows * ROW;
    let mut y = TOP;
    let mut groups = Vec::new();
    for workload in costs {
        groups.push(group(workload, budgets, scale, y));
        y += (workload.contenders.len() as f64 + 0.6) * ROW;
    }
    svg(
        "Processor time of Envoy for a request, against the first of each group",
        bottom + 30.0,
        &html! {
            @for tick in scale.ticks(10) {
                @let x = px(scale.place(tick));
                line class="grid" x1=(x) x2=(x) y1=(px(TOP)) y2=(px(bottom)) {}
                text class="tick" x=(x) y=(px(bottom + 16.0)) text-anchor="middle" {
                    (number(tick)) "×"
                }
            }
            @let one = px(scale.place(1.0));
            line class="one" x1=(one) x2=(one) y1=(px(TOP)) y2=(px(bottom)) {}
            @for group in groups { (group) }
        },
    )
}

fn group(workload: &Costs, budgets: &[Judged], scale: Scale, top: f64) -> Markup {
    let against = workload.reference.name();
    let row = |index: usize| top + (index as f64 + 0.8) * ROW;
    let name = format!("{}, {}", workload.name, workload.protocol.name());
    html! {
        text class="head" x="8" y=(px(row(0))) dominant-baseline="central" { (name) }
        @for (index, cost) in workload.contenders.iter().enumerate() {
            @let (y, who) = (row(index), cost.who.name());
            @let same = Spread { q1: 1.0, median: 1.0, q3: 1.0 };
            @let Spread { q1, median, q3 } = *cost.ratios.get(against).unwrap_or(&same);
            @let must = budgets.iter().find(|budget| {
                budget.what == format!("{name}: {who} against {against}")
            });
            text class="name" x=(px(LEFT - 8.0)) y=(px(y)) text-anchor="end"
                dominant-baseline="central" { (who) }
            line class="whisker" x1=(px(scale.place(q1))) x2=(px(scale.place(q3))) y1=(px(y)) y2=(px(y)) {
                title { (format!("{who}: {q1:.3} to {q3:.3}")) }
            }
            circle class=(if who.starts_with("ours") { "dot" } else { "dot other" })
                cx=(px(scale.place(median))) cy=(px(y)) r="4.5" {}
            @if let Some(Judged { must, .. }) = must {
                @let x = px(scale.place(*must));
                line class="must" x1=(x) x2=(x) y1=(px(y - 7.0)) y2=(px(y + 7.0)) {
                    title { (format!("at most {must}")) }
                }
            }
            text class="tick" x=(px(RIGHT + 8.0)) y=(px(y)) dominant-baseline="central" {
                (format!("{:.1} µs", cost.cpu_us.median))
            }
        }
    }
}

const PANEL: f64 = 150.0;
const GAP: f64 = 78.0;

/// The cost of a request against the number of something, a panel for each series.
pub fn scale(series: &[Series]) -> String {
    let height = TOP + series.len() as f64 * (PANEL + GAP);
    let tops = (0..series.len()).map(|index| TOP + 22.0 + index as f64 * (PANEL + GAP));
    svg(
        "Processor time of Envoy for a request, in microseconds",
        height,
        &html! { @for (series, top) in series.iter().zip(tops) { (panel(series, top)) } },
    )
}

fn panel(series: &Series, top: f64) -> Markup {
    let left = 92.0;
    let most = series.points.iter().map(|point| point.cpu_us.q3).fold(0.0, f64::max);
    let upwards = Scale::new((0.0, round_top(most, 4)), (top + PANEL, top));
    // Numbers grow by the same factor, more or less: they are set evenly.
    let last = series.points.len().saturating_sub(1) as f64;
    let across = Scale::new((0.0, last), (left + 30.0, RIGHT));
    let places: Vec<(f64, &super::scale::Point)> = series
        .points
        .iter()
        .enumerate()
        .map(|(index, point)| (across.place(index as f64), point))
        .collect();
    let line: Vec<String> = places
        .iter()
        .map(|(x, point)| format!("{},{}", px(*x), px(upwards.place(point.cpu_us.median))))
        .collect();
    html! {
        text class="head" x="8" y=(px(top - 10.0)) { (series.request) ", by the number of " (series.of) "; × against " (series.against) }
        @for tick in upwards.ticks(4) {
            @let y = px(upwards.place(tick));
            line class="grid" x1=(px(left)) x2=(px(RIGHT + 30.0)) y1=(y) y2=(y) {}
            text class="tick" x=(px(left - 8.0)) y=(y) text-anchor="end"
                dominant-baseline="central" { (number(tick)) }
        }
        polyline class="line l1" points=(line.join(" ")) {}
        @for (x, point) in &places {
            @let Spread { q1, median, q3 } = point.cpu_us;
            line class="whisker" x1=(px(*x)) x2=(px(*x)) y1=(px(upwards.place(q1))) y2=(px(upwards.place(q3))) {}
            circle class="dot" cx=(px(*x)) cy=(px(upwards.place(median))) r="4.5" {}
            text class="tick" x=(px(*x)) y=(px(upwards.place(q3) - 9.0)) text-anchor="middle" {
                (format!("{:.2}×", point.ratio.median))
            }
            text class="tick" x=(px(*x)) y=(px(top + PANEL + 16.0)) text-anchor="middle" {
                (point.count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::costs::Cost;
    use super::super::plan::{HttpVersion, Who};
    use super::super::scale::Point;
    use super::*;

    const SPREAD: Spread = Spread { q1: 1.0, median: 1.1, q3: 1.3 };

    fn workload() -> Costs {
        let cost = |who: Who, against: Option<Who>| Cost {
            who,
            cpu_us: SPREAD,
            rounds_us: vec![1.1],
            ratios: against.iter().map(|who| (who.name(), SPREAD)).collect::<BTreeMap<_, _>>(),
            p50_us: 1.0,
            p99_us: 2.0,
        };
        Costs {
            name: "ordinary GET",
            protocol: HttpVersion::Http1,
            reference: Who::NoFilter,
            contenders: vec![cost(Who::NoFilter, None), cost(Who::Ours, Some(Who::NoFilter))],
            beyond_one_a_ttl: None,
        }
    }

    #[test]
    fn the_pictures_are_whole_and_stand_by_themselves() {
        let series = Series {
            of: "rules",
            request: "ordinary GET",
            against: "the first",
            points: [1, 10].map(|count| Point { count, cpu_us: SPREAD, ratio: SPREAD }).into(),
        };
        for picture in [costs(&[workload()], &[]), scale(&[series])] {
            let document = roxmltree::Document::parse(&picture).unwrap();
            assert!(
                document
                    .descendants()
                    .any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "style")))
            );
        }
    }

    #[test]
    fn a_budget_is_marked_where_it_is_somebodys() {
        let workload = [workload()];
        let budgets = super::super::budgets::judge(&workload, None, &Default::default(), 0);
        assert_eq!(costs(&workload, &[]).matches("at most 1.18").count(), 0);
        assert_eq!(costs(&workload, &budgets).matches("at most 1.18").count(), 1);
    }
}
