//! Statuses, as the configuration names them.

use crate::base::units::parse_digits;
use crate::matching::status::StatusPattern;

pub(super) fn status_pattern(text: &str) -> Result<StatusPattern, String> {
    let class = text.strip_suffix("xx").and_then(parse_digits);
    let code = parse_digits(text).filter(|_| text.len() == 3);
    match (class, code) {
        (Some(class @ 1..=5), _) => Ok(StatusPattern::Class(class)),
        (_, Some(code @ 100..=599)) => Ok(StatusPattern::Code(code)),
        _ => Err(r#"is not a status; write it like "200" or "2xx""#.to_owned()),
    }
}
