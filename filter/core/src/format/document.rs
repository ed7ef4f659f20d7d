//! A document of named values, written as JSON, of which a page of HTML can be made.
//!
//! Nothing in it can break out of its place, whatever strangers have sent: strings are escaped,
//! what comes from strangers is bounded, and the page of HTML runs no script and lets no text
//! turn round that beside it.

use crate::base::time::{WallTime, rfc3339};

/// A document that is being written: a JSON object.
#[derive(Debug)]
pub(crate) struct Document {
    text: String,
    left_out: u64,
}

/// A document that is longer than this, in bytes, has [no room](Document::item_if_room) left.
const LONGEST: usize = 256 * 1_024;
/// How much of what strangers have sent is shown, in bytes.
const LONGEST_OF_STRANGERS: usize = 512;

/// Values stand behind their names, as many in a line as there is room for.
const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width\"><title>Heartbeat Filter</title><style>\
:root{color-scheme:light dark;font:15px/1.5 system-ui}dl,ul{margin:0;padding:0}\
dt,dd>dl{display:inline}dt{opacity:.65}dd{display:inline;margin:0 1em 0 .4em;overflow-wrap:anywhere;unicode-bidi:isolate}\
body>dl>dt{display:block;font-weight:600;margin-top:1em;opacity:1}body>dl>dd{margin:0}\
li{list-style:none;border-left:3px solid #8888;padding-left:.7em;margin:.4em 0}\
</style>";

// Few functions, none of which is inlined: a module has hundreds of calls of them.
impl Document {
    /// Begins one.
    pub(crate) fn new() -> Self {
        Self { text: "{".to_owned(), left_out: 0 }
    }

    /// What was written.
    pub(crate) fn finish(mut self) -> String {
        self.number_if_any("left_out", self.left_out);
        self.push("}");
        self.text
    }

    /// Begins a part of one: the first values of an object.
    pub(crate) fn part() -> Self {
        Self { text: String::new(), left_out: 0 }
    }

    /// The part that was written.
    pub(crate) fn into_part(self) -> String {
        self.text
    }

    /// What stands below a name, until its [end](Self::end): values after `{`, items after `[`.
    #[inline(never)]
    pub(crate) fn begin(&mut self, name: &str, bracket: &str) {
        if !self.text.is_empty() && !self.text.ends_with(['{', '[']) {
            self.push(",");
        }
        self.quote(name);
        self.push(":");
        self.push(bracket);
    }

    /// The next item of a list, with values of its own, until its [end](Self::end) by `}`.
    #[inline(never)]
    pub(crate) fn item(&mut self) {
        self.push(if self.text.ends_with('[') { "{" } else { ",{" });
    }

    /// The same where there is room for it, and says whether there is; it counts what it has
    /// left out.
    #[inline(never)]
    pub(crate) fn item_if_room(&mut self) -> bool {
        let fits = self.text.len() <= LONGEST;
        if fits {
            self.item();
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// Ends what was begun last.
    pub(crate) fn end(&mut self, bracket: &str) {
        self.push(bracket);
    }

    /// Goes on with a part, with which an object begins.
    pub(crate) fn append(&mut self, part: &str) {
        self.push(part);
    }

    /// A string.
    #[inline(never)]
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.begin(name, "");
        self.quote(value);
    }

    /// The same of bytes that strangers may have sent; nothing where there are none.
    #[inline(never)]
    pub(crate) fn bytes(&mut self, name: &str, value: &[u8]) {
        let shown = value.get(..LONGEST_OF_STRANGERS).unwrap_or(value);
        if !shown.is_empty() {
            self.text(name, &String::from_utf8_lossy(shown));
        }
    }

    /// A number.
    #[inline(never)]
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.begin(name, &value.to_string());
    }

    /// A number; nothing where it is 0.
    #[inline(never)]
    pub(crate) fn number_if_any(&mut self, name: &str, value: u64) {
        if value > 0 {
            self.number(name, value);
        }
    }

    /// Whether something is so.
    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.begin(name, if value { "true" } else { "false" });
    }

    /// A moment.
    #[inline(never)]
    pub(crate) fn time(&mut self, name: &str, value: WallTime) {
        self.text(name, &rfc3339(value));
    }

    #[inline(never)]
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A string as JSON has it (RFC 8259, section 7).
    #[inline(never)]
    fn quote(&mut self, value: &str) {
        self.push("\"");
        let mut written = 0;
        for (place, byte) in value.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0x08 => "\\b",
                0x0c => "\\f",
                0..=0x0f => "\\u000",
                0x10..=0x1f => "\\u001",
                _ => continue,
            };
            self.push(value.get(written..place).unwrap_or_default());
            self.push(escape);
            if escape.len() > 2 {
                let digit = usize::from(byte & 0xf);
                self.push("0123456789abcdef".get(digit..=digit).unwrap_or_default());
            }
            written = place + 1;
        }
        self.push(value.get(written..).unwrap_or_default());
        self.push("\"");
    }
}

