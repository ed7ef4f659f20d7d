//! A strict, typed walk over a JSON tree that notes every mistake and goes on.

pub mod errors;
pub mod keys;
pub mod names;
pub mod object;
mod spelling;
pub mod tree;
pub mod values;
mod variables;

use crate::base::environment::Variables;
use errors::{ConfigError, ConfigErrors};
use keys::{Items, Words};
use std::cell::RefCell;
use tree::Json;

/// A tree that is read, and what was found to be wrong with it.
pub struct Notes<'a> {
    root: &'a Json,
    variables: Variables,
    errors: RefCell<ConfigErrors>,
}

impl<'a> Notes<'a> {
    /// Nothing was read yet.
    pub fn new(root: &'a Json) -> Self {
        Self { root, variables: Variables::default(), errors: RefCell::default() }
    }

    /// The same where texts may refer to these variables.
    #[must_use]
    pub fn with(self, variables: Variables) -> Self {
        Self { variables, ..self }
    }

    /// Every mistake, in the order in which they were noted.
    pub fn into_errors(self) -> ConfigErrors {
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
/// A reading method that finds a mistake notes it and returns something in its place, so
/// that its caller goes on to the next: where anything was noted, all is refused.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    json: &'a Json,
    notes: &'a Notes<'a>,
}

impl<'a> Reader<'a> {
    /// Starts at the root of the tree.
    pub fn root(notes: &'a Notes<'a>) -> Self {
        Self { json: notes.root, notes }
    }

    /// The value itself, as it is written.
    pub fn json(&self) -> &'a Json {
        self.json
    }

    /// Notes a mistake about this value.
    pub fn error(&self, problem: impl Into<String>) {
        self.notes.note(self.json, problem.into());
    }

    /// How many mistakes were noted until now, of the whole configuration.
    pub fn mistakes(&self) -> usize {
        self.notes.errors.borrow().0.len()
    }

    /// What `read` makes of it, where that notes no mistake.
    #[inline(never)]
    pub fn sound<T>(&self, read: fn(&Self) -> T) -> Option<T> {
        let before = self.mistakes();
        let value = read(self);
        (self.mistakes() == before).then_some(value)
    }

    #[inline(never)]
    fn wrong_type(&self, wanted: &str) {
        self.error(format!("is {}; write {wanted}", self.json.kind()));
    }

