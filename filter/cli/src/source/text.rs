//! Texts, and where what stands in them stands in the file.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use super::tree::{Scalar, Style};

/// A place in a file, as editors and compilers count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// The text of a file, or one that a text quotes: a configuration in JSON is a string in an
/// Envoy's YAML, which may be a string in a ConfigMap.
#[derive(Debug)]
pub struct Text {
    content: Rc<str>,
    quoted_in: Option<(Rc<Text>, Quote)>,
    /// Where each line begins, in bytes; found once somebody asks.
    lines: OnceCell<Vec<usize>>,
}

/// How a scalar stands in the text around it.
#[derive(Clone, Copy, Debug)]
struct Quote {
    at: usize,
    style: Style,
}

impl Text {
    /// The text of a file.
    pub fn of_file(content: &str) -> Rc<Self> {
        Rc::new(Self { content: content.into(), quoted_in: None, lines: OnceCell::new() })
    }

    /// The content of a scalar that begins `at` that byte of another text.
    pub fn quoted(text: &Rc<Self>, at: usize, scalar: &Scalar) -> Rc<Self> {
        let quote = Quote { at, style: scalar.style };
        Rc::new(Self {
            content: Rc::clone(&scalar.content),
            quoted_in: Some((Rc::clone(text), quote)),
            lines: OnceCell::new(),
        })
    }

    /// The text itself.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Where the byte at `offset` stands in the file.
    pub fn position(&self, offset: usize) -> Position {
        if let Some((text, quote)) = &self.quoted_in {
            let source = text.content.get(quote.at..).unwrap_or_default();
            let within = quote.style.offset_in_source(source, &self.content, offset);
            return text.position(quote.at + within);
        }
        let starts = self.lines.get_or_init(|| line_starts(&self.content));
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let start = starts.get(line - 1).copied().unwrap_or_default();
        let before = self.content.get(start..offset).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }
}

fn line_starts(content: &str) -> Vec<usize> {
    let breaks = content.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0).chain(breaks.map(|(offset, _)| offset + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_as_they_like() {
        let text = Text::of_file("é: x\r\nb: y\n");
        for (offset, line, column) in [(0, 1, 1), (2, 1, 2), (7, 2, 1), (10, 2, 4), (12, 3, 1)] {
            assert_eq!(text.position(offset), Position { line, column }, "{offset}");
        }
        assert_eq!(Text::of_file("").position(0), Position { line: 1, column: 1 });
    }
}
