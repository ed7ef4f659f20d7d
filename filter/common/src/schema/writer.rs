//! JSON as it is written by hand: keys in their order, short values on one line.

use crate::reader::tree::Json;

/// The longest value that stays on one line.
const LINE: usize = 92;

/// A string.
pub fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

/// A number.
pub fn number(number: u32) -> Json {
    Json::Number(number.into(), number.to_string())
}

/// A list.
pub fn list(items: impl IntoIterator<Item = Json>) -> Json {
    Json::Array(items.into_iter().collect())
}

/// A list of strings.
pub fn words(all: &[&str]) -> Json {
    list(all.iter().map(|word| text(word)))
}

/// An object.
pub fn object<'a>(members: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The members of all these objects.
pub fn joined(objects: impl IntoIterator<Item = Json>) -> Json {
    let members = objects.into_iter().flat_map(|object| match object {
        Json::Object(members) => members,
        other => panic!("no object: {other:?}"),
    });
    Json::Object(members.collect())
}

/// What such a text holds.
pub fn read(json: &str) -> Json {
    serde_json::from_str(json).unwrap()
}

/// A file of it.
pub fn write(json: &Json) -> String {
    let mut file = String::new();
    write_value(json, 0, &mut file);
    file.push('\n');
    file
}

fn write_value(json: &Json, indent: usize, file: &mut String) {
    let short = on_one_line(json);
    if indent + short.len() <= LINE && indent > 0 {
        file.push_str(&short);
        return;
    }
    let ((open, close), lines): (_, Vec<(String, &Json)>) = match json {
        Json::Array(items) => {
            (('[', ']'), items.iter().map(|item| (String::new(), item)).collect())
        }
        Json::Object(members) => {
            (('{', '}'), members.iter().map(|(key, value)| (format!("{key:?}: "), value)).collect())
        }
        _ => {
            file.push_str(&short);
            return;
        }
    };
    file.push(open);
    for (index, (key, value)) in lines.into_iter().enumerate() {
        file.push_str(if index == 0 { "\n" } else { ",\n" });
        file.push_str(&" ".repeat(indent + 2));
        file.push_str(&key);
        write_value(value, indent + 2, file);
    }
    file.push('\n');
    file.push_str(&" ".repeat(indent));
    file.push(close);
}

fn on_one_line(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(_, text) => text.clone(),
        Json::String(text) => serde_json::to_string(text).unwrap(),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", "))
        }
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members = members.iter().map(|(key, value)| {
                format!("{}: {}", serde_json::to_string(key).unwrap(), on_one_line(value))
            });
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}