/// A finished document as a page: objects become lists of names and values.
#[inline(never)]
pub(crate) fn to_html(json: &str) -> Vec<u8> {
    let mut html = HEAD.as_bytes().to_vec();
    // What stands before, outside of strings.
    let (mut before, mut in_string) = (b':', false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        let is_name = before != b':';
        let tag: &[u8] = match byte {
            b'"' => {
                in_string = !in_string;
                if in_string && is_name { b"<dt>" } else { b"" }
            }
            b'\\' => match bytes.next() {
                Some(b'"') => b"&quot;",
                Some(b'\\') => b"&#92;",
                // A line's end, or a control character, of which the number follows.
                _ => b" ",
            },
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'_' if is_name => b" ",
            _ if in_string => std::slice::from_ref(&byte),
            b'{' if is_name => b"<li><dl>",
            b'{' => b"<dl>",
            b'}' => b"</dl>",
            b'[' => b"<ul>",
            b']' => b"</ul>",
            b':' => b"<dd>",
            b',' => b"",
            _ => std::slice::from_ref(&byte),
        };
        html.extend_from_slice(tag);
        if !in_string && byte != b'"' {
            before = byte;
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn document() -> String {
        let mut document = Document::new();
        document.text("name", "a\"<b>");
        document.begin("lease", "{");
        document.flag("held", true);
        document.number("age_ms", 7);
        document.number_if_any("nothing", 0);
        document.bytes("nobody", b"");
        document.end("}");
        document.begin("rules", "[");
        for word in ["pass", "fail"] {
            document.item();
            document.text("verdict", word);
            document.begin("rests_on", "[");
            document.end("]");
            document.end("}");
        }
        document.end("]");
        document.time("at", WallTime(1_250_000_000));
        document.finish()
    }

    #[test]
    fn json_has_the_values_in_their_order() {
        assert_eq!(
            document(),
            concat!(
                r#"{"name":"a\"<b>","lease":{"held":true,"age_ms":7},"rules":["#,
                r#"{"verdict":"pass","rests_on":[]},{"verdict":"fail","rests_on":[]}],"#,
                r#""at":"1970-01-01T00:00:01.250Z"}"#
            )
        );
    }

    #[test]
    fn html_has_the_same_values_in_the_same_order() {
        assert_eq!(
            html(&document()),
            concat!(
                "<dl><dt>name<dd>a&quot;&lt;b><dt>lease<dd><dl><dt>held<dd>true<dt>age ms<dd>7</dl>",
                "<dt>rules<dd><ul><li><dl><dt>verdict<dd>pass<dt>rests on<dd><ul></ul></dl>",
                "<li><dl><dt>verdict<dd>fail<dt>rests on<dd><ul></ul></dl></ul>",
                "<dt>at<dd>1970-01-01T00:00:01.250Z</dl>"
            )
        );
    }

    const SPITEFUL: &str =
        "</dd></dl><script>\"'&amp;\\u0041\\\0\u{8}\u{c}\u{1b}\u{7f}\r\n\t\\{[:_,]}\u{202e}é";

    #[test]
    fn strings_are_escaped_as_serde_does_it() {
        let mut document = Document::new();
        document.text(SPITEFUL, SPITEFUL);
        let all: String = (0..0x100_u32).filter_map(char::from_u32).collect();
        document.text("all", &all);
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        assert_eq!(
            document.finish(),
            format!("{{{0}:{0},\"all\":{1}}}", quoted(SPITEFUL), quoted(&all))
        );
    }

    #[test]
    fn no_string_breaks_out_of_its_place() {
        let mut document = Document::new();
        document.text("ours", SPITEFUL);
        document.bytes("theirs", SPITEFUL.as_bytes());
        document.bytes("raw", b"\xff\"\\<");
        let text = document.finish();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["ours"], SPITEFUL);
        assert_eq!(json["theirs"], SPITEFUL);
        assert_eq!(json["raw"], "\u{fffd}\"\\<");
        assert!(!text.contains(|letter: char| letter.is_ascii_control() && letter != '\u{7f}'));

        let html = html(&text);
        assert!(!html.contains("<script") && !html.contains("</dd>"), "{html}");
        assert_eq!(html.matches("<dt>").count(), 3, "{html}");
        assert!(html.contains("&lt;script>&quot;'&amp;amp;&#92;u0041&#92;"), "{html}");
        assert!(html.contains("&#92;{[:_,]}"), "{html}");
    }

    fn html(json: &str) -> String {
        String::from_utf8(to_html(json).split_off(HEAD.len())).unwrap()
    }

    #[test]
    fn the_whole_is_bounded_and_what_is_left_out_is_counted() {
        let mut document = Document::new();
        document.begin("rules", "[");
        let mut left_out = 0;
        for _ in 0..2_000 {
            if document.item_if_room() {
                document.bytes("id", &[b'x'; 10_000]);
                document.end("}");
            } else {
                left_out += 1;
            }
        }
        document.end("]");
        let text = document.finish();
        assert!(left_out > 0 && text.len() < LONGEST + 8 * 1_024, "{}", text.len());
        assert_eq!(text.matches('x').count(), (2_000 - left_out) * LONGEST_OF_STRANGERS);
        assert!(text.ends_with(&format!(r#"],"left_out":{left_out}}}"#)));
    }
}
