//! YAML, with the place of each value.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag,
};

use super::fault::Fault;
use super::tree::{DEEPEST, MOST_NODES, Member, Node, Number, Scalar, Style, Value};

/// What aliases may add to what is written: in values, each longer text counting as several.
const MOST_REPEATED: usize = 1_000_000;

/// A document, and where in it keys are merged.
pub struct Composed {
    pub root: Rc<Node>,
    pub merges: Vec<usize>,
}

/// The documents that aren't empty.
pub fn read(content: &str) -> Result<Vec<Composed>, Fault> {
    let mut composer = Composer::new(content);
    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        if let Event::DocumentStart(..) = event {
            let (event, span) = composer.expect(span)?;
            let root = composer.compose(event, span, 0)?;
            documents.push(Composed { root, merges: std::mem::take(&mut composer.merges) });
        }
    }
    documents.retain(|document| document.root.value != Value::Null);
    Ok(documents)
}

struct Composer<'s> {
    content: &'s str,
    parser: Parser<'s, StrInput<'s>>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
    repeated: usize,
    merges: Vec<usize>,
}

/// What an alias stands for, and how much it is with all aliases in it followed.
struct Anchor {
    node: Rc<Node>,
    size: usize,
}

fn start(span: Span) -> usize {
    span.start.byte_offset().unwrap_or_default()
}

fn not_yaml(content: &str, error: &ScanError) -> Fault {
    let at = error.marker().byte_offset().unwrap_or_default();
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return Fault::too_deep(at);
    }
    let problem = format!("isn't YAML: {}", error.info());
    tab_near(content, at).unwrap_or(Fault { at, problem })
}

/// A tab that indents the line with a fault, or the next one: it mostly is the fault.
fn tab_near(content: &str, at: usize) -> Option<Fault> {
    let start = content.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let mut at = start;
    for line in content.get(start..)?.split_inclusive('\n').take(2) {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line.get(..blanks)?.find('\t') {
            let problem = "isn't YAML: a tab indents this line; write blanks".to_owned();
            return Some(Fault { at: at + tab, problem });
        }
        at += line.len();
    }
    None
}

impl<'s> Composer<'s> {
    fn new(content: &'s str) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = DEEPEST;
        options.block_nesting_limit = DEEPEST;
        let parser = Parser::new_from_str_with_options(content, options);
        Self { content, parser, anchors: HashMap::new(), nodes: 0, repeated: 0, merges: Vec::new() }
    }

    fn next(&mut self) -> Result<Option<(Event<'s>, Span)>, Fault> {
        self.parser.next_event().transpose().map_err(|error| not_yaml(self.content, &error))
    }

    fn expect(&mut self, after: Span) -> Result<(Event<'s>, Span), Fault> {
        let ends = || Fault { at: start(after), problem: "isn't YAML: it ends here".to_owned() };
        self.next()?.ok_or_else(ends)
    }

    /// Everything that is added up as what it holds with its aliases followed.
    fn total(&self) -> usize {
        self.nodes + self.repeated
    }

