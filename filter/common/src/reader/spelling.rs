//! Unknown keys, and the known ones that were meant.

/// What the same is called in Envoy's health checks and in Kubernetes' probes.
const CALLED_ELSEWHERE: [(&str, &str); 10] = [
    ("unhealthy_threshold", "fall"),
    ("failureThreshold", "fall"),
    ("healthy_threshold", "rise"),
    ("successThreshold", "rise"),
    ("periodSeconds", "interval"),
    ("period", "interval"),
    ("timeoutSeconds", "timeout"),
    ("service_name", "service"),
    ("expected_statuses", "expect"),
    ("authority", "host"),
];

/// What an error says of a key that isn't among the `known`.
pub fn unknown_key(key: &str, known: &[&str]) -> String {
    let here = CALLED_ELSEWHERE.iter().find(|(there, here)| *there == key && known.contains(here));
    if let Some((_, here)) = here {
        return format!("unknown key; here it is called \"{here}\"");
    }
    let closest = known
        .iter()
        .map(|candidate| (edits_between(key, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4);
    match closest {
        Some((_, candidate)) => format!("unknown key; did you mean \"{candidate}\"?"),
        None => format!("unknown key; known here: {}", known.join(", ")),
    }
}

/// Levenshtein distance.
fn edits_between(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((to, substituted), deleted) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let inserted = next.last().copied().unwrap_or(i) + 1;
            next.push(inserted.min(deleted + 1).min(substituted + usize::from(from != to)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_key_with_a_slip_gets_a_suggestion() {
        let known = ["name", "match", "timeout"];
        assert!(unknown_key("tiemout", &known).contains("\"timeout\""));
        assert!(unknown_key("Name", &known).contains("\"name\""));
    }

    #[test]
    fn a_key_of_envoys_or_of_kubernetes_is_led_to_ours() {
        let known = ["interval", "timeout", "rise", "fall"];
        for (there, here) in CALLED_ELSEWHERE.iter().filter(|(_, here)| known.contains(here)) {
            let led = format!("here it is called \"{here}\"");
            assert!(unknown_key(there, &known).ends_with(&led), "{there}");
            assert!(!unknown_key(there, &["name"]).contains("called"), "{there}");
        }
    }

    #[test]
    fn a_key_far_from_all_others_gets_the_list() {
        assert!(unknown_key("colour", &["name", "match"]).ends_with("known here: name, match"));
    }
}
