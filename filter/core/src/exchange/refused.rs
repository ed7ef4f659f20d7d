//! Whom `allow` refuses: noted where anybody can look at that.

use super::Exchange;
use crate::clients::parse_peer;
use crate::format::Document;
use crate::guards::allow::AllowRule;
use crate::http::request::RequestHead;
use crate::state::{Context, SharedStore};

/// How much of what an address or a certificate says is kept, in bytes.
const LONGEST_ADDRESS: usize = 64;
const LONGEST_ID: usize = 256;

impl Exchange {
    /// Takes note of whom the rule doesn't allow.
    pub(super) fn note_refusal(
        &self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) {
        if let (Some(refusals), Some(allow)) = (&self.context.refusals, &self.probe.allow) {
            refusals.note(cx, || who(&self.probe.name, allow, request));
        }
    }
}

/// The first values of what a page says of a refusal.
fn who(rule: &str, allow: &AllowRule, request: &impl RequestHead) -> Vec<u8> {
    let (address, id) = (allow.clients.address.of(request), request.peer_uri_san());
    let why = allow.clients.why_not(address.as_deref(), id.as_deref());
    // Where it is looked for, or where Envoy has it; no connection has a port for long.
    let mut address = address.or_else(|| request.source_address()).unwrap_or_default();
    if let Some(alone) = parse_peer(&address) {
        address = alone.to_string().into_bytes();
    }
    let mut id = id.unwrap_or_default();
    address.truncate(LONGEST_ADDRESS);
    id.truncate(LONGEST_ID);
    let mut values = Document::part();
    values.text("rule", rule);
    for (name, reason) in ["by_address", "by_certificate"].iter().zip(why) {
        values.bytes(name, reason.map_or("", |reason| reason.word()).as_bytes());
    }
    values.bytes("address", &address);
    values.bytes("certificate", &id);
    values.into_part().into_bytes()
}
