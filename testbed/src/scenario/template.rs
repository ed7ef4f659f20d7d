//! Templates in strings: `${repeat TEXT COUNT}`.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Expands the templates in every string of `value`; keys stay as they are.
pub fn expand(value: &mut Value) -> Result<()> {
    match value {
        Value::String(text) if text.contains("${") => *text = expanded(text)?,
        Value::Array(list) => list.iter_mut().try_for_each(expand)?,
        Value::Object(object) => object.values_mut().try_for_each(expand)?,
        _ => {}
    }
    Ok(())
}

fn expanded(mut text: &str) -> Result<String> {
    let mut out = String::new();
    while let Some((before, rest)) = text.split_once("${") {
        let (template, after) = rest.split_once('}').context("a ${ without its }")?;
        out += before;
        match template.split_whitespace().collect::<Vec<_>>()[..] {
            ["repeat", part, count] => {
                out += &part.repeat(count.parse().with_context(|| format!("${{{template}}}"))?);
            }
            _ => bail!("unknown template ${{{template}}}; there is ${{repeat TEXT COUNT}}"),
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
        expand(&mut value).unwrap();
        assert_eq!(value, json!({ "a": ["xabababy"], "n": 1 }));
    }

    #[test]
    fn an_unknown_or_broken_template_is_an_error() {
        for wrong in ["${repeat a}", "${repeat a b}", "${fly}", "${repeat a 1"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
    }
}
