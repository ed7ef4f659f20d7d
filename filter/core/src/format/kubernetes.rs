//! The lines of the Kubernetes API server's `/livez` and `/readyz`, which its package
//! `k8s.io/apiserver/pkg/server/healthz` prints:
//! <https://kubernetes.io/docs/reference/using-api/health-checks/>.
//!
//! Two things are ours. The API server withholds every reason, because everyone may
//! ask it; here whoever may see the checks may see the reasons. And it knows nothing
//! between passed and failed: a degraded check passes, by the `[+]` that parsers look
//! for, and says `warn` and what is wrong with it where others say `ok`.

use super::query::Query;
use super::text::push_in_line;
use super::{Page, Written};
use crate::base::outcome::Verdict;
use crate::evidence::report::Finding;

/// How much of a name that a client made up comes back to it.
const MAX_ECHO: usize = 64;

/// `verdict` is that of all the evidence, `findings` what the prober may see of it.
pub(super) fn write(verdict: Verdict, findings: &[Finding], page: &Page<'_>) -> Written {
    let query = Query::read(page.query);
    let (verdict, mut body) =
        if page.details { lines(findings, query.excluded) } else { (verdict, String::new()) };
    let end = match verdict {
        Verdict::Fail => " check failed\n",
        _ if query.verbose => " check passed\n",
        _ => return Written { verdict, body: "ok".into() },
    };
    push_name(&mut body, page.path);
    body.push_str(end);
    Written { verdict, body }
}

/// A line for each finding, and the verdict of those that aren't excluded.
fn lines(findings: &[Finding], mut excluded: Vec<Vec<u8>>) -> (Verdict, String) {
    let mut verdict = Verdict::Pass;
    let mut lines = String::new();
    for finding in findings {
        let before = excluded.len();
        excluded.retain(|name| name != finding.name.as_bytes());
        let is_excluded = excluded.len() < before;
        if !is_excluded {
            verdict = verdict.worse(finding.verdict);
        }
        let failed = finding.verdict == Verdict::Fail && !is_excluded;
        lines.push_str(if failed { "[-]" } else { "[+]" });
        push_in_line(&mut lines, &finding.name);
        match finding.verdict {
            _ if is_excluded => lines.push_str(" excluded: ok"),
            Verdict::Fail => {
                lines.push_str(" failed: ");
                push_in_line(&mut lines, &finding.output);
            }
            Verdict::Pass => lines.push_str(" ok"),
            Verdict::Warn => {
                lines.push_str(" warn: ");
                push_in_line(&mut lines, &finding.output);
            }
        }
        lines.push('\n');
    }
    push_unknown(&mut lines, &excluded);
    (verdict, lines)
}

/// The line on the exclusions that exclude nothing, if there are any.
fn push_unknown(lines: &mut String, names: &[Vec<u8>]) {
    let mut before = "warn: some health checks cannot be excluded: no matches for ";
    for name in names {
        lines.push_str(before);
        push_quoted(lines, name);
        before = ",";
    }
    if !names.is_empty() {
        lines.push('\n');
    }
}

/// The name of the page: the last segment of its path. A path prefix in the
/// configuration leaves that to the client, so it is cut short and kept to ASCII.
fn push_name(body: &mut String, path: &[u8]) {
    let mut segments = path.rsplit(|&byte| byte == b'/');
    let name = segments.find(|segment| !segment.is_empty()).unwrap_or(b"health");
    let printable = |&byte: &u8| if byte.is_ascii_graphic() { char::from(byte) } else { '?' };
    body.extend(name.iter().take(MAX_ECHO).map(printable));
}

/// Quotes a name as Go's `%+q` does, which keeps to ASCII: which other characters `%q`
/// would print is a table of Unicode that isn't worth its size here. A name that is too
/// long ends in `…`.
fn push_quoted(line: &mut String, name: &[u8]) {
    let mut characters = name.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(Ok);
        valid.chain(chunk.invalid().iter().copied().map(Err))
    });
    line.push('"');
    for character in characters.by_ref().take(MAX_ECHO) {
        match character {
            Ok(character) => push_escaped(line, character),
            Err(byte) => push_hex(line, "\\x", byte.into(), 2),
        }
    }
    if characters.next().is_some() {
        line.push('…');
    }
    line.push('"');
}

