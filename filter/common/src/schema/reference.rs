//! The pages of a reference have every key of a table, and no other.

use super::default;
use crate::reader::keys::{Key, Kind, Presence};
use crate::reader::tree::Json;
use std::collections::BTreeMap;

/// A page, and what its tables have the keys of, in order.
pub struct Page {
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub text: String,
    /// The keys of the root, each with an object or a list of them; nothing for the root.
    pub objects: &'static [&'static str],
}

const HEAD: &str = "| key | default | meaning |";

/// The keys below one of the root, by their places: `match.path`, `labels.*.values`. Where
/// none is named, those of the root itself.
fn keys_below(root: &'static [Key], name: &str) -> BTreeMap<String, &'static Key> {
    fn collect(kind: &'static Kind, place: &str, found: &mut BTreeMap<String, &'static Key>) {
        let (keys, place) = match kind {
            Kind::Object(keys) | Kind::WordOrObject((_, keys)) => (*keys, place.to_owned()),
            Kind::Map(keys) => (*keys, format!("{place}.*")),
            Kind::List(items) | Kind::OneOrMore(items) => return collect(&items.of, place, found),
            _ => return,
        };
        for key in keys {
            let here = if place.is_empty() {
                key.name.to_owned()
            } else {
                format!("{place}.{}", key.name)
            };
            found.insert(here.clone(), key);
            collect(key.kind, &here, found);
        }
    }
    if name.is_empty() {
        return root.iter().map(|key| (key.name.to_owned(), key)).collect();
    }
    let key = root.iter().find(|key| key.name == name).unwrap();
    let mut found = BTreeMap::new();
    collect(key.kind, "", &mut found);
    found
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the tables of keys on a page: the keys, and the cell with the default.
fn tables(page: &str) -> Vec<Vec<(Vec<String>, String)>> {
    let mut tables = Vec::new();
    let mut lines = page.lines();
    while lines.any(|line| line == HEAD) {
        let rows = lines.by_ref().skip(1).take_while(|line| line.starts_with('|'));
        let rows = rows.map(|row| {
            let row = row.replace(r"\|", "¦");
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let mut keys: Vec<String> = Vec::new();
            for name in code(cells[1]) {
                // `a.b`, `c` are two keys of `a`.
                let beside = keys.first().and_then(|first| first.rsplit_once('.'));
                keys.push(match beside {
                    Some((object, _)) if !name.contains('.') => format!("{object}.{name}"),
                    _ => name.to_owned(),
                });
            }
            (keys, cells[2].to_owned())
        });
        tables.push(rows.collect());
    }
    tables
}

/// Whether the cell says what the table does of a key that is left out.
fn says_default(cell: &str, key: &Key) -> bool {
    let mut values = code(cell).filter_map(|value| serde_json::from_str::<Json>(value).ok());
    match key.presence {
        Presence::Required(_) => cell == "required",
        Presence::Default(value) => match default(key) {
            Some(Json::Array(items)) if items.is_empty() && cell == "none" => true,
            Some(Json::Array(_)) if cell == "all" => true,
            default => values.any(|value| default.as_ref() == Some(&value)) || *value == "{}",
        },
        Presence::Optional | Presence::OneOf | Presence::SomeOf => {
            values.all(|value| value == Json::Array(Vec::new()))
        }
    }
}

/// What is wrong with the pages of a reference.
pub fn faults(root: &'static [Key], pages: &[Page]) -> Vec<String> {
    let mut faults = Vec::new();
    let all_pages: String = pages.iter().map(|page| page.text.as_str()).collect();
    for Page { name, text, objects } in pages {
        let tables = tables(text);
        assert_eq!(tables.len(), objects.len(), "{name} has other tables of keys");
        for (object, rows) in objects.iter().zip(tables) {
            let known = keys_below(root, object);
            for (place, cell) in
                rows.iter().flat_map(|(all, cell)| all.iter().map(move |it| (it, cell)))
            {
                match known.get(place) {
                    None => faults.push(format!("{name}: there is no key {place:?}")),
                    Some(key) if !says_default(cell, key) => {
                        faults.push(format!("{name}: the default of {place:?} isn't {cell:?}"));
                    }
                    Some(_) => {}
                }
            }
            for (place, key) in &known {
                let has_row = rows.iter().any(|(all, _)| all.contains(place));
                let is_named = code(&all_pages).any(|code| {
                    code.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
                        .any(|word| word == key.name)
                });
                if !has_row && !is_named {
                    faults.push(format!("{name}: nothing is said of {place:?}"));
                }
            }
        }
    }
    faults
}
