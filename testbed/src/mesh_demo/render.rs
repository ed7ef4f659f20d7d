//! How the demo looks: plain text, for a hundred columns.

use std::path::Path;
use std::time::Duration;

use super::line::Line;
use super::stage::{INSTANCES, Stage};

/// The columns, each with what stands between it and the next.
const WIDTHS: [usize; 6] = [34, 20, 18, 15, 10, 3];

/// Who takes part, and the head of the table.
pub fn head(stage: &Stage) -> String {
    let way = if stage.by_mqtt { "as JSON over MQTT" } else { "as JSON by POST" };
    let heads = ["what happens", "first notice", "verdict", "traffic moved", "failed", "ok?"];
    format!(
        "\n{INSTANCES} instances; each is judged by a poll over HTTP (trust 0.9), a Watch over gRPC \
         (0.9),\nand an agent whose word comes {way} (0.6). A gateway takes 200 requests a \
         second.\n\n{}{}\n",
        row(heads.map(String::from)),
        "─".repeat(WIDTHS.iter().sum())
    )
}

/// A line of the table, and what is wrong with it.
pub fn line(line: &Line) -> String {
    let moved = line.moved.map_or_else(|| "–".into(), |moved| format!("after {}", ms(moved)));
    let wrong: String = line.wrong.iter().map(|wrong| format!("  ✗ {wrong}\n")).collect();
    row([
        line.name.into(),
        said(line.notice.as_ref()),
        said(line.verdict.as_ref()),
        moved,
        format!("{} of {}", line.failed, line.sent),
        if line.is_right() { "ok" } else { "✗" }.into(),
    ]) + &wrong
}

/// The last words.
pub fn closing(lines: &[Line], report: &Path) -> String {
    let wrong = lines.iter().filter(|line| !line.is_right()).count();
    let verdict = match wrong {
        0 => format!("All {} lines are as they should be.", lines.len()),
        _ => format!("{wrong} of {} lines are not as they should be.", lines.len()),
    };
    format!("\n{verdict}\nPictures of what happened: {}\n", report.display())
}

/// When something was said, and what.
pub fn said(what: Option<&(Duration, String)>) -> String {
    what.map_or_else(|| "–".into(), |(took, verdict)| format!("{verdict}, {}", ms(*took)))
}

/// A duration in milliseconds.
pub fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

fn row(cells: [String; 6]) -> String {
    let padded = cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:width$}"));
    padded.collect::<String>().trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_fits_into_its_column_and_what_is_wrong_is_told() {
        for event in super::super::plot::events() {
            assert!(event.name.chars().count() < WIDTHS[0], "{}", event.name);
        }
        let wrong = Line { name: "x", wrong: vec!["too late".into()], ..Line::default() };
        assert!(line(&wrong).ends_with("✗\n  ✗ too late\n"), "{}", line(&wrong));
        assert!(closing(&[wrong, Line::default()], Path::new("r")).contains("1 of 2 lines"));
    }
}
