//! A strict, typed walk over a JSON tree that notes every mistake and goes on.

use super::errors::{ConfigError, ConfigErrors};
use super::tree::Json;
use std::cell::RefCell;

/// A tree that is read, and what was found to be wrong with it.
pub(crate) struct Notes<'a> {
    root: &'a Json,
    errors: RefCell<ConfigErrors>,
}

impl<'a> Notes<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(root: &'a Json) -> Self {
        Self { root, errors: RefCell::default() }
    }

    /// Every mistake, in the order in which they were noted.
    pub(crate) fn into_errors(self) -> ConfigErrors {
        self.errors.into_inner()
    }

    #[inline(never)]
    fn note(&self, value: &Json, problem: String) {
        let mut place = String::new();
        find(self.root, value, &mut place);
        self.errors.borrow_mut().0.push(ConfigError { place, problem });
    }
}

/// Writes the path from `tree` to the very `value`, where that is in it. Only mistakes
/// need paths, so that none is kept while all is well.
fn find(tree: &Json, value: &Json, path: &mut String) -> bool {
    let length = path.len();
    if std::ptr::eq(tree, value) {
        return true;
    }
    let found = match tree {
        Json::Array(items) => items.iter().enumerate().any(|(index, item)| {
            path.truncate(length);
            path.push_str(&format!("[{index}]"));
            find(item, value, path)
        }),
        Json::Object(members) => members.iter().any(|(key, member)| {
            path.truncate(length);
            path.push_str(if length == 0 { "" } else { "." });
            path.push_str(key);
            find(member, value, path)
        }),
        _ => false,
    };
    if !found {
        path.truncate(length);
    }
    found
}

/// One value of the tree.
///
/// Every reading method returns `None` after it has noted what is wrong, so
/// that its caller can go on to the next mistake.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    json: &'a Json,
    notes: &'a Notes<'a>,
}

impl<'a> Reader<'a> {
    /// Starts at the root of the tree.
    pub(crate) fn root(notes: &'a Notes<'a>) -> Self {
        Self { json: notes.root, notes }
    }

    /// Notes a mistake about this value.
    pub(crate) fn error(&self, problem: impl Into<String>) {
        self.notes.note(self.json, problem.into());
    }

    #[inline(never)]
    fn wrong_type(&self, wanted: &str) {
        self.error(format!("is {}; write {wanted}", self.json.kind()));
    }

    #[inline(never)]
    pub(crate) fn string(&self) -> Option<&'a str> {
        match self.json {
            Json::String(text) => Some(text),
            _ => {
                self.wrong_type("a string");
                None
            }
        }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self.json {
            Json::Bool(value) => Some(*value),
            _ => {
                self.wrong_type("true or false");
                None
            }
        }
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn count(&self, max: u32) -> Option<u32> {
        self.whole_number(0, max)
    }

    /// A whole number from 1 to `max`.
    pub(crate) fn count_from_one(&self, max: u32) -> Option<u32> {
        self.whole_number(1, max)
    }

    /// A number from `min` to `max`.
    pub(crate) fn number(&self, min: u32, max: u32) -> Option<f64> {
        let Json::Number(number, _) = self.json else {
            self.wrong_type("a number");
            return None;
        };
        let range = f64::from(min)..=f64::from(max);
        let value = number.as_f64().filter(|value| range.contains(value));
        if value.is_none() {
            self.error(format!("{number} is out of range; write a number from {min} to {max}"));
        }
        value
    }

    fn whole_number(&self, min: u32, max: u32) -> Option<u32> {
        let Json::Number(number, _) = self.json else {
            self.wrong_type("a number");
            return None;
        };
        let range = min..=max;
        let count =
            number.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        if count.is_none() {
            self.error(format!(
                "{number} is out of range; write a whole number from {min} to {max}"
            ));
        }
        count
    }

