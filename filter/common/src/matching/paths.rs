//! Rules by the paths that they are for.
//!
//! A rule is found, not tried: an exact path is one look into a table, prefixes are one
//! for each length that any of them has, however many rules there are and however long
//! the path of a request is.

use crate::http::request::within;
use crate::matching::rule::PathMatch;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The place of a rule in the configuration: the first that matches wins.
pub type RuleNumber = usize;

/// Numbers by name, in the order in which they came. The names must be the operator's:
/// anyone else could choose them so that they collide.
pub type Numbers = FxHashMap<Vec<u8>, Vec<usize>>;

/// Adds a number to a name. Out of line, so that the module has it once.
#[inline(never)]
pub fn number(numbers: &mut Numbers, name: &[u8], number: usize) {
    numbers.entry(name.to_vec()).or_default().push(number);
}

/// Rules by their conditions on the path.
#[derive(Debug, Default)]
pub struct PathIndex {
    exact: Numbers,
    prefix: Numbers,
    /// How long prefixes are: each length once, the shortest first.
    prefix_lengths: Vec<usize>,
    anywhere: Vec<RuleNumber>,
    longest: usize,
}

impl PathIndex {
    /// Adds a rule, behind all that are there.
    pub fn add(&mut self, path: &PathMatch, rule: RuleNumber) {
        let text = path.text().as_bytes();
        self.longest = self.longest.max(text.len());
        match path {
            PathMatch::Exact(_) => number(&mut self.exact, text, rule),
            PathMatch::Prefix(_) => {
                if let Err(place) = self.prefix_lengths.binary_search(&text.len()) {
                    self.prefix_lengths.insert(place, text.len());
                }
                number(&mut self.prefix, text, rule);
            }
            PathMatch::Any => self.anywhere.push(rule),
        }
    }

    /// The longest path that a condition names. What a request's path has beyond that and
    /// one byte more makes no difference.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The rules whose condition holds for a path, in their order.
    #[inline(never)]
    pub fn find(&self, path: &[u8]) -> Cow<'_, [RuleNumber]> {
        let mut found = Cow::Borrowed(self.anywhere.as_slice());
        self.exact.get(path).into_iter().for_each(|numbers| merge(&mut found, numbers));
        let lengths = self.prefix_lengths.iter().take_while(|length| **length <= path.len());
        let prefixes = lengths.filter_map(|length| path.get(..*length));
        for prefix in prefixes.filter(|prefix| within(path, prefix)) {
            self.prefix.get(prefix).into_iter().for_each(|numbers| merge(&mut found, numbers));
        }
        found
    }
}

/// Adds rules to those that were found, which are mostly none, and keeps their order.
fn merge<'a>(found: &mut Cow<'a, [RuleNumber]>, more: &'a [RuleNumber]) {
    if found.is_empty() {
        *found = Cow::Borrowed(more);
        return;
    }
    let found = found.to_mut();
    // Each list is in order, so nearly all go to the end.
    for number in more {
        found.insert(found.partition_point(|earlier| earlier < number), *number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn index() -> PathIndex {
        let mut index = PathIndex::default();
        for (number, path) in [
            PathMatch::Prefix("/a/b".into()),
            PathMatch::Exact("/a/b".into()),
            PathMatch::Prefix("/a".into()),
            PathMatch::Any,
            PathMatch::Prefix("/c".into()),
        ]
        .iter()
        .enumerate()
        {
            index.add(path, number);
        }
        index
    }

    #[test]
    fn rules_are_found_in_their_order_by_whole_segments() {
        for (path, expected) in [
            ("/a", &[2, 3][..]),
            ("/a/", &[2, 3]),
            ("/a/b", &[0, 1, 2, 3]),
            ("/a/b/", &[0, 2, 3]),
            ("/a/bc", &[2, 3]),
            ("/ab", &[3]),
            ("/c/d/e", &[3, 4]),
            ("//", &[3]),
            ("", &[3]),
        ] {
            assert_eq!(*index().find(path.as_bytes()), *expected, "{path}");
        }
    }

    #[test]
    fn what_lies_beyond_the_longest_makes_no_difference() {
        let index = index();
        let enough = index.longest() + 1;
        for path in ["/a/b/c/d", "/a/bbbbb", "/a/b//////", "/c/a/b/c", "/x/y/z/a"] {
            let (path, most) = (path.as_bytes(), &path.as_bytes()[..enough]);
            assert_eq!(index.find(path), index.find(most), "{path:?}");
        }
    }
}
