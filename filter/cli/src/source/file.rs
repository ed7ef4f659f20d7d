//! Reading files, within bounds.

use std::fs;
use std::io::{self, Read};
use std::rc::Rc;

use super::document::Document;
use super::fault::Fault;
use super::json;
use super::text::{Position, Text};
use super::yaml::{self, Composed};

/// The longest file that is read. A bootstrap with ten thousand clusters has some 5 MB.
const MOST_BYTES: u64 = 32 << 20;

/// A file that was read.
#[derive(Debug)]
pub struct File {
    /// What it is called: its path, or `<stdin>`.
    pub name: String,
    /// What it says.
    pub documents: Vec<Document>,
}

/// Why a file can't be read, and how to mend that.
#[derive(Debug, PartialEq)]
pub struct Unreadable {
    /// The file.
    pub file: String,
    /// Where in it; nowhere if it can't be read at all.
    pub position: Option<Position>,
    /// What is wrong.
    pub problem: String,
}

impl File {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// It isn't there, is too large, or is neither JSON nor YAML in UTF-8.
    pub fn read(path: &str) -> Result<Self, Unreadable> {
        let name = if path == "-" { "<stdin>" } else { path };
        let bytes = if path == "-" { bounded(io::stdin().lock()) } else { open(path) };
        let bytes = bytes.map_err(|problem| unreadable(name, None, problem))?;
        Self::parse(name, &bytes)
    }

    /// The same of bytes.
    ///
    /// # Errors
    /// They are neither JSON nor YAML in UTF-8.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        let content = decode(bytes).map_err(|fault| {
            let before = bytes.get(..fault.at).and_then(|bytes| str::from_utf8(bytes).ok());
            let position = before.map(|before| Text::of_file(before).position(before.len()));
            unreadable(name, position, fault.problem)
        })?;
        let text = Text::of_file(content);
        let documents = documents(&text, name.ends_with(".json"))
            .map_err(|fault| unreadable(name, Some(text.position(fault.at)), fault.problem))?;
        Ok(Self { name: name.to_owned(), documents })
    }
}

fn unreadable(file: &str, position: Option<Position>, problem: String) -> Unreadable {
    Unreadable { file: file.to_owned(), position, problem }
}

fn open(path: &str) -> Result<Vec<u8>, String> {
    fs::File::open(path).map_err(|error| error.to_string()).and_then(bounded)
}

fn bounded(from: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("is larger than {} MiB, which no configuration is", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let problem = "is UTF-16; save it as UTF-8".to_owned();
        return Err(Fault { at: 0, problem });
    }
    let content = str::from_utf8(bytes).map_err(|error| Fault {
        at: error.valid_up_to(),
        problem: "isn't UTF-8 from here on; save it as UTF-8".to_owned(),
    })?;
    Ok(content.strip_prefix('\u{feff}').unwrap_or(content))
}

/// The documents of a text. What is JSON is read as that: YAML is almost a superset of it,
/// but not where tabs and pairs of surrogates are.
pub(super) fn documents(text: &Rc<Text>, only_json: bool) -> Result<Vec<Document>, Fault> {
    let content = text.content();
    let is_json = only_json || content.trim_start().starts_with(['{', '[']);
    let composed = match is_json.then(|| json::read(content)) {
        Some(Ok(root)) => return Ok(vec![Document::new(text, root)]),
        Some(Err(fault)) if only_json => return Err(fault),
        // It may be the flow style of YAML; if that neither, who came further knew better.
        Some(Err(json)) => {
            yaml::read(content).map_err(|yaml| if yaml.at > json.at { yaml } else { json })?
        }
        None => yaml::read(content)?,
    };
    let document =
        |Composed { root, merges }| Document { text: Rc::clone(text), root, merges: merges.into() };
    Ok(composed.into_iter().map(document).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_read_no_further() {
        let mut endless = io::repeat(b'a').take(100 << 20);
        let problem = bounded(&mut endless).unwrap_err();
        assert_eq!(problem, "is larger than 32 MiB, which no configuration is");
        assert!(endless.limit() >= (100 << 20) - MOST_BYTES - 1);
    }
}