    /// A string that `parse` understands; its error says how to mend it.
    pub(crate) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text_or_number()?) {
            Ok(value) => self.is_text().then_some(value),
            Err(problem) => {
                self.not_understood(problem);
                None
            }
        }
    }

    /// A number without quotes lacks a unit, mostly: what reads the string knows which.
    #[inline(never)]
    fn text_or_number(&self) -> Option<&'a str> {
        match self.json {
            Json::Number(_, text) => Some(text),
            _ => self.string(),
        }
    }

    /// Whether it is a string; notes what else it is.
    fn is_text(&self) -> bool {
        self.string().is_some()
    }

    #[inline(never)] // Or else every call of `parsed` has its own copy.
    fn not_understood(&self, problem: String) {
        match self.json {
            Json::String(text) => self.error(format!("{text:?} {problem}")),
            Json::Number(_, text) => self.error(format!("{text} {problem}")),
            _ => {}
        }
    }

    /// One word of a closed list.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let place = self.place_of(&words.iter().map(|(word, _)| *word).collect::<Vec<_>>())?;
        words.get(place).map(|(_, value)| *value)
    }

    #[inline(never)] // Or else every kind of value has its own copy.
    fn place_of(&self, words: &[&str]) -> Option<usize> {
        let found = words.iter().position(|word| self.text() == Some(*word));
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            let words = words.join(" or ");
            match self.json {
                Json::String(text) => self.error(format!("{text:?} isn't known; write {words}")),
                _ => self.wrong_type(&words),
            }
        }
        found
    }

    /// The items of a list.
    pub(crate) fn list(&self) -> Option<Vec<Reader<'a>>> {
        let Json::Array(items) = self.json else {
            self.wrong_type("a list");
            return None;
        };
        Some(items.iter().map(|json| Reader { json, notes: self.notes }).collect())
    }

    /// The items of a list that must not be empty.
    pub(crate) fn filled_list(&self) -> Option<Vec<Reader<'a>>> {
        let items = self.list()?;
        if items.is_empty() {
            self.error("is empty; name at least one, or leave the key out");
            return None;
        }
        Some(items)
    }

    /// The items of a list that must not be empty, each understood by `parse`.
    pub(crate) fn list_of<T>(&self, parse: fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        // All of them first: every mistake is to be noted.
        let items: Vec<Option<T>> =
            self.filled_list()?.iter().map(|item| item.parsed(parse)).collect();
        items.into_iter().collect()
    }

    /// A look at a text, without a word where it is none.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match self.json {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is an object, without a word where it is none.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self.json, Json::Object(_))
    }

    /// A look at the items of a list, without a word where it is none.
    pub(crate) fn items(&self) -> Vec<Reader<'a>> {
        let Json::Array(_) = self.json else { return Vec::new() };
        self.list().unwrap_or_default()
    }

    /// A look at the members of an object, without a word where it is none.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Reader<'a>)> {
        let Json::Object(members) = self.json else { return Vec::new() };
        let reader = |json| Reader { json, notes: self.notes };
        members.iter().map(|(key, json)| (key.as_str(), reader(json))).collect()
    }

    /// A look at a member of an object, without a word where it isn't there.
    pub(crate) fn member(&self, key: &str) -> Option<Reader<'a>> {
        let Json::Object(members) = self.json else { return None };
        Object { members, reader: *self }.get(key)
    }

    /// The members of an object, which may hold the keys `known` and no others.
    pub(crate) fn object(&self, known: &[&str]) -> Option<Object<'a>> {
        let (object, members) = self.members()?;
        for (key, reader) in members {
            if !known.contains(&key) {
                reader.error(unknown_key(key, known));
            }
        }
        Some(object)
    }

    /// The members of an object that names its keys itself, and must have some.
    pub(crate) fn map(&self) -> Option<Vec<(&'a str, Reader<'a>)>> {
        let (_, members) = self.members()?;
        if members.is_empty() {
            self.error("is empty; name at least one, or leave the key out");
            return None;
        }
        Some(members)
    }

    /// The members of an object: all in one, and each once.
    fn members(&self) -> Option<(Object<'a>, Vec<(&'a str, Reader<'a>)>)> {
        let Json::Object(members) = self.json else {
            self.wrong_type("an object");
            return None;
        };
        let object = Object { members, reader: *self };
        let mut readers: Vec<(&str, Reader<'_>)> = Vec::new();
        for (key, reader) in self.entries() {
            if readers.iter().any(|(earlier, _)| *earlier == key) {
                reader.error("stands here twice; keep one");
            } else {
                readers.push((key, reader));
            }
        }
        Some((object, readers))
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    members: &'a [(String, Json)],
    reader: Reader<'a>,
}

impl<'a> Object<'a> {
    /// The value of a key, where it is given.
    #[inline(never)]
    pub(crate) fn get(&self, key: &str) -> Option<Reader<'a>> {
        let (_, json) = self.members.iter().find(|(name, _)| name == key)?;
        Some(Reader { json, ..self.reader })
    }

    /// The value of a key that must be given; `example` shows how.
    #[inline(never)]
    pub(crate) fn required(&self, key: &str, example: &str) -> Option<Reader<'a>> {
        let found = self.get(key);
        if found.is_none() {
            self.error(format!("has no \"{key}\"; add {example}"));
        }
        found
    }

    /// Notes a mistake about the object as a whole.
    pub(crate) fn error(&self, problem: impl Into<String>) {
        self.reader.error(problem);
    }

    /// The value of a key that may be absent, by `read`: `Some(None)` where it
    /// is absent, `None` for a mistake.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Reader<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.get(key).map_or(Some(None), |reader| read(&reader).map(Some))
    }

    /// The value of a key that may be absent, by `read`; `None` for a mistake.
    pub(crate) fn or_default<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).map_or(Some(default), |reader| read(&reader))
    }
}

