//! Where a scalar's characters stand in the source that it was read from.

use std::iter::Peekable;
use std::str::CharIndices;

use super::tree::Style;

impl Style {
    /// Where in `source`, which begins with the scalar, that byte of its `content` stands.
    ///
    /// Folding and indentation turn blanks into other blanks and nothing else, so that both
    /// are walked side by side without them; of blanks themselves the answer is where they
    /// begin.
    pub(super) fn offset_in_source(self, source: &str, content: &str, offset: usize) -> usize {
        let mut characters = self.characters(source);
        let before = content.get(..offset).unwrap_or(content);
        for _ in before.chars().filter(|character| !character.is_whitespace()) {
            characters.next_visible();
        }
        match content.get(offset..).and_then(|rest| rest.chars().next()) {
            Some(next) if !next.is_whitespace() => characters.before_next_visible(),
            _ => characters.place(),
        }
    }

    fn characters(self, source: &str) -> Characters<'_> {
        let mut characters =
            Characters { style: self, source, rest: source.char_indices().peekable() };
        match self {
            Self::Plain => {}
            Self::Single | Self::Double => {
                characters.rest.next();
            }
            // What the span of a block begins with is the parser's to say: with its header
            // or, after it, with its content.
            Self::Block if source.starts_with(['|', '>']) => {
                characters.rest.by_ref().find(|(_, character)| *character == '\n');
            }
            Self::Block => {}
        }
        characters
    }
}

/// The characters of a scalar as they are meant, and where they are written.
struct Characters<'s> {
    style: Style,
    source: &'s str,
    rest: Peekable<CharIndices<'s>>,
}

impl Characters<'_> {
    fn place(&mut self) -> usize {
        self.rest.peek().map_or(self.source.len(), |(offset, _)| *offset)
    }

    fn before_next_visible(&mut self) -> usize {
        loop {
            let before = self.place();
            match self.next() {
                Some(character) if character.is_whitespace() => {}
                _ => return before,
            }
        }
    }

    fn next_visible(&mut self) {
        while self.next().is_some_and(char::is_whitespace) {}
    }

    fn next(&mut self) -> Option<char> {
        let (_, character) = self.rest.next()?;
        match (self.style, character) {
            (Style::Single, '\'') => self.rest.next_if(|(_, next)| *next == '\'').map(|it| it.1),
            (Style::Double, '"') => None,
            (Style::Double, '\\') => self.escaped(),
            _ => Some(character),
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (_, letter) = self.rest.next()?;
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'n' | 't' | 'r' | 'N' | '_' | 'L' | 'P' | 'v' | 'f' => return Some(' '),
            _ => return Some(letter),
        };
        let code = self.hexadecimal(digits)?;
        // The second half of a pair of surrogates is no character more.
        if (0xd800..0xdc00).contains(&code) && self.source.get(self.place()..)?.starts_with("\\u") {
            self.rest.next();
            self.rest.next();
            self.hexadecimal(4)?;
        }
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.rest.next()?.1.to_digit(16)?;
        }
        Some(code)
    }
}
