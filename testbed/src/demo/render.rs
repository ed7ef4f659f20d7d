//! How the demo looks: plain text, for a hundred columns.

use std::path::Path;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::compare::{Fact, Line};
use super::counters::Counter;
use super::step::{Act, Header, written};

/// Widths of the columns, each with the gap behind it. No header's name is
/// broken in two.
const LINE: [u16; 4] = [21, 42, 34, 3];
const COUNTER: [u16; 4] = [63, 17, 17, 3];

const GAP: u16 = 2;
const WIDTH: usize = 100;

/// The head of the table that the acts make up.
pub fn head() -> String {
    let head = ["what was sent", "what came back", "what the application saw", "ok?"];
    format!("\n{}\n{}\n", table(LINE, [head.map(String::from)]), "─".repeat(WIDTH))
}

/// An act, with what came of its steps.
pub fn act(act: &Act, lines: &[Line]) -> String {
    let rule = |who, headers: &[Header]| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| written(name, *value)).collect();
        if headers.is_empty() { String::new() } else { format!("  {who} {}\n", headers.join(", ")) }
    };
    let rows = lines.iter().map(|line| {
        [line.sent.join("\n"), facts(&line.answer), facts(&line.arrival), mark(line.is_right())]
    });
    format!(
        "{}\n{}{}{}\n\n",
        act.heading.to_uppercase(),
        rule("answers have", &act.answers),
        rule("the application sees", &act.arrivals),
        table(LINE, rows)
    )
}

/// The counters.
pub fn counters(counters: &[Counter]) -> String {
    let head = ["counters in Envoy's Prometheus endpoint", "expected", "got", "ok?"];
    let rows = counters.iter().map(|counter| {
        let got = counter.got.map_or_else(|| "none".into(), |got| got.to_string());
        [counter.series.clone(), counter.expected.to_string(), got, mark(counter.is_right())]
    });
    format!(
        "{}\n{}\n{}\n\n",
        table(COUNTER, [head.map(String::from)]),
        "─".repeat(WIDTH),
        table(COUNTER, rows)
    )
}

/// The last words.
pub fn closing(verdicts: &[bool], report: &Path) -> String {
    let all = verdicts.len();
    let wrong = verdicts.iter().filter(|right| !**right).count();
    let verdict = match wrong {
        0 => format!("All {all} lines are as they should be."),
        _ => format!("{wrong} of {all} lines are not as they should be."),
    };
    let report = report.display();
    format!("{verdict}\nPictures of what happened: {report}\nTo try it yourself: make run\n")
}

fn facts(facts: &[Fact]) -> String {
    facts.iter().map(Fact::to_string).collect::<Vec<_>>().join("\n")
}

fn mark(right: bool) -> String {
    if right { "ok" } else { "✗" }.into()
}

fn table(widths: [u16; 4], rows: impl IntoIterator<Item = [String; 4]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.add_rows(rows);
    for (column, width) in table.column_iter_mut().zip(widths) {
        column
            .set_padding((0, GAP))
            .set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    if let Some(last) = table.column_mut(LINE.len() - 1) {
        last.set_padding((0, 0));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong() -> Line {
        let fact = Fact::Wrong {
            what: "x-heartbeat-status".into(),
            expected: "ready".into(),
            got: "none".into(),
        };
        Line {
            sent: vec!["GET /health".into(), "twice".into()],
            answer: vec![Fact::Right("200".into()), fact],
            arrival: vec![],
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        let act_of_one =
            Act { heading: "Act", answers: vec![("x", None)], arrivals: vec![], steps: vec![] };
        let text = act(&act_of_one, &[wrong()]);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words,
            "ACT answers have no x header GET /health 200 ✗ twice ✗ x-heartbeat-status expected \
             ready, got none"
        );
    }

    #[test]
    fn nothing_is_wider_than_the_table() {
        for text in [head(), act(&crate::demo::acts::all()[0], &[wrong()])] {
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        }
    }

    #[test]
    fn a_missing_counter_is_told() {
        let text = counters(&[Counter { series: "a".into(), expected: 2.0, got: None }]);
        let last = text.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
        assert_eq!(last.split_whitespace().collect::<Vec<_>>(), ["a", "2", "none", "✗"]);
    }

    #[test]
    fn the_closing_line_counts_what_is_wrong() {
        let closing = |verdicts| closing(verdicts, Path::new("dist/demo-report.html"));
        assert!(closing(&[true, true]).starts_with("All 2 lines are as they should be."));
        assert!(closing(&[true, false, false]).starts_with("2 of 3 lines are not"));
        assert!(closing(&[true]).contains("dist/demo-report.html\n"));
    }
}