fn push_escaped(line: &mut String, character: char) {
    match character {
        '"' => line.push_str("\\\""),
        '\\' => line.push_str("\\\\"),
        '\x07' => line.push_str("\\a"),
        '\x08' => line.push_str("\\b"),
        '\t' => line.push_str("\\t"),
        '\n' => line.push_str("\\n"),
        '\x0b' => line.push_str("\\v"),
        '\x0c' => line.push_str("\\f"),
        '\r' => line.push_str("\\r"),
        ' '..='~' => line.push(character),
        '\0'..='\x7f' => push_hex(line, "\\x", character.into(), 2),
        '\u{80}'..='\u{ffff}' => push_hex(line, "\\u", character.into(), 4),
        _ => push_hex(line, "\\U", character.into(), 8),
    }
}

fn push_hex(line: &mut String, prefix: &str, value: u32, digits: u32) {
    line.push_str(prefix);
    line.extend(
        (0..digits).rev().filter_map(|digit| char::from_digit(value >> (4 * digit) & 15, 16)),
    );
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{DETAILS, PLAIN, finding, plain, report};
    use super::*;
    use crate::evidence::report::Subject;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// What a prober that may see everything gets for findings called `a`, `b`, `c` ….
    fn written(verdicts: &[Verdict], query: &str) -> Written {
        let named = ["a", "b", "c"].into_iter().zip(verdicts);
        let findings = named.map(|(name, verdict)| finding(name, Subject::Check, *verdict));
        let page = Page { query: query.as_bytes(), ..DETAILS };
        Format::Kubernetes.write(report(findings.collect()), &page)
    }

    fn quoted(name: &[u8]) -> String {
        let mut line = String::new();
        push_quoted(&mut line, name);
        line
    }

    fn named(path: &[u8]) -> String {
        let page = Page { path, query: b"verbose", ..PLAIN };
        Format::Kubernetes.write(report(Vec::new()), &page).body
    }

    #[test]
    fn what_passes_is_ok_without_a_line_end() {
        assert_eq!(written(&[Verdict::Pass], "").body, "ok");
        assert_eq!(written(&[Verdict::Warn], "").body, "ok");
        assert_eq!(plain(Format::Kubernetes, Verdict::Pass), "ok");
        assert_eq!(plain(Format::Kubernetes, Verdict::Warn), "ok");
    }

    #[test]
    fn verbose_prints_every_check_and_the_sum() {
        let expected = "[+]a ok\n[+]b ok\nreadyz check passed\n";
        assert_eq!(written(&[Verdict::Pass, Verdict::Pass], "verbose").body, expected);
    }

    #[test]
    fn a_failure_is_verbose_and_gives_the_reason() {
        let expected = "[+]a ok\n[-]b failed: connection refused\nreadyz check failed\n";
        for query in ["", "verbose"] {
            assert_eq!(written(&[Verdict::Pass, Verdict::Fail], query).body, expected);
        }
    }

    #[test]
    fn without_details_only_the_sum_is_printed() {
        assert_eq!(plain(Format::Kubernetes, Verdict::Fail), "readyz check failed\n");
        let passing = report(vec![finding("db", Subject::Check, Verdict::Pass)]);
        let page = Page { query: b"verbose&exclude=x", ..PLAIN };
        assert_eq!(Format::Kubernetes.write(passing, &page).body, "readyz check passed\n");
    }

    #[test]
    fn without_details_nothing_can_be_excluded() {
        let failing = report(vec![finding("db", Subject::Check, Verdict::Fail)]);
        let page = Page { query: b"exclude=db", ..PLAIN };
        let written = Format::Kubernetes.write(failing, &page);
        assert_eq!(written.verdict, Verdict::Fail);
        assert_eq!(written.body, "readyz check failed\n");
    }

    #[test]
    fn what_is_excluded_does_not_count() {
        let failing = [Verdict::Warn, Verdict::Fail];
        let written_ok = written(&failing, "exclude=b");
        assert_eq!((written_ok.verdict, written_ok.body.as_str()), (Verdict::Warn, "ok"));
        let both = written(&failing, "exclude=b&exclude=a&verbose");
        assert_eq!(both.verdict, Verdict::Pass);
        assert_eq!(both.body, "[+]a excluded: ok\n[+]b excluded: ok\nreadyz check passed\n");
    }

    #[test]
    fn a_degraded_check_passes_and_says_why_it_isnt_ok() {
        let expected = "[+]a warn: slow\n[+]b ok\nreadyz check passed\n";
        let written = written(&[Verdict::Warn, Verdict::Pass], "verbose");
        assert_eq!((written.verdict, written.body.as_str()), (Verdict::Warn, expected));
    }

    #[test]
    fn exclusions_that_match_nothing_are_named_sorted_behind_all_else() {
        let query = "verbose&exclude=y&exclude=a&exclude=x%22&exclude=y";
        let warning =
            "warn: some health checks cannot be excluded: no matches for \"x\\\"\",\"y\"\n";
        assert_eq!(
            written(&[Verdict::Pass, Verdict::Warn], query).body,
            format!("[+]a excluded: ok\n[+]b warn: slow\n{warning}readyz check passed\n")
        );
        assert_eq!(
            written(&[Verdict::Pass, Verdict::Fail], "exclude=x%22&exclude=y").body,
            format!("[+]a ok\n[-]b failed: connection refused\n{warning}readyz check failed\n")
        );
        assert_eq!(written(&[Verdict::Pass], "exclude=x").body, "ok");
    }

    #[test]
    fn the_name_of_the_page_is_the_last_segment_of_its_path() {
        for (path, name) in [
            ("/livez", "livez"),
            ("/status/db", "db"),
            ("/readyz/", "readyz"),
            ("/", "health"),
            ("", "health"),
            ("/%0a", "%0a"),
            ("/a\n b\u{7f}", "a??b?"),
        ] {
            assert_eq!(named(path.as_bytes()), format!("{name} check passed\n"));
        }
    }

    #[test]
    fn names_that_a_client_makes_up_are_cut_short() {
        let long = "n".repeat(1_000);
        let short = "n".repeat(MAX_ECHO);
        assert_eq!(named(long.as_bytes()), format!("{short} check passed\n"));
        assert_eq!(quoted(long.as_bytes()), format!("\"{short}…\""));
        assert_eq!(quoted(short.as_bytes()), format!("\"{short}\""));
    }

    #[test]
    fn a_name_too_long_to_be_echoed_still_excludes() {
        let name = "n".repeat(MAX_ECHO + 1);
        let failing = report(vec![finding(&name, Subject::Check, Verdict::Fail)]);
        let query = format!("exclude={name}");
        let page = Page { query: query.as_bytes(), ..DETAILS };
        assert_eq!(Format::Kubernetes.write(failing, &page).body, "ok");
    }

    #[test]
    fn quoting_is_that_of_go() {
        for (name, expected) in [
            (&b"db"[..], r#""db""#),
            (b"", r#""""#),
            (br#"a"b\c"#, r#""a\"b\\c""#),
            (b"\x07\x08\x09\x0a\x0b\x0c\x0d", r#""\a\b\t\n\v\f\r""#),
            (b"\x00\x1b ~\x7f", r#""\x00\x1b ~\x7f""#),
            ("é\u{85}\u{ffff}".as_bytes(), r#""\u00e9\u0085\uffff""#),
            ("\u{10000}\u{10ffff}".as_bytes(), r#""\U00010000\U0010ffff""#),
            (b"a\xffb\xe2\x82", r#""a\xffb\xe2\x82""#),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }
}
