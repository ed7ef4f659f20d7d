//! The pages of the documentation, whose examples are what a reader copies.

/// A fenced block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the fence: `yaml`, `json`, `console`, …
    pub language: String,
    /// The line of the fence that opens it, from 1.
    pub line: usize,
    /// What stands in it.
    pub text: String,
    /// The line before it.
    pub before: String,
}

/// The fenced blocks of a page, from top to bottom.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.to_owned(),
                    line: index + 1,
                    text: String::new(),
                    before: before.to_owned(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
        before = line;
    }
    blocks
}

/// The anchor that GitHub gives a heading.
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || "-_ ".contains(*it));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What stands below the heading with this anchor, up to the next one.
pub fn section<'a>(page: &'a str, wanted: &str) -> Option<&'a str> {
    let (mut from, mut at, mut fenced) = (None, 0, false);
    for line in page.split_inclusive('\n') {
        at += line.len();
        fenced ^= line.starts_with("```");
        let Some((_, heading)) = line
            .split_once("# ")
            .filter(|(marks, _)| !fenced && marks.chars().all(|mark| mark == '#'))
        else {
            continue;
        };
        match from {
            Some(from) => return page.get(from..at - line.len()),
            None if anchor(heading.trim_end()) == wanted => from = Some(at),
            None => {}
        }
    }
    page.get(from?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_with_their_place_and_what_stands_before_them() {
        let page = "# A\n\nso:\n```yaml\na: 1\n\nb: 2\n```\n\n```\ntext\n```\n```json\n{}";
        let [yaml, text] = blocks(page).try_into().expect("two that end");
        assert_eq!((yaml.language.as_str(), yaml.line), ("yaml", 4));
        assert_eq!((yaml.text.as_str(), yaml.before.as_str()), ("a: 1\n\nb: 2\n", "so:"));
        assert_eq!((text.language.as_str(), text.text.as_str()), ("", "text\n"));
    }

    #[test]
    fn a_section_goes_from_its_heading_to_the_next() {
        let page = "# A page\n\n## What `x` is\nthis\n```sh\n# no heading\n```\n### B\nthat\n";
        assert_eq!(section(page, "what-x-is"), Some("this\n```sh\n# no heading\n```\n"));
        assert_eq!(section(page, "b"), Some("that\n"));
        assert_eq!(section(page, "no-heading"), None);
    }
}
