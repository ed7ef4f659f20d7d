//! What a page is written in: for programs, or for people.

/// What a page is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// For programs.
    Json,
    /// For people, in a browser.
    Html,
}

impl Medium {
    /// What is asked for: by `format=html` or `format=json` in the query, and else by `accept`,
    /// where HTML must be named to be had, and before JSON, as browsers do. Weights don't
    /// count: nobody weighs the two the other way round.
    pub fn of(query: &[u8], accept: &[u8]) -> Self {
        let html = has(query, b"format=html")
            || !has(query, b"format=json")
                && place(accept, b"text/html") < place(accept, b"application/json");
        if html { Self::Html } else { Self::Json }
    }

    /// The value of `content-type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// Where a word stands in a text; beyond its end where it doesn't.
#[inline(never)]
fn place(text: &[u8], word: &[u8]) -> usize {
    let found = text.windows(word.len()).position(|part| part.eq_ignore_ascii_case(word));
    found.unwrap_or(text.len())
}

fn has(text: &[u8], word: &[u8]) -> bool {
    place(text, word) < text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn html_is_for_those_who_name_it_before_json() {
        for (accept, html) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("Text/HTML", true),
            ("text/html;level=1, application/json", true),
            ("application/json, text/html", false),
            ("application/json, text/plain, */*", false),
            ("text/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let wanted = Medium::of(b"", accept.as_bytes());
            assert_eq!(wanted == Medium::Html, html, "{accept}");
        }
        assert_eq!(Medium::of(b"\xff&=", b"\xff;q=\xff"), Medium::Json);
    }

    #[test]
    fn the_query_says_it_whatever_is_accepted() {
        for (query, accept, expected) in [
            ("format=html", "application/json", Medium::Html),
            ("format=json", "text/html", Medium::Json),
            ("a=b&format=html", "", Medium::Html),
            ("format=xml", "text/html", Medium::Html),
        ] {
            assert_eq!(Medium::of(query.as_bytes(), accept.as_bytes()), expected, "{query}");
        }
    }
}
