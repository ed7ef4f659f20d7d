//! One word a line, for people and scripts.

use super::{json, word};
use crate::base::outcome::Verdict;
use crate::evidence::report::Finding;

pub(super) fn body(verdict: Verdict, findings: &[Finding]) -> String {
    let mut body = String::from(json::status(verdict));
    body.push('\n');
    for finding in findings {
        body.push_str(word(finding.verdict));
        body.push(' ');
        push_in_line(&mut body, &finding.name);
        body.push_str(": ");
        push_in_line(&mut body, &finding.output);
        body.push('\n');
    }
    body
}

/// Appends `text` without whatever a reader could take for the end of the line, or a
/// terminal for a command: control characters and Unicode's line separators.
pub(super) fn push_in_line(line: &mut String, text: &str) {
    line.extend(text.chars().map(|c| match c {
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => ' ',
        _ => c,
    }));
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{detailed, of_all_kinds, plain};
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_short_form_is_one_word_on_a_line() {
        assert_eq!(plain(Format::Text, Verdict::Pass), "ok\n");
        assert_eq!(plain(Format::Text, Verdict::Warn), "warn\n");
        assert_eq!(plain(Format::Text, Verdict::Fail), "fail\n");
    }

    #[test]
    fn details_are_one_line_for_each_finding() {
        let expected = "fail\n\
                        pass app: all is well\n\
                        warn cluster:orders: slow\n\
                        fail db: connection refused\n\
                        pass server: all is well\n";
        assert_eq!(detailed(Format::Text, of_all_kinds()), expected);
    }

    #[test]
    fn whatever_ends_a_line_becomes_a_space() {
        let mut line = String::new();
        push_in_line(&mut line, "a\nb\r\u{b}\u{c}\u{85}\u{2028}\u{2029}c\u{1b}\0\u{7f}é");
        assert_eq!(line, "a b      c   é");
    }
}
