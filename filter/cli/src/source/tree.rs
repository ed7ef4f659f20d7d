//! Values that know where they stand.

use std::rc::Rc;

/// The most values that a file may hold. One of 5 MB has some 300,000.
pub(super) const MOST_NODES: usize = 1_000_000;
/// The deepest that values may stand in others: as deep as the modules read them.
pub(super) const DEEPEST: usize = 127;

/// A value and where it stands. An alias shares the node of its anchor.
#[derive(Debug, PartialEq)]
pub struct Node {
    /// The byte at which it begins, in the text of its document.
    pub at: usize,
    /// What it is.
    pub value: Value,
}

/// What JSON knows.
#[derive(Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(Scalar),
    /// A list.
    List(Vec<Rc<Node>>),
    /// An object, its members in their order, repeated ones kept.
    Object(Vec<Member>),
}

/// A number, and how it was written.
#[derive(Debug, PartialEq)]
pub struct Number {
    /// As JSON writes it.
    pub json: Box<str>,
    /// As it stands in YAML, where Envoy takes it for a text: there it knows whole numbers
    /// alone.
    pub text_to_envoy: Option<Box<str>>,
}

/// A text, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// What it says.
    pub content: Rc<str>,
    /// How it was written.
    pub style: Style,
}

/// Who reads a file on the way to the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Envoy.
    Envoy,
    /// `kubectl`, or whoever else brings resources to Kubernetes.
    Kubernetes,
}

/// How a text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes, as all texts of JSON.
    Double,
    /// As a block, below `|` or `>`.
    Block,
}

/// A member of an object.
#[derive(Debug, PartialEq)]
pub struct Member {
    /// What it is called.
    pub key: Box<str>,
    /// The byte at which its key begins.
    pub key_at: usize,
    /// What it holds.
    pub value: Rc<Node>,
}

impl Node {
    /// The member of that name; of several the last, as JSON has it.
    pub fn get(&self, key: &str) -> Option<&Rc<Node>> {
        self.members().iter().rev().find(|member| *member.key == *key).map(|member| &member.value)
    }

    /// A field of a message of Envoy, which may be written as `in_snake_case` or in
    /// `lowerCamelCase`.
    pub fn field(&self, name: &str) -> Option<&Rc<Self>> {
        self.get(name).or_else(|| self.get(&camel_case(name)))
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// What stands in it.
    pub fn children(&self) -> impl Iterator<Item = &Rc<Self>> {
        self.items().iter().chain(self.members().iter().map(|member| &member.value))
    }

    /// What is found by going from member to member.
    pub fn at_path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key).map(Rc::as_ref))
    }

    /// Its members, if it is an object.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// Its items, if it is a list.
    pub fn items(&self) -> &[Rc<Node>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Its text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(scalar) => Some(&scalar.content),
            _ => None,
        }
    }

    /// How it is written in JSON, if it is a number.
    pub fn number(&self) -> Option<&str> {
        match &self.value {
            Value::Number(number) => Some(&number.json),
            _ => None,
        }
    }

    /// The same as JSON, as `reader` understands it. Repeated members stay.
    pub fn to_json(&self, reader: Reader) -> String {
        let mut json = String::new();
        self.write_json(reader, &mut json);
        json
    }

    fn write_json(&self, reader: Reader, json: &mut String) {
        match &self.value {
            Value::Null => json.push_str("null"),
            Value::Bool(true) => json.push_str("true"),
            Value::Bool(false) => json.push_str("false"),
            Value::Number(number) => match (reader, &number.text_to_envoy) {
                (Reader::Envoy, Some(text)) => write_text(text, json),
                _ => json.push_str(&number.json),
            },
            Value::String(scalar) => write_text(&scalar.content, json),
            Value::List(items) => {
                let mut before = '[';
                for item in items {
                    json.push(before);
                    item.write_json(reader, json);
                    before = ',';
                }
                json.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Value::Object(members) => {
                let mut before = '{';
                for member in members {
                    json.push(before);
                    write_text(&member.key, json);
                    json.push(':');
                    member.value.write_json(reader, json);
                    before = ',';
                }
                json.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn write_text(text: &str, json: &mut String) {
    json.push_str(&serde_json::Value::from(text).to_string());
}
