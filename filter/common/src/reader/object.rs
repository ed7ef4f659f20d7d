//! An object of the configuration, read key by key as the table says.

use super::Reader;
use super::keys::{Items, Key, Kind, Presence, Scope, Variant};
use super::spelling::unknown_key;

/// An object, and the keys that it may have.
///
/// A key that isn't written has the table's default. As with [`Reader`], something stands
/// in the place of a mistake once it is noted.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    keys: &'static [Key],
    /// The object; none stands for one without a key, of which nothing is to be said.
    reader: Option<Reader<'a>>,
}

/// What there is of a key.
enum Found<'a> {
    Written(Reader<'a>),
    Default(&'static str),
    Nothing,
}

impl<'a> Reader<'a> {
    /// An object that may hold these keys and no others.
    #[inline(never)]
    pub fn object(&self, keys: &'static [Key]) -> Object<'a> {
        for (key, reader) in self.members() {
            if !keys.iter().any(|known| known.name == key) {
                let known: Vec<&str> = keys.iter().map(|known| known.name).collect();
                reader.error(unknown_key(key, &known));
            }
        }
        Object::new(keys, self.is_object().then_some(*self))
    }
}

impl<'a> Object<'a> {
    /// An object with these `keys`.
    pub fn new(keys: &'static [Key], reader: Option<Reader<'a>>) -> Self {
        Self { keys, reader }
    }

    /// Notes a mistake about the object as a whole.
    pub fn error(&self, problem: impl Into<String>) {
        if let Some(reader) = &self.reader {
            reader.error(problem);
        }
    }

    /// How many mistakes were noted until now, of the whole configuration.
    pub fn mistakes(&self) -> usize {
        self.reader.map_or(0, |reader| reader.mistakes())
    }

    /// The value of a key, where it is written.
    #[inline(never)]
    pub fn get(&self, name: &str) -> Option<Reader<'a>> {
        debug_assert!(self.key(name).is_some(), "the table has no key {name:?}");
        self.reader?.member(name)
    }

    /// Whether a key is written.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// What is written, or the default, and of what kind it must be. Notes that there is
    /// neither where there must be.
    #[inline(never)]
    fn find(&self, name: &str) -> (Found<'a>, Option<&'static Kind>) {
        let Some(key) = self.key(name) else { return (Found::Nothing, None) };
        let found = match (self.get(name), key.presence) {
            (Some(reader), _) => Found::Written(reader),
            (None, Presence::Default(text)) => Found::Default(text),
            (None, Presence::Required(example)) => {
                if self.reader.is_some() {
                    self.error(format!("has no \"{name}\"; add {example}"));
                }
                Found::Nothing
            }
            _ => Found::Nothing,
        };
        (found, Some(key.kind))
    }

    /// A string that `parse` understands; nothing where there is none.
    #[inline(never)]
    pub fn optional<T>(&self, name: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        match self.find(name).0 {
            Found::Written(reader) => reader.parsed(parse),
            Found::Default(text) => parse(text).ok(),
            Found::Nothing => None,
        }
    }

    /// A string that `parse` understands once variables stand in their places; nothing where
    /// there is none.
    #[inline(never)]
    pub fn expanded<T>(&self, name: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        match self.find(name).0 {
            Found::Written(reader) => reader.expanded(parse),
            Found::Default(_) | Found::Nothing => None,
        }
    }

    /// A string that `parse` understands; of a key that is required or has a default.
    #[inline(never)]
    pub fn value<T: Default>(&self, name: &str, parse: fn(&str) -> Result<T, String>) -> T {
        self.optional(name, parse).unwrap_or_default()
    }

    /// A whole number in the table's range.
    #[inline(never)]
    pub fn count(&self, name: &str) -> u32 {
        match self.find(name) {
            (Found::Written(reader), Some(Kind::Count(min, max))) => reader.count(*min, *max),
            (Found::Default(text), _) => text.parse().unwrap_or_default(),
            _ => 0,
        }
    }

    /// A number in the table's range; of a key that is required.
    pub fn number(&self, name: &str) -> f64 {
        match self.find(name) {
            (Found::Written(reader), Some(Kind::Number(min, max))) => reader.number(*min, *max),
            _ => 0.0,
        }
    }

    /// Whether a key says `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|reader| reader.bool())
    }

    /// What a word means: `first` the first of the table's words, `others` those after it,
    /// in their order.
    pub fn word<T: Clone>(&self, name: &str, first: T, others: &[T]) -> T {
        let other = self.place_of_word(name).checked_sub(1).and_then(|place| others.get(place));
        other.cloned().unwrap_or(first)
    }

    #[inline(never)]
    fn place_of_word(&self, name: &str) -> usize {
        let (found, kind) = self.find(name);
        let words = match kind {
            Some(Kind::Word(words) | Kind::WordOrObject((words, _))) => words,
            _ => return 0,
        };
        match found {
            Found::Written(reader) => reader.place_in(words),
            Found::Default(text) => words.iter().position(|word| *word == text).unwrap_or(0),
            Found::Nothing => 0,
        }
    }

    /// An object; one without keys where none is written, and none needed.
    #[inline(never)]
    pub fn object(&self, name: &str) -> Object<'a> {
        let (found, kind) = self.find(name);
        let keys = match kind {
            Some(Kind::Object(keys) | Kind::WordOrObject((_, keys))) => *keys,
            _ => &[][..],
        };
        match found {
            Found::Written(reader) => reader.object(keys),
            Found::Default(_) | Found::Nothing => Object::new(keys, None),
        }
    }

    /// An object that may be left out, by `read`.
    pub fn optional_object<T>(&self, name: &str, read: fn(&Object<'a>) -> T) -> Option<T> {
        self.has(name).then(|| read(&self.object(name)))
    }

    /// The items of a list, or the only one without a list; none where it isn't written.
    #[inline(never)]
    pub fn items(&self, name: &str) -> Vec<Reader<'a>> {
        if self.reader.is_none() {
            return Vec::new();
        }
        match self.find(name) {
            (Found::Written(reader), Some(Kind::OneOrMore(rule))) if reader.is_list() => {
                reader.list(rule)
            }
            (Found::Written(reader), Some(Kind::OneOrMore(_))) => vec![reader],
            (Found::Written(reader), Some(Kind::List(rule))) => reader.list(rule),
            _ => Vec::new(),
        }
    }

    /// The items of a list, each understood by `parse`; none where it isn't written.
    pub fn list<T>(&self, name: &str, parse: fn(&str) -> Result<T, String>) -> Vec<T> {
        self.items(name).iter().filter_map(|item| item.parsed(parse)).collect()
    }

    /// The words of a list; none where it isn't written.
    #[inline(never)]
    pub fn words(&self, name: &str) -> Vec<&'static str> {
        let words = match self.key(name).map(|key| key.kind) {
            Some(Kind::List(Items { of: Kind::Word(words), .. })) => words,
            _ => return Vec::new(),
        };
        let items = self.items(name);
        items.iter().filter_map(|item| words.get(item.place_in(words)).copied()).collect()
    }

    /// The alternatives of the table, of which some or one must be written.
    fn alternatives(&self) -> impl Iterator<Item = &'static str> {
        let alternatives = self
            .keys
            .iter()
            .filter(|key| matches!(key.presence, Presence::OneOf | Presence::SomeOf));
        alternatives.map(|key| key.name)
    }

    /// The alternatives that are written.
    #[inline(never)]
    pub fn chosen(&self) -> Vec<&'static str> {
        self.alternatives().filter(|name| self.has(name)).collect()
    }

    /// The one alternative that is written; `nothing` says what it is without, and `mend`
    /// what to do where there are several.
    #[inline(never)]
    pub fn only_choice(&self, nothing: &str, mend: &str) -> Option<&'static str> {
        match self.chosen().as_slice() {
            [one] => Some(*one),
            [] => {
                self.error(format!("{nothing}; add one of {}", self.all_alternatives()));
                None
            }
            several => {
                self.error(format!("has {}; {mend}", several.join(" and ")));
                None
            }
        }
    }

    /// Notes that none of the alternatives is written.
    #[inline(never)]
    pub fn refuse_no_choice(&self) {
        let is_written = self.reader.is_some();
        if is_written && !self.alternatives().any(|name| self.has(name)) {
            let all = self.all_alternatives();
            self.error(format!("has no condition; add one of {all}, or leave the key out"));
        }
    }

    fn all_alternatives(&self) -> String {
        self.alternatives().collect::<Vec<_>>().join(", ")
    }

    /// Notes the keys that can't take effect beside what else is written: their author
    /// expects an effect. `variant` says which of several things the object describes.
    #[inline(never)]
    pub fn refuse_idle(&self, variant: Option<Variant>) {
        for (name, reader) in self.reader.iter().flat_map(Reader::entries) {
            match self.key(name).map(|key| key.scope) {
                Some(Scope::On(kinds)) => {
                    if let Some(variant) = variant.filter(|variant| kinds & variant.bit == 0) {
                        let title = variant.title;
                        reader.error(format!("has no effect on {title}; leave it out"));
                    }
                }
                Some(Scope::With(others)) => {
                    if let Some(first) = others.first()
                        && others.iter().all(|other| !self.has(other))
                    {
                        reader.error(format!("has no effect without {first:?}; leave it out"));
                    }
                }
                Some(Scope::Without(others)) => {
                    let clash = others.iter().find(|(other, _)| self.has(other));
                    if let Some((_, problem)) = clash {
                        reader.error(*problem);
                    }
                }
                Some(Scope::Always) | None => {}
            }
        }
    }
}
