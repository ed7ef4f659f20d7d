//! What metrics mean, as the page about them says.

const PAGE: &str = include_str!("../../../../docs/reference/metrics.md");

/// What a metric of the modules means; `None` for one that a configuration makes up.
pub fn help(name: &str) -> Option<String> {
    let rows = PAGE.lines().filter_map(|line| {
        let (names, meaning) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        Some((names, meaning))
    });
    let named = |names: &str| {
        let quoted = names.split('`').skip(1).step_by(2);
        quoted.into_iter().any(|quoted| quoted.split('{').next() == Some(name))
    };
    rows.into_iter().find(|(names, _)| named(names)).map(|(_, meaning)| plain(meaning))
}

/// A text without the marks of Markdown.
fn plain(markdown: &str) -> String {
    let mut plain = String::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once('[') {
        // A link: only its words.
        let link = after
            .split_once("](")
            .and_then(|(words, after)| Some((words, after.split_once(')')?.1)));
        let (words, after) = link.unwrap_or(("[", after));
        plain.push_str(before);
        plain.push_str(words);
        rest = after;
    }
    plain.push_str(rest);
    plain.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_quotes_are_left_out() {
        assert_eq!(plain("`a` ([b](c.md#d)): [e"), "a (b): [e");
    }
}