/// What the same is called in Envoy's health checks and in Kubernetes' probes.
const CALLED_ELSEWHERE: [(&str, &str); 9] = [
    ("unhealthy_threshold", "fall"),
    ("failureThreshold", "fall"),
    ("healthy_threshold", "rise"),
    ("successThreshold", "rise"),
    ("periodSeconds", "interval"),
    ("period", "interval"),
    ("timeoutSeconds", "timeout"),
    ("service_name", "service"),
    ("expected_statuses", "expect"),
];

fn unknown_key(key: &str, known: &[&str]) -> String {
    let here = CALLED_ELSEWHERE.iter().find(|(there, here)| *there == key && known.contains(here));
    if let Some((_, here)) = here {
        return format!("unknown key; here it is called \"{here}\"");
    }
    let closest = known
        .iter()
        .map(|candidate| (edits_between(key, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4);
    match closest {
        Some((_, candidate)) => format!("unknown key; did you mean \"{candidate}\"?"),
        None => format!("unknown key; known here: {}", known.join(", ")),
    }
}

/// Levenshtein distance.
fn edits_between(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((to, substituted), deleted) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let inserted = next.last().copied().unwrap_or(i) + 1;
            next.push(inserted.min(deleted + 1).min(substituted + usize::from(from != to)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_key_with_a_slip_gets_a_suggestion() {
        let known = ["name", "match", "timeout"];
        assert!(unknown_key("tiemout", &known).contains("\"timeout\""));
        assert!(unknown_key("Name", &known).contains("\"name\""));
    }

    #[test]
    fn a_key_of_envoys_or_of_kubernetes_is_led_to_ours() {
        let known = ["interval", "timeout", "rise", "fall"];
        for (there, here) in CALLED_ELSEWHERE.iter().filter(|(_, here)| known.contains(here)) {
            let led = format!("here it is called \"{here}\"");
            assert!(unknown_key(there, &known).ends_with(&led), "{there}");
            assert!(!unknown_key(there, &["name"]).contains("called"), "{there}");
        }
    }

    #[test]
    fn a_key_far_from_all_others_gets_the_list() {
        assert!(unknown_key("colour", &["name", "match"]).ends_with("known here: name, match"));
    }
}
