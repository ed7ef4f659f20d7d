//! Texts in columns, for people.

/// How wide a line of text may be.
const WIDTH: usize = 96;

/// Rows in columns below each other, `indent` from the left. The last one is wrapped.
pub fn columns<const N: usize>(rows: Vec<[String; N]>, indent: usize) -> String {
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = " ".repeat(indent);
        for (place, (cell, width)) in row.iter().zip(widths).enumerate() {
            if place + 1 < N {
                line.push_str(&format!("{cell:width$}  "));
            } else {
                let hanging = line.chars().count();
                line.push_str(wrapped(cell, hanging).trim_start());
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text in lines that are no wider than a terminal, if its words aren't.
pub fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![];
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let width = indent + line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && width > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_below_each_other() {
        let rows = [["a", "b"], ["long", &"word ".repeat(30)]];
        let text = columns(rows.map(|row| row.map(str::to_owned)).to_vec(), 2);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "  a     b");
        assert!(lines[1].starts_with("  long  word word") && lines[1].len() <= WIDTH, "{text}");
        assert!(lines[2].starts_with("        word"), "{text}");
    }
}
