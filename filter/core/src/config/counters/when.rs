//! `when`: which requests a counter counts.

use crate::config::matchers;
use crate::config::matching;
use crate::config::statuses::status_pattern;
use crate::counters::rule::When;
use crate::grpc::code;
use crate::reader::object::Object;

/// Reads `when`.
pub(super) fn read(object: &Object<'_>) -> When {
    let (request, response) = (object.object("request"), object.object("response"));
    request.refuse_no_choice();
    let request = matching::read_http(&request);
    response.refuse_no_choice();
    When {
        request,
        status: response.list("status", status_pattern),
        response_headers: matchers::read_list(&response),
        grpc_status: response.list("grpc_status", grpc_code),
    }
}

fn grpc_code(text: &str) -> Result<u32, String> {
    code::by_name(text)
        .ok_or_else(|| r#"is not a gRPC status; write it like "UNAVAILABLE""#.to_owned())
}