    fn compose(&mut self, event: Event<'s>, span: Span, depth: usize) -> Result<Rc<Node>, Fault> {
        let at = start(span);
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Fault::too_many_values(at));
        }
        if depth > DEEPEST {
            return Err(Fault::too_deep(at));
        }
        let before = self.total();
        let (value, anchor) = match event {
            Event::Scalar(content, style, anchor, tag) => {
                self.nodes += content.len() / 64;
                (scalar(&content, style, tag.as_deref()), anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.object(span, depth)?, anchor),
            Event::Alias(id) => return self.follow(id, at),
            _ => return Err(Fault { at, problem: "isn't YAML: a value is missing".to_owned() }),
        };
        let node = Rc::new(Node { at, value });
        if anchor > 0 {
            let size = self.total() - before + 1;
            self.anchors.insert(anchor, Anchor { node: Rc::clone(&node), size });
        }
        Ok(node)
    }

    fn follow(&mut self, id: usize, at: usize) -> Result<Rc<Node>, Fault> {
        let Some(anchor) = self.anchors.get(&id) else {
            let problem = "refers to what it stands in; write it out".to_owned();
            return Err(Fault { at, problem });
        };
        self.repeated = self.repeated.saturating_add(anchor.size);
        if self.repeated > MOST_REPEATED {
            let problem = format!("aliases repeat more than {MOST_REPEATED} values up to here");
            return Err(Fault { at, problem });
        }
        Ok(Rc::clone(&anchor.node))
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            match self.expect(span)? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.compose(event, span, depth + 1)?),
            }
        }
    }

    fn object(&mut self, span: Span, depth: usize) -> Result<Value, Fault> {
        let mut members = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, key_span) = match self.expect(span)? {
                (Event::MappingEnd, _) => break,
                key => key,
            };
            let merges =
                matches!(&event, Event::Scalar(key, ScalarStyle::Plain, ..) if key == "<<");
            let key = self.key(event, key_span, depth)?;
            let (event, span) = self.expect(key_span)?;
            let value = self.compose(event, span, depth + 1)?;
            if merges {
                self.merges.push(start(key_span));
                merged.push(value);
            } else {
                members.push(Member { key, key_at: start(key_span), value });
            }
        }
        for from in merged {
            merge(&from, &mut members)?;
        }
        Ok(Value::Object(members))
    }

    /// A key may be an alias of a text; whatever is no text is none.
    fn key(&mut self, event: Event<'s>, span: Span, depth: usize) -> Result<Box<str>, Fault> {
        if let Event::Scalar(content, _, 0, _) = &event {
            return Ok(content.as_ref().into());
        }
        let node = self.compose(event, span, depth + 1)?;
        match &node.value {
            Value::String(scalar) => Ok(scalar.content.as_ref().into()),
            Value::Number(number) => Ok(number.json.clone()),
            Value::Null => Ok("null".into()),
            Value::Bool(value) => Ok(value.to_string().into()),
            _ => Err(Fault { at: start(span), problem: "isn't a key; write a text".to_owned() }),
        }
    }
}

/// `<<: *base`, or a list of such: what the object itself doesn't say, the base says.
fn merge(from: &Node, members: &mut Vec<Member>) -> Result<(), Fault> {
    match &from.value {
        Value::Object(others) => {
            for other in others {
                if members.iter().all(|member| member.key != other.key) {
                    let value = Rc::clone(&other.value);
                    members.push(Member { key: other.key.clone(), key_at: other.key_at, value });
                }
            }
            Ok(())
        }
        Value::List(items) => items.iter().try_for_each(|item| merge(item, members)),
        _ => Err(Fault { at: from.at, problem: "can't be merged; write an alias".to_owned() }),
    }
}

fn scalar(content: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str") || tag.suffix() == "!");
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    };
    let plain = (style == Style::Plain && !is_text).then(|| resolve(content)).flatten();
    plain.unwrap_or_else(|| Value::String(Scalar { content: content.into(), style }))
}

/// What a scalar without quotes is but a text: as Envoy and Kubernetes have it, which know
/// the words of YAML 1.1 as well.
fn resolve(content: &str) -> Option<Value> {
    let value = match content {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Value::Bool(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Value::Bool(false)
        }
        _ => Value::Number(number(content)?),
    };
    Some(value)
}

fn number(content: &str) -> Option<Number> {
    let unsigned = content.strip_prefix(['-', '+']).unwrap_or(content);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let sign = if content.starts_with('-') { "-" } else { "" };
    if let Some(number) = whole(unsigned) {
        let known = i64::try_from(number).is_ok();
        let text_to_envoy = (!known).then(|| content.into());
        return Some(Number { json: format!("{sign}{number}").into(), text_to_envoy });
    }
    let of_kubernetes = [("0o", 8), ("0b", 2)].iter().find_map(|(prefix, radix)| {
        u64::from_str_radix(unsigned.strip_prefix(prefix)?, *radix).ok()
    });
    let json = match of_kubernetes.or_else(|| whole(&unsigned.replace('_', ""))) {
        Some(number) => number.to_string(),
        None => {
            let number: f64 = unsigned.parse().ok()?;
            serde_json::Number::from_f64(number)?.to_string()
        }
    };
    Some(Number { json: format!("{sign}{json}").into(), text_to_envoy: Some(content.into()) })
}

/// A whole number as YAML 1.1 writes it.
fn whole(digits: &str) -> Option<u64> {
    if let Some(digits) = digits.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let octal = digits.strip_prefix('0').filter(|digits| !digits.is_empty());
    match octal {
        Some(digits) => u64::from_str_radix(digits, 8).ok(),
        None => digits.parse().ok(),
    }
}
