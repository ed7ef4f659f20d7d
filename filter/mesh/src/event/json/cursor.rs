//! The parts of a JSON text (RFC 8259), one after the other.

use std::borrow::Cow;

/// Why it can't be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// What there is isn't what must be there.
    Malformed(&'static str),
    /// There are more events than may come at once.
    TooMany,
}

impl Broken {
    pub fn words(self) -> &'static str {
        match self {
            Self::Malformed(words) => words,
            Self::TooMany => "too many events",
        }
    }
}

type Read<T> = Result<T, Broken>;

fn broken<T>(words: &'static str) -> Read<T> {
    Err(Broken::Malformed(words))
}

const NO_VALUE: &str = "expected a value";
const NO_NUMBER: &str = "invalid number";
const NO_TEXT: &str = "invalid string";
const NO_UTF8: &str = "invalid UTF-8";

/// How many digits an integer has at most that is surely below 2⁶⁴.
const SURE_DIGITS: usize = 19;
/// With so many digits in all a fraction is exactly the quotient of two numbers below 2⁵³.
const EXACT_DIGITS: usize = 15;

/// A value without parts; `Other` for one that has.
#[derive(Debug)]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(Cow<'a, str>),
    Other,
}

/// What is left of a text.
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, rest: text }
    }

    /// Says where these words hold.
    pub fn place(&self, words: &str) -> String {
        let read = self.text.len() - self.rest.len();
        let read = self.text.get(..read).unwrap_or_default();
        let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = read.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        format!("{words} at line {line} column {column}")
    }

    #[inline(always)]
    fn step(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// The next byte that is no blank, which is still to be read.
    #[inline(always)] // Mostly there is no blank. Left to itself the compiler calls it.
    pub fn next(&mut self) -> Option<u8> {
        match self.rest.first() {
            Some(b' ' | b'\n' | b'\t' | b'\r') => self.next_after_blanks(),
            byte => byte.copied(),
        }
    }

    #[inline(never)]
    fn next_after_blanks(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    #[inline(always)]
    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.next() == Some(byte);
        if is_there {
            self.step(1);
        }
        is_there
    }

    #[inline(always)]
    fn must_take(&mut self, byte: u8, words: &'static str) -> Read<()> {
        if self.takes(byte) { Ok(()) } else { broken(words) }
    }

    /// Nothing but blanks is left.
    pub fn end(&mut self) -> Read<()> {
        if self.next().is_none() { Ok(()) } else { broken("trailing characters") }
    }

    /// An array, each of whose elements `read` reads.
    pub fn elements(&mut self, mut read: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.must_take(b'[', "expected an event or an array of events")?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            read(self)?;
            if self.takes(b']') {
                return Ok(());
            }
            self.must_take(b',', "expected ',' or ']'")?;
        }
    }

    /// An object, each of whose values `read` reads, given its key, which may be no UTF-8.
    pub fn members(&mut self, mut read: impl FnMut(&mut Self, &[u8]) -> Read<()>) -> Read<()> {
        self.must_take(b'{', "expected an object")?;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.must_take(b':', "expected ':'")?;
            read(self, &key)?;
            if self.takes(b'}') {
                return Ok(());
            }
            self.must_take(b',', "expected ',' or '}'")?;
        }
    }

    /// A value. Of one that has parts, the parts are passed over.
    pub fn scalar(&mut self) -> Read<Scalar<'a>> {
        Ok(match self.next() {
            Some(b'"') => Scalar::Text(self.string_of_utf8()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'[') => {
                self.elements(Self::skip)?;
                Scalar::Other
            }
            Some(b'{') => {
                self.members(Self::skip_member)?;
                Scalar::Other
            }
            _ => self.word()?,
        })
    }

    fn word(&mut self) -> Read<Scalar<'a>> {
        for (word, value) in [
            (&b"true"[..], Scalar::Bool(true)),
            (b"false", Scalar::Bool(false)),
            (b"null", Scalar::Null),
        ] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        broken(NO_VALUE)
    }

    /// A string as it is written between its quotes, which may be no UTF-8, or what its escapes
    /// mean.
    fn string(&mut self) -> Read<Cow<'a, [u8]>> {
        let Some(b'"') = self.next() else { return broken("expected a string") };
        let text = self.rest.get(1..).unwrap_or_default();
        let Some((plain, rest)) = text.split_at_checked(plain(text)) else {
            return broken(NO_TEXT);
        };
        match rest.split_first() {
            Some((b'"', rest)) => {
                self.rest = rest;
                Ok(Cow::Borrowed(plain))
            }
            Some((b'\\', _)) => self.escaped(),
            _ => broken(NO_TEXT),
        }
    }

    fn string_of_utf8(&mut self) -> Read<Cow<'a, str>> {
        let text = match self.string()? {
            Cow::Borrowed(text) => std::str::from_utf8(text).ok().map(Cow::Borrowed),
            Cow::Owned(text) => String::from_utf8(text).ok().map(Cow::Owned),
        };
        text.map_or(broken(NO_UTF8), Ok)
    }

    #[cold]
    fn escaped(&mut self) -> Read<Cow<'a, [u8]>> {
        let begin = self.rest;
        self.skip_string()?;
        let text: Option<String> = serde_json::from_slice(self.read_since(begin)).ok();
        text.map_or(broken(NO_TEXT), |text| Ok(Cow::Owned(text.into_bytes())))
    }

    fn read_since(&self, begin: &'a [u8]) -> &'a [u8] {
        begin.get(..begin.len() - self.rest.len()).unwrap_or_default()
    }

    fn number(&mut self) -> Read<Scalar<'a>> {
        let begin = self.rest;
        self.skip_number()?;
        let written = self.read_since(begin);
        simple_number(written).or_else(|| any_number(written)).map_or(broken(NO_NUMBER), Ok)
    }

    fn digits(&mut self) -> usize {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.step(digits);
        digits
    }

    fn skip_number(&mut self) -> Read<()> {
        if self.rest.first() == Some(&b'-') {
            self.step(1);
        }
        let leads_with_zero = self.rest.first() == Some(&b'0');
        let whole = self.digits();
        if whole == 0 || (leads_with_zero && whole > 1) {
            return broken(NO_NUMBER);
        }
        if self.rest.first() == Some(&b'.') {
            self.step(1);
            if self.digits() == 0 {
                return broken(NO_NUMBER);
            }
        }
        if let Some(b'e' | b'E') = self.rest.first() {
            self.step(1);
            if let Some(b'+' | b'-') = self.rest.first() {
                self.step(1);
            }
            if self.digits() == 0 {
                return broken(NO_NUMBER);
            }
        }
        Ok(())
    }

    fn skip_string(&mut self) -> Read<()> {
        if !self.takes(b'"') {
            return broken("expected a string");
        }
        loop {
            self.step(plain(self.rest));
            let stop = self.rest.first();
            let Some(b'"' | b'\\') = stop else { return broken(NO_TEXT) };
            self.step(1);
            if stop == Some(&b'"') {
                return Ok(());
            }
            match self.rest {
                [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|it| it.is_ascii_hexdigit()) => {
                    self.step(5);
                }
                [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.step(1),
                _ => return broken("invalid escape"),
            }
        }
    }

    fn skip_key(&mut self) -> Read<()> {
        self.skip_string()?;
        self.must_take(b':', "expected ':'")
    }

    /// Passes over what nobody knows by this key.
    pub fn skip_member(&mut self, key: &[u8]) -> Read<()> {
        std::str::from_utf8(key).map_or(broken(NO_UTF8), |_| self.skip())
    }

    /// Passes over a value, however deep it is nested.
    pub fn skip(&mut self) -> Read<()> {
        // What ends the arrays and objects that it is within.
        let mut ends = Vec::new();
        loop {
            let opened = match self.next() {
                Some(b'[') => Some(b']'),
                Some(b'{') => Some(b'}'),
                Some(b'"') => self.skip_string().map(|()| None)?,
                Some(b'-' | b'0'..=b'9') => self.skip_number().map(|()| None)?,
                _ => self.word().map(|_| None)?,
            };
            let mut is_first = opened.is_some();
            if is_first {
                self.step(1);
                ends.extend(opened);
            }
            while ends.last().is_some_and(|end| self.takes(*end)) {
                ends.pop();
                is_first = false;
            }
            let Some(end) = ends.last() else { return Ok(()) };
            if !is_first {
                self.must_take(b',', "expected ',' or the end")?;
            }
            if *end == b'}' {
                self.skip_key()?;
            }
        }
    }
}

/// How many bytes stand before the end of a string, an escape, or what may not be in one.
fn plain(text: &[u8]) -> usize {
    text.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count()
}

/// A number as nearly all are: without sign and exponent, and not long.
fn simple_number<'a>(written: &[u8]) -> Option<Scalar<'a>> {
    let (mut number, mut scale) = (0_u64, 0_u64);
    for byte in written {
        match byte {
            b'0'..=b'9' => {
                number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                scale = scale.wrapping_mul(10);
            }
            b'.' => scale = 1,
            _ => return None,
        }
    }
    match scale {
        0 => (written.len() <= SURE_DIGITS).then_some(Scalar::Whole(number)),
        _ => {
            let is_exact = written.len() <= EXACT_DIGITS + 1;
            is_exact.then(|| Scalar::Number(number as f64 / scale as f64))
        }
    }
}

#[cold]
fn any_number<'a>(written: &[u8]) -> Option<Scalar<'a>> {
    let whole = std::str::from_utf8(written).ok()?.parse().ok().map(Scalar::Whole);
    whole.or_else(|| serde_json::from_slice(written).ok().map(Scalar::Number))
}
