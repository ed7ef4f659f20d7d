//! JSON, with the place of each value.
//!
//! The reader that the modules have decides what is JSON; the other one, which is told to
//! take nothing more, knows places.

use std::rc::Rc;

use jsonc_parser::ast::{ObjectPropName, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;

use super::fault::Fault;
use super::tree::{DEEPEST, MOST_NODES, Member, Node, Number, Scalar, Style, Value};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub fn read(content: &str) -> Result<Rc<Node>, Fault> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(content) {
        let problem = format!("isn't JSON: {error}");
        return Err(Fault { at: offset(content, error.line(), error.column()), problem });
    }
    if content.bytes().filter(|byte| b",[{".contains(byte)).count() > MOST_NODES {
        return Err(Fault::too_many_values(0));
    }
    let ast = parse_to_ast(content, &CollectOptions::default(), &STRICT);
    match ast.map(|parsed| parsed.value) {
        Ok(Some(value)) => node(value, 0),
        Ok(None) => Err(Fault { at: 0, problem: "isn't JSON: it is empty".to_owned() }),
        Err(error) => {
            let at = error.range().start;
            match error.kind() {
                ParseErrorKind::NestingDepthExceeded => Err(Fault::too_deep(at)),
                kind => Err(Fault { at, problem: format!("isn't JSON: {kind}") }),
            }
        }
    }
}

fn node(ast: Ast<'_>, depth: usize) -> Result<Rc<Node>, Fault> {
    let at = ast.range().start;
    if depth > DEEPEST {
        return Err(Fault::too_deep(at));
    }
    let value = match ast {
        Ast::NullKeyword(_) => Value::Null,
        Ast::BooleanLit(literal) => Value::Bool(literal.value),
        Ast::NumberLit(literal) => {
            Value::Number(Number { json: literal.value.into(), text_to_envoy: None })
        }
        Ast::StringLit(literal) => {
            Value::String(Scalar { content: literal.value.into(), style: Style::Double })
        }
        Ast::Array(array) => {
            let items = array.elements.into_iter().map(|item| node(item, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Ast::Object(object) => {
            let members = object.properties.into_iter().map(|property| {
                let value = node(property.value, depth + 1)?;
                Ok(Member { key_at: property.range.start, key: name(property.name), value })
            });
            Value::Object(members.collect::<Result<_, _>>()?)
        }
    };
    Ok(Rc::new(Node { at, value }))
}

fn name(name: ObjectPropName<'_>) -> Box<str> {
    name.into_string().into()
}

/// The byte where serde_json says that something is; its columns count bytes, from 1.
fn offset(content: &str, line: usize, column: usize) -> usize {
    let before = content.split_inclusive('\n').take(line.saturating_sub(1));
    let start: usize = before.map(str::len).sum();
    let offset = (start + column).saturating_sub(1).min(content.len());
    (0..=offset).rev().find(|offset| content.is_char_boundary(*offset)).unwrap_or_default()
}
