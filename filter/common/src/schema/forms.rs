//! How strings are written, as regular expressions: of those letters that ECMA-262 and
//! Rust read alike, and without looking ahead, which not every validator can.

use super::writer::{list, number, object, text, words};
use crate::grpc::code;
use crate::reader::keys::Form;
use crate::reader::tree::Json;

/// A time in seconds may have decimals, of which milliseconds count. Nobody can count in
/// numbers of twenty digits.
const DURATION: &str = r"^0*([0-9]{1,19}(ms|s|m|h)|[0-9]{1,19}\.[0-9]{1,3}0*s)$";
const TIMEOUT: &str = r"^(none|0*[0-9]{1,19}(ms|s|m|h)|0*[0-9]{1,19}\.[0-9]{1,3}0*s)$";
const NO_TIME: &str = r"^0+(\.0+)?(ms|s|m|h)$";
const UNDER_100_MS: &str = r"^(0*[0-9]{1,2}ms|0+(\.0[0-9]*)?s|0+[mh])$";
const UNDER_A_SECOND: &str = r"^(0*[0-9]{1,3}ms|0+(\.[0-9]+)?s|0+[mh])$";
const OVER_AN_HOUR: &str = concat!(
    "^0*((360[1-9]|36[1-9][0-9]|3[7-9][0-9]{2}|[4-9][0-9]{3}|[1-9][0-9]{4,})(\\.[0-9]+)?s",
    "|3600\\.0*[1-9][0-9]*s|([4-9][0-9]{6}|[1-9][0-9]{7,})ms",
    "|(6[1-9]|[7-9][0-9]|[1-9][0-9]{2,})m|([2-9]|[1-9][0-9]+)h)$",
);
const OVER_A_MINUTE: &str = concat!(
    "^0*((6[1-9]|[7-9][0-9]|[1-9][0-9]{2,})(\\.[0-9]+)?s|60\\.0*[1-9][0-9]*s",
    "|(6000[1-9]|600[1-9][0-9]|60[1-9][0-9]{2}|6[1-9][0-9]{3}|[7-9][0-9]{4}|[1-9][0-9]{5,})ms",
    "|([2-9]|[1-9][0-9]+)m|[1-9][0-9]*h)$",
);
const OVER_A_SECOND: &str = concat!(
    "^0*((100[1-9]|10[1-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}|[1-9][0-9]{4,})ms",
    "|([2-9]|[1-9][0-9]+)(\\.[0-9]+)?s|1\\.0*[1-9][0-9]*s|[1-9][0-9]*[mh])$",
);
const OVER_A_MIB: &str = concat!(
    "^0*(([2-9]|[1-9][0-9]+)MiB",
    "|(102[5-9]|10[3-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}|[1-9][0-9]{4,})KiB",
    "|([2-9][0-9]{6}|[1-9][0-9]{7,})B)$",
);
/// What 32 bits don't hold: 4294967295 is the last that they do.
const OVER_32_BITS: &str = concat!(
    "^0*([1-9][0-9]{10,}|[5-9][0-9]{9}|4[3-9][0-9]{8}|429[5-9][0-9]{6}|42949[7-9][0-9]{4}",
    "|429496[89][0-9]{3}|4294967[3-9][0-9]{2}|429496729[6-9])/",
);
/// A path is of printable ASCII, without a query.
const PATH: &str = r#"^/[!-"$->@-~]*$"#;
const TARGET: &str = r#"^/[!-"$->@-~]*(\?[!-"$-~]*)?$"#;
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// The name of a label.
pub const LABEL_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";

/// The schema of strings that are written so.
pub fn of(form: Form) -> Json {
    let pattern = |pattern: &str| string([("pattern", text(pattern))]);
    let but = |pattern: &str, not: Json| string([("pattern", text(pattern)), ("not", not)]);
    match form {
        Form::Principal => pattern(r"^spiffe://[a-z0-9._-]+(/[^*]*)?(/\*)?$"),
        Form::Cidr => pattern("^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"),
        Form::CheckName => but(NAME, object([("enum", words(&["server", "traffic", "score"]))])),
        Form::Cluster => pattern(r"^[^\x00-\x1f\x7f-\x9f]+$"),
        Form::Duration => pattern(DURATION),
        Form::Expanded => pattern(r"^([A-Za-z0-9._:/@\[\]-]|\$\{[A-Za-z0-9_]+\})+$"),
        Form::Filled => string([("minLength", number(1))]),
        Form::GrpcStatus => object([("enum", list((0..=16).map(|it| text(code::name(it)))))]),
        Form::HeaderName => pattern("^(:authority|[A-Za-z0-9!#$%&'*+.^_`|~-]+)$"),
        Form::Host => pattern("^[!-.0-~]+$"),
        Form::Hold => {
            but(DURATION, object([("anyOf", list([like(UNDER_A_SECOND), like(OVER_A_MINUTE)]))]))
        }
        Form::InstanceId => pattern("^[A-Za-z0-9._:/@-]{1,128}$"),
        Form::Interval => but(DURATION, like(UNDER_100_MS)),
        Form::LabelValue => {
            but("^[A-Za-z0-9_./|:*@+-]{1,128}$", object([("const", text("other"))]))
        }
        Form::Method => pattern("^[A-Z-]+$"),
        Form::MetricName => but(
            "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
            like("^heartbeat_|^app_health_|_rq_[0-9](xx|[0-9]{2})$"),
        ),
        Form::Open => string([]),
        Form::Path | Form::PathPrefix => but(PATH, like(r"\*$")),
        Form::Pace => {
            but(DURATION, object([("anyOf", list([like(NO_TIME), like(OVER_A_SECOND)]))]))
        }
        Form::Positive => but(DURATION, like(NO_TIME)),
        Form::ProbeName | Form::SourceName => pattern(NAME),
        Form::Rate => but("^0*[1-9][0-9]*/[sm]$", like(OVER_32_BITS)),
        Form::Service => pattern("^[!-~]{0,120}$"),
        Form::ServiceName => but(
            "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
            object([("enum", words(&["events", "subscribe"]))]),
        ),
        Form::ServicePattern => {
            string([("pattern", text(r"^[^*]*\*?$")), ("maxLength", number(1_000))])
        }
        Form::Share => pattern(r"^0*(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%$"),
        Form::Size => but("^[0-9]+(B|KiB|MiB)$", like(OVER_A_MIB)),
        Form::SocketAddress => pattern(r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"),
        Form::Status => pattern("^(0*[1-5]xx|[1-5][0-9]{2})$"),
        Form::Target => but(TARGET, like(r"^[^?]*\*(\?|$)")),
        Form::Timeout => but(TIMEOUT, like(NO_TIME)),
        Form::Variable => pattern("^[A-Za-z0-9_]+$"),
        Form::Window => {
            but(DURATION, object([("anyOf", list([like(UNDER_A_SECOND), like(OVER_AN_HOUR)]))]))
        }
    }
}

fn like(pattern: &str) -> Json {
    object([("pattern", text(pattern))])
}

fn string<const N: usize>(more: [(&str, Json); N]) -> Json {
    object([("type", text("string"))].into_iter().chain(more))
}
