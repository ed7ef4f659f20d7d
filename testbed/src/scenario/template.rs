//! Templates in strings: `${repeat TEXT COUNT}`, `${random}`, `${number}`, the words of a
//! table, and, where Envoy's configuration is patched, `${tls.ca}`, `${tls.server.cert}`,
//! `${tls.server.key}`. In lists `{ "${copies COUNT}": ITEM }`.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use crate::client::tls::Authority;

/// The authority's files, which no table can give another meaning.
const FILES: [&str; 3] = ["tls.ca", "tls.server.cert", "tls.server.key"];

/// Expands the templates in every string of `value`, and copies in its lists; other keys
/// stay as they are.
/// While there is no `authority` yet, the names of its files stay too.
pub fn expand(value: &mut Value, authority: Option<&Authority>) -> Result<()> {
    match value {
        Value::String(text) if text.contains("${") => {
            *text = replaced(text, |template| meaning(template, authority))?;
        }
        Value::Array(list) => {
            for item in std::mem::take(list) {
                list.extend(copies(item)?);
            }
            list.iter_mut().try_for_each(|value| expand(value, authority))?;
        }
        Value::Object(object) => {
            object.values_mut().try_for_each(|value| expand(value, authority))?;
        }
        _ => {}
    }
    Ok(())
}

/// The items that stand for one item of a list: itself, or its numbered copies.
fn copies(item: Value) -> Result<Vec<Value>> {
    let count = item.as_object().filter(|object| object.len() == 1).and_then(|object| {
        let (key, copy) = object.iter().next()?;
        Some((key.strip_prefix("${copies ")?.strip_suffix('}')?, copy))
    });
    let Some((count, copy)) = count else { return Ok(vec![item]) };
    let count: usize = count.parse().with_context(|| format!("${{copies {count}}}"))?;
    let numbered = |number: usize| {
        let mut copy = copy.clone();
        let number = [("number".to_owned(), Value::from(number))];
        fill(&mut copy, &number.into_iter().collect()).map(|()| copy)
    };
    (0..count).map(numbered).collect()
}

fn meaning(template: &str, authority: Option<&Authority>) -> Result<String> {
    Ok(match template.split_whitespace().collect::<Vec<_>>()[..] {
        ["repeat", part, count] => {
            part.repeat(count.parse().with_context(|| format!("${{{template}}}"))?)
        }
        ["random"] => super::random::RANDOM.to_owned(),
        ["number"] => super::random::NUMBER.to_owned(),
        [name] if FILES.contains(&name) => match authority {
            Some(authority) => authority.path(&name["tls.".len()..]).display().to_string(),
            None => format!("${{{name}}}"),
        },
        _ => bail!(
            "unknown template ${{{template}}}; there are ${{repeat TEXT COUNT}}, ${{tls.ca}}, \
             ${{tls.server.cert}}, ${{tls.server.key}}, ${{random}} and ${{number}} in a header of a load, and what a table names"
        ),
    })
}

/// Puts in the `variables` wherever `value` names one, in keys too: `${name}`,
/// or `${name.key}` for a part of one. A string that is nothing else becomes
/// the variable itself, of whatever type. Other templates stay.
pub fn fill(value: &mut Value, variables: &Map<String, Value>) -> Result<()> {
    match value {
        Value::String(text) => {
            let whole = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
            match whole.map(|name| find(name, variables)).transpose()?.flatten() {
                Some(variable) => *value = variable.clone(),
                None => *text = filled(text, variables)?,
            }
        }
        Value::Array(list) => list.iter_mut().try_for_each(|value| fill(value, variables))?,
        Value::Object(object) => {
            for (key, mut value) in std::mem::take(object) {
                fill(&mut value, variables)?;
                let key = filled(&key, variables)?;
                ensure!(object.insert(key.clone(), value).is_none(), "{key} stands twice");
            }
        }
        _ => {}
    }
    Ok(())
}