    /// A text; none where it is something else.
    #[inline(never)]
    fn string(&self) -> Option<&'a str> {
        if self.text().is_none() {
            self.wrong_type("a string");
        }
        self.text()
    }

    /// `true` or `false`.
    #[inline(never)]
    pub fn bool(&self) -> bool {
        match self.json {
            Json::Bool(value) => *value,
            _ => {
                self.wrong_type("true or false");
                false
            }
        }
    }

    /// A number from `min` to `max`.
    pub fn number(&self, min: u32, max: u32) -> f64 {
        self.number_from(f64::from(min), &min.to_string(), max)
    }

    /// A number from `min`, which `shown` is as people write it, to `max`: to write a number
    /// with a fraction would make a module 11 KiB longer.
    #[inline(never)]
    pub fn number_from(&self, min: f64, shown: &str, max: u32) -> f64 {
        let Json::Number(number, _) = self.json else {
            self.wrong_type("a number");
            return 0.0;
        };
        let range = min..=f64::from(max);
        let value = number.as_f64().filter(|value| range.contains(value));
        value.unwrap_or_else(|| {
            self.error(format!("{number} is out of range; write a number from {shown} to {max}"));
            0.0
        })
    }

    /// A whole number from `min` to `max`.
    #[inline(never)]
    pub fn count(&self, min: u32, max: u32) -> u32 {
        let Json::Number(number, _) = self.json else {
            self.wrong_type("a number");
            return 0;
        };
        let count = number.as_u64().and_then(|count| u32::try_from(count).ok());
        count.filter(|count| (min..=max).contains(count)).unwrap_or_else(|| {
            self.error(format!(
                "{number} is out of range; write a whole number from {min} to {max}"
            ));
            0
        })
    }

    /// A string that `parse` understands; its error says how to mend it.
    pub fn parsed<T>(&self, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text_or_number()?) {
            Ok(value) => {
                // What a number says may be understood, and is to be a string all the same.
                self.string();
                Some(value)
            }
            Err(problem) => {
                self.not_understood(problem);
                None
            }
        }
    }

    /// A string that `parse` understands once variables stand in their places: `${NAME}`.
    pub fn expanded<T>(&self, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.expand()?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.not_understood(problem);
                None
            }
        }
    }

    #[inline(never)]
    fn expand(&self) -> Option<String> {
        let expanded = variables::expand(self.string()?, self.notes.variables);
        expanded.map_err(|problem| self.not_understood(problem)).ok()
    }

    /// The value of the variable that a string names.
    #[inline(never)]
    pub fn variable(&self) -> Option<String> {
        let value = variables::value_of(self.string()?, self.notes.variables);
        value.map_err(|problem| self.not_understood(problem)).ok()
    }

    /// A number without quotes lacks a unit, mostly: what reads the string knows which.
    #[inline(never)]
    fn text_or_number(&self) -> Option<&'a str> {
        match self.json {
            Json::Number(_, text) => Some(text),
            _ => self.string(),
        }
    }

    #[inline(never)] // Or else every call of `parsed` has its own copy.
    fn not_understood(&self, problem: String) {
        match self.json {
            Json::String(text) => self.error(format!("{text:?} {problem}")),
            Json::Number(_, text) => self.error(format!("{text} {problem}")),
            _ => {}
        }
    }

    /// One word of a closed list, by its place there.
    #[inline(never)]
    pub fn place_in(&self, words: Words) -> usize {
        let found = words.iter().position(|word| self.text() == Some(*word));
        found.unwrap_or_else(|| {
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            let words = words.join(" or ");
            match self.json {
                Json::String(text) => self.error(format!("{text:?} isn't known; write {words}")),
                _ => self.wrong_type(&words),
            }
            0
        })
    }

    /// The items of a list, which has as many as `rule` says.
    #[inline(never)]
    pub fn list(&self, rule: &Items) -> Vec<Reader<'a>> {
        let items = self.items();
        if !matches!(self.json, Json::Array(_)) {
            self.wrong_type("a list");
        } else if items.len() < rule.least {
            self.error("is empty; name at least one, or leave the key out");
        }
        if items.len() > rule.most {
            self.error(format!("has {} items; keep {} at most", items.len(), rule.most));
        }
        for (index, item) in items.iter().enumerate().filter(|_| rule.distinct) {
            let is_twin = |earlier: &Reader<'_>| earlier.text() == item.text();
            if let Some(text) = item.text()
                && items.iter().take(index).any(is_twin)
            {
                item.error(format!("{text:?} stands here twice; keep one"));
            }
        }
        items
    }

    /// Its text, if it is a string. Notes nothing, as none of the following.
    pub fn text(&self) -> Option<&'a str> {
        match self.json {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.json, Json::Object(_))
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.json, Json::Array(_))
    }

    /// Its items, if it is a list, or else itself.
    pub fn items_or_self(&self) -> Vec<Reader<'a>> {
        if self.is_list() { self.items() } else { vec![*self] }
    }

    /// Its items, if it is a list.
    #[inline(never)]
    pub fn items(&self) -> Vec<Reader<'a>> {
        let Json::Array(items) = self.json else { return Vec::new() };
        items.iter().map(|json| Reader { json, notes: self.notes }).collect()
    }

    /// Its members, if it is an object.
    #[inline(never)]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&'a str, Reader<'a>)> + use<'a> {
        let members = match self.json {
            Json::Object(members) => members.as_slice(),
            _ => &[],
        };
        let notes = self.notes;
        members.iter().map(move |(key, json)| (key.as_str(), Reader { json, notes }))
    }

    /// Its member of that name, if it is an object that has one.
    #[inline(never)]
    pub fn member(&self, name: &str) -> Option<Reader<'a>> {
        let Json::Object(members) = self.json else { return None };
        let (_, json) = members.iter().find(|(key, _)| key == name)?;
        Some(Reader { json, notes: self.notes })
    }

    /// The members of an object that names its keys itself, and must have some.
    pub fn map(&self) -> Vec<(&'a str, Reader<'a>)> {
        let members: Vec<_> = self.members().collect();
        if members.is_empty() && self.is_object() {
            self.error("is empty; name at least one, or leave the key out");
        }
        members
    }

    /// The members of an object, each once.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Reader<'a>)> {
        if !self.is_object() {
            self.wrong_type("an object");
        }
        self.entries().enumerate().filter_map(|(place, (key, reader))| {
            let is_twin = self.entries().take(place).any(|(earlier, _)| earlier == key);
            if is_twin {
                reader.error("stands here twice; keep one");
            }
            (!is_twin).then_some((key, reader))
        })
    }
}
