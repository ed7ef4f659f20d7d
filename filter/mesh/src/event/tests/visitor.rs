//! Events as `serde_json` reads them: the measure for the reader that the hub has of its own.

use super::{Event, Raw, Refused, Unreadable};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

pub type Events<'a> = Vec<Result<Event<'a>, Refused>>;

/// Says that a batch is too large; serde has only words for errors.
const TOO_MANY: &str = "too many events";

/// Reads an object, or an array of objects.
pub fn read(body: &[u8], most: usize) -> Result<Events<'_>, Unreadable> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let events = Batch(most).deserialize(&mut deserializer).map_err(unreadable)?;
    deserializer.end().map_err(unreadable)?;
    Ok(events)
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
        events.push(match serde_json::from_slice::<Raw<'_>>(line) {
            Ok(raw) => Event::check(raw),
            Err(error) => Err(Refused::new("", error.to_string())),
        });
    }
    Ok(events)
}

fn unreadable(error: serde_json::Error) -> Unreadable {
    let words = error.to_string();
    if words.starts_with(TOO_MANY) { Unreadable::TooMany } else { Unreadable::Malformed(words) }
}

/// So many events at most.
struct Batch(usize);

impl<'de> DeserializeSeed<'de> for Batch {
    type Value = Events<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Batch {
    type Value = Events<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an event or an array of events")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(vec![Event::check(Fields.visit_map(map)?)])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<Self::Value, A::Error> {
        let mut read = Vec::new();
        while let Some(raw) = events.next_element::<Raw<'de>>()? {
            if read.len() == self.0 {
                return Err(A::Error::custom(TOO_MANY));
            }
            read.push(Event::check(raw));
        }
        Ok(read)
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Raw<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw::default();
        while let Some(Scalar::Text(key)) = map.next_key()? {
            let mut field = Field { map: &mut map, wrong: &mut raw.wrong_type };
            match &*key {
                "instance_id" => raw.instance_id = field.text("instance_id")?,
                "timestamp_ns" => raw.timestamp_ns = field.whole("timestamp_ns")?,
                "probe_method" => raw.probe_method = field.text("probe_method")?,
                "latency_p95_ms" => raw.latency_p95_ms = field.number("latency_p95_ms")?,
                "connection_established" => {
                    raw.connection_established = field.bool("connection_established")?;
                }
                "http_status_code" => raw.http_status_code = field.whole("http_status_code")?,
                "status" => raw.status = field.text("status")?,
                "service" => raw.service = field.text("service")?,
                "error_rate" => raw.error_rate = field.number("error_rate")?,
                "source" => raw.source = field.text("source")?,
                "address" => raw.address = field.text("address")?,
                "locality" => raw.locality = field.locality()?,
                "priority" => raw.priority = field.whole("priority")?,
                "weight" => raw.weight = field.whole("weight")?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    raw.ignored += 1;
                }
            }
        }
        Ok(raw)
    }
}

/// The value of a field that has just been named.
struct Field<'m, A> {
    map: &'m mut A,
    wrong: &'m mut Option<Refused>,
}

impl<'de, A: MapAccess<'de>> Field<'_, A> {
    /// `null` is nothing; what is of another type is told.
    fn of<T>(
        &mut self,
        field: &'static str,
        must: &'static str,
        as_: impl FnOnce(Scalar<'de>) -> Option<T>,
    ) -> Result<Option<T>, A::Error> {
        Ok(match self.map.next_value::<Scalar<'de>>()? {
            Scalar::Null => None,
            value => {
                let value = as_(value);
                if value.is_none() && self.wrong.is_none() {
                    *self.wrong = Some(Refused::new(field, must));
                }
                value
            }
        })
    }

    fn text(&mut self, field: &'static str) -> Result<Option<Cow<'de, str>>, A::Error> {
        self.of(field, "must be a string", |value| match value {
            Scalar::Text(text) => Some(text),
            _ => None,
        })
    }

    /// Numbers beyond 2⁵³ may come as strings: JavaScript has no others.
    fn whole(&mut self, field: &'static str) -> Result<Option<u64>, A::Error> {
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

    fn number(&mut self, field: &'static str) -> Result<Option<f64>, A::Error> {
        self.of(field, "must be a number", |value| match value {
            Scalar::Whole(number) => Some(number as f64),
            Scalar::Number(number) => Some(number),
            _ => None,
        })
    }

    fn locality(&mut self) -> Result<[Cow<'de, str>; 3], A::Error> {
        let Locality { parts, is_one } = self.map.next_value()?;
        if !is_one && self.wrong.is_none() {
            let must = "must be an object of strings: region, zone and sub_zone";
            *self.wrong = Some(Refused::new("locality", must));
        }
        Ok(parts)
    }

    fn bool(&mut self, field: &'static str) -> Result<Option<bool>, A::Error> {
        self.of(field, "must be true or false", |value| match value {
            Scalar::Bool(bool) => Some(bool),
            _ => None,
        })
    }
}

/// A value without parts; `Other` for one that has.
#[derive(Debug)]
enum Scalar<'a> {
    Null,
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(Cow<'a, str>),
    Other,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyScalar)
    }
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        while parts.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// `core.v3.Locality`; what it has beyond that is nothing.
struct Locality<'a> {
    parts: [Cow<'a, str>; 3],
    /// Whether it is of the right type. What isn't is a fault of its event, not of the batch.
    is_one: bool,
}

impl<'de> Deserialize<'de> for Locality<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyLocality)
    }
}

struct AnyLocality;

impl AnyLocality {
    fn none<'a, E>(is_one: bool) -> Result<Locality<'a>, E> {
        Ok(Locality { parts: Default::default(), is_one })
    }
}

impl<'de> Visitor<'de> for AnyLocality {
    type Value = Locality<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a locality")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Self::none(true)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Self::none(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Self::none(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Self::none(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Self::none(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Self::none(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Self::none(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut locality = Self::none(true)?;
        let [region, zone, sub_zone] = &mut locality.parts;
        while let Some(Scalar::Text(key)) = map.next_key()? {
            let part = match &*key {
                "region" => &mut *region,
                "zone" => &mut *zone,
                "sub_zone" => &mut *sub_zone,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            match map.next_value()? {
                Scalar::Text(text) => *part = text,
                Scalar::Null => {}
                _ => locality.is_one = false,
            }
        }
        Ok(locality)
    }
}
