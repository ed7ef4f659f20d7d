//! Values that come from the environment: one configuration serves many proxies.

use crate::base::environment::Variables;

/// Puts variables where `${NAME}` stands.
///
/// # Errors
/// What is wrong and what to write instead.
#[inline(never)]
pub(super) fn expand(text: &str, Variables(variable): Variables) -> Result<String, String> {
    let (mut expanded, mut rest) = (String::new(), text);
    while let Some(at) = place_of(b'$', rest) {
        let end = place_of(b'}', rest).unwrap_or_default();
        let name = rest.get(at + 1..end).and_then(|named| named.strip_prefix('{'));
        let (Some(before), Some(name)) = (rest.get(..at), name.filter(|name| is_name(name))) else {
            return Err(NO_NAME.to_owned());
        };
        let value = variable(name).filter(|value| !value.is_empty());
        let Some(value) = value else { return Err(["needs ", name, NOT_SET].concat()) };
        expanded = [&*expanded, before, &value].concat();
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok([&*expanded, rest].concat())
}

const NO_NAME: &str = r#"has a "$" that names no variable; write it like "${INSTANCE_IP}:8080""#;
const NOT_SET: &str =
    ", which isn't set for the VM; add it to vmConfig.env (Istio) or environment_variables (Envoy)";

#[inline(never)]
fn place_of(byte: u8, text: &str) -> Option<usize> {
    text.bytes().position(|it| it == byte)
}

/// The value of a variable.
///
/// # Errors
/// What is wrong and what to write instead.
pub(super) fn value_of(name: &str, variables: Variables) -> Result<String, String> {
    if !is_name(name) {
        return Err(r#"is not the name of a variable; write it like "HOOK_KEY""#.to_owned());
    }
    expand(&["${", name, "}"].concat(), variables)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SOME: Variables = Variables(|name| match name {
        "IP" => Some("10.1.0.5".to_owned()),
        "NESTED" => Some("${IP}".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    });

    #[test]
    fn variables_stand_in_their_places_and_all_else_stays() {
        for (text, expanded) in [
            ("", ""),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("${IP}:8080", "10.1.0.5:8080"),
            ("a-${IP}-${IP}", "a-10.1.0.5-10.1.0.5"),
            ("{IP} }", "{IP} }"),
            ("${IP}}", "10.1.0.5}"),
            ("${NESTED}", "${IP}"),
        ] {
            assert_eq!(expand(text, SOME).as_deref(), Ok(expanded), "{text}");
        }
    }

    #[test]
    fn a_variable_that_isnt_set_or_is_empty_is_named_with_the_mend() {
        for text in ["${IP}${MISSING}", "${EMPTY}"] {
            let problem = expand(text, SOME).unwrap_err();
            let name = if text.contains("EMPTY") { "EMPTY" } else { "MISSING" };
            assert!(problem.starts_with(&format!("needs {name}, which isn't set")), "{problem}");
            assert!(problem.contains("vmConfig.env"), "{problem}");
        }
    }

    #[test]
    fn a_variable_is_found_by_its_name_alone() {
        assert_eq!(value_of("IP", SOME).as_deref(), Ok("10.1.0.5"));
        assert!(value_of("MISSING", SOME).unwrap_err().contains("needs MISSING, which"));
        assert!(value_of("${IP}", SOME).unwrap_err().contains("is not the name"));
    }

    #[test]
    fn what_names_no_variable_is_an_error() {
        for text in ["$", "$IP", "a$$", "${", "${IP", "${}", "${a b}", "${${IP}}", "${é}", "$éIP}"]
        {
            assert!(expand(text, SOME).unwrap_err().contains("names no variable"), "{text}");
        }
    }
}
