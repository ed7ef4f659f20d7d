//! Events as JSON.
//!
//! Reading them is what the hub spends most of its time on, hence a reader of its own, which
//! looks at each byte once and calls little: with `serde_json` a post of a hundred events took
//! nearly twice as long. What is rare (escapes, long numbers) is still left to `serde_json`, and
//! a reader made with it stands in the tests as the measure of what is taken and what refused.

use super::{Event, Raw, Refused, Unreadable};
use cursor::{Broken, Cursor, Scalar};
use std::borrow::Cow;

mod cursor;

type Events<'a> = Vec<Result<Event<'a>, Refused>>;

/// Reads an object, or an array of objects.
pub fn read(body: &[u8], most: usize) -> Result<Events<'_>, Unreadable> {
    let mut cursor = Cursor::new(body);
    let events = batch(&mut cursor, most).and_then(|events| cursor.end().map(|()| events));
    events.map_err(|broken| match broken {
        Broken::TooMany => Unreadable::TooMany,
        Broken::Malformed(words) => Unreadable::Malformed(cursor.place(words)),
    })
}

/// Reads an object a line. Blank lines are nothing, and one that can't be read is refused by
/// itself: whoever writes lines passes on those of others.
pub fn read_lines(body: &[u8], most: usize) -> Result<Events<'_>, Unreadable> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut events = Vec::new();
    for line in lines {
        if events.len() == most {
            return Err(Unreadable::TooMany);
        }
        let mut cursor = Cursor::new(line);
        let raw = fields(&mut cursor).and_then(|raw| cursor.end().map(|()| raw));
        events.push(match raw {
            Ok(raw) => Event::check(raw),
            Err(broken) => Err(Refused::new("", cursor.place(broken.words()))),
        });
    }
    Ok(events)
}

fn batch<'a>(cursor: &mut Cursor<'a>, most: usize) -> Result<Events<'a>, Broken> {
    if cursor.next() == Some(b'{') {
        return Ok(vec![Event::check(fields(cursor)?)]);
    }
    let mut events = Vec::new();
    cursor.elements(|cursor| {
        let raw = fields(cursor)?;
        if events.len() == most {
            return Err(Broken::TooMany);
        }
        events.push(Event::check(raw));
        Ok(())
    })?;
    Ok(events)
}

fn fields<'a>(cursor: &mut Cursor<'a>) -> Result<Raw<'a>, Broken> {
    let mut raw = Raw::default();
    cursor.members(|cursor, key| {
        let mut field = Field { cursor, wrong: &mut raw.wrong_type };
        match key {
            b"instance_id" => raw.instance_id = field.text("instance_id")?,
            b"timestamp_ns" => raw.timestamp_ns = field.whole("timestamp_ns")?,
            b"probe_method" => raw.probe_method = field.text("probe_method")?,
            b"latency_p95_ms" => raw.latency_p95_ms = field.number("latency_p95_ms")?,
            b"connection_established" => {
                raw.connection_established = field.bool("connection_established")?;
            }
            b"http_status_code" => raw.http_status_code = field.whole("http_status_code")?,
            b"status" => raw.status = field.text("status")?,
            b"service" => raw.service = field.text("service")?,
            b"error_rate" => raw.error_rate = field.number("error_rate")?,
            b"source" => raw.source = field.text("source")?,
            b"address" => raw.address = field.text("address")?,
            b"locality" => raw.locality = field.locality()?,
            b"priority" => raw.priority = field.whole("priority")?,
            b"weight" => raw.weight = field.whole("weight")?,
            _ => {
                cursor.skip_member(key)?;
                raw.ignored += 1;
            }
        }
        Ok(())
    })?;
    Ok(raw)
}

/// The value of a field that has just been named.
struct Field<'m, 'a> {
    cursor: &'m mut Cursor<'a>,
    wrong: &'m mut Option<Refused>,
}

impl<'a> Field<'_, 'a> {
    /// `null` is nothing; what is of another type is told.
    #[inline]
    fn of<T>(
        &mut self,
        field: &'static str,
        must: &'static str,
        as_: impl FnOnce(Scalar<'a>) -> Option<T>,
    ) -> Result<Option<T>, Broken> {
        Ok(match self.cursor.scalar()? {
            Scalar::Null => None,
            value => {
                let value = as_(value);
                if value.is_none() {
                    self.is_wrong(field, must);
                }
                value
            }
        })
    }

    /// The first is told.
    fn is_wrong(&mut self, field: &'static str, must: &'static str) {
        self.wrong.get_or_insert_with(|| Refused::new(field, must));
    }

    fn text(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, Broken> {
        self.of(field, "must be a string", |value| match value {
            Scalar::Text(text) => Some(text),
            _ => None,
        })
    }

    /// Numbers beyond 2⁵³ may come as strings: JavaScript has no others.
    fn whole(&mut self, field: &'static str) -> Result<Option<u64>, Broken> {
        self.of(field, "must be a whole number below 2^64, or a string of its digits", |value| {
            match value {
                Scalar::Whole(number) => Some(number),
                Scalar::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    text.parse().ok()
                }
                _ => None,
            }
        })
    }

    fn number(&mut self, field: &'static str) -> Result<Option<f64>, Broken> {
        self.of(field, "must be a number", |value| match value {
            Scalar::Whole(number) => Some(number as f64),
            Scalar::Number(number) => Some(number),
            _ => None,
        })
    }

    fn bool(&mut self, field: &'static str) -> Result<Option<bool>, Broken> {
        self.of(field, "must be true or false", |value| match value {
            Scalar::Bool(bool) => Some(bool),
            _ => None,
        })
    }

    /// `core.v3.Locality`; what it has beyond that is nothing.
    fn locality(&mut self) -> Result<[Cow<'a, str>; 3], Broken> {
        let mut parts = <[Cow<'a, str>; 3]>::default();
        let mut is_one = true;
        if self.cursor.next() == Some(b'{') {
            let [region, zone, sub_zone] = &mut parts;
            self.cursor.members(|cursor, key| {
                let part = match key {
                    b"region" => &mut *region,
                    b"zone" => &mut *zone,
                    b"sub_zone" => &mut *sub_zone,
                    _ => return cursor.skip_member(key),
                };
                match cursor.scalar()? {
                    Scalar::Text(text) => *part = text,
                    Scalar::Null => {}
                    _ => is_one = false,
                }
                Ok(())
            })?;
        } else {
            is_one = matches!(self.cursor.scalar()?, Scalar::Null);
        }
        if !is_one {
            self.is_wrong("locality", "must be an object of strings: region, zone and sub_zone");
        }
        Ok(parts)
    }
}
