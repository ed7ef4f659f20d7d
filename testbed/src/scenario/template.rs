//! Templates in strings: `${repeat TEXT COUNT}` and, where Envoy's
//! configuration is patched, `${tls.ca}`, `${tls.server.cert}`, `${tls.server.key}`.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::client::tls::Authority;

/// Expands the templates in every string of `value`; keys stay as they are.
/// While there is no `authority` yet, the names of its files stay too.
pub fn expand(value: &mut Value, authority: Option<&Authority>) -> Result<()> {
    match value {
        Value::String(text) if text.contains("${") => *text = expanded(text, authority)?,
        Value::Array(list) => {
            list.iter_mut().try_for_each(|value| expand(value, authority))?;
        }
        Value::Object(object) => {
            object.values_mut().try_for_each(|value| expand(value, authority))?;
        }
        _ => {}
    }
    Ok(())
}

fn expanded(mut text: &str, authority: Option<&Authority>) -> Result<String> {
    let mut out = String::new();
    while let Some((before, rest)) = text.split_once("${") {
        let (template, after) = rest.split_once('}').context("a ${ without its }")?;
        out += before;
        match template.split_whitespace().collect::<Vec<_>>()[..] {
            ["repeat", part, count] => {
                out += &part.repeat(count.parse().with_context(|| format!("${{{template}}}"))?);
            }
            [name @ ("tls.ca" | "tls.server.cert" | "tls.server.key")] => {
                out += &match authority {
                    Some(authority) => authority.path(&name["tls.".len()..]).display().to_string(),
                    None => format!("${{{name}}}"),
                };
            }
            _ => bail!(
                "unknown template ${{{template}}}; there are \
                 ${{repeat TEXT COUNT}}, ${{tls.ca}}, ${{tls.server.cert}}, ${{tls.server.key}}"
            ),
        }
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
    fn an_unknown_or_broken_template_is_an_error() {
        for wrong in ["${repeat a}", "${repeat a b}", "${fly}", "${repeat a 1", "${tls.key}"] {
            assert!(expanded(wrong, None).is_err(), "{wrong}");
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
}