fn filled(text: &str, variables: &Map<String, Value>) -> Result<String> {
    replaced(text, |template| {
        Ok(match find(template, variables)? {
            None => format!("${{{template}}}"),
            Some(Value::String(text)) => text.clone(),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => scalar.to_string(),
            Some(other) => bail!("${{{template}}} can't be a part of {text:?}: it is {other}"),
        })
    })
}

/// What `template` names, or `None` if it names no variable.
fn find<'a>(template: &str, variables: &'a Map<String, Value>) -> Result<Option<&'a Value>> {
    let mut path = template.split('.');
    let Some(variable) = path.next().and_then(|name| variables.get(name)) else { return Ok(None) };
    if FILES.contains(&template) {
        return Ok(None);
    }
    path.try_fold(variable, |value, key| value.get(key))
        .with_context(|| format!("there is no ${{{template}}} in {variable}"))
        .map(Some)
}

/// Replaces every `${template}` in `text` by what it means.
fn replaced(mut text: &str, meaning: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut out = String::new();
    while let Some((before, rest)) = text.split_once("${") {
        let (template, after) = rest.split_once('}').context("a ${ without its }")?;
        out += before;
        out += &meaning(template)?;
        text = after;
    }
    Ok(out + text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repeats_wherever_a_string_is() {
        let mut value = json!({ "a": ["x${repeat ab 3}y${repeat z 0}"], "n": 1 });
        expand(&mut value, None).unwrap();
        assert_eq!(value, json!({ "a": ["xabababy"], "n": 1 }));
    }

    #[test]
    fn copies_in_a_list_are_numbered() {
        let mut value = json!([1, { "${copies 2}": { "name": "svc${number}" } }, { "a": 2 }]);
        expand(&mut value, None).unwrap();
        assert_eq!(value, json!([1, { "name": "svc0" }, { "name": "svc1" }, { "a": 2 }]));
        assert!(expand(&mut json!([{ "${copies many}": 1 }]), None).is_err());
    }

    #[test]
    fn an_unknown_or_broken_template_is_an_error() {
        for wrong in ["${repeat a}", "${repeat a b}", "${fly}", "${repeat a 1", "${tls.key}"] {
            assert!(expand(&mut json!(wrong), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_are_named_once_they_are_there() {
        let mut value = json!("x ${tls.server.key}");
        expand(&mut value, None).unwrap();
        assert_eq!(value, "x ${tls.server.key}");
        let authority = Authority::new().unwrap();
        expand(&mut value, Some(&authority)).unwrap();
        let path = value.as_str().unwrap().strip_prefix("x ").unwrap();
        assert!(std::fs::read_to_string(path).unwrap().contains("PRIVATE KEY"));
    }

    fn filled_with(value: Value, variables: Value) -> Result<Value> {
        let mut value = value;
        fill(&mut value, variables.as_object().unwrap())?;
        Ok(value)
    }

    #[test]
    fn variables_are_put_in_with_their_types_or_as_text() {
        let variables = json!({ "a": { "b": [1, null] }, "n": 7, "tls": { "as": "x" } });
        assert_eq!(
            filled_with(json!({ "x": ["${a}", "${a.b}"], "k${n}": "n=${n}${tls.as}" }), variables)
                .unwrap(),
            json!({ "x": [{ "b": [1, null] }, [1, null]], "k7": "n=7x" })
        );
    }

    #[test]
    fn other_templates_stay() {
        let value = json!(["${repeat a 3}", "${tls.ca}", "x ${tls.server.key} ${b}"]);
        let variables = json!({ "tls": { "ca": 1 }, "repeat": 2 });
        assert_eq!(filled_with(value.clone(), variables).unwrap(), value);
    }

    #[test]
    fn a_variable_that_does_not_fit_is_an_error() {
        for wrong in [
            json!("${a.c}"),
            json!("${n.c}"),
            json!("x${a}"),
            json!("x${z}"),
            json!({ "${n}": 1, "7": 2 }),
        ] {
            let variables = json!({ "a": { "b": 1 }, "n": 7, "z": null });
            assert!(filled_with(wrong.clone(), variables).is_err(), "{wrong}");
        }
    }
}
