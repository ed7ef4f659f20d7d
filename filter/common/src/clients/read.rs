//! Clients as a configuration names them.

use super::cidr::Cidr;
use super::principal::Principal;
use super::{AddressSource, Clients};
use crate::reader::Reader;
use crate::reader::object::Object;

/// Reads the keys that name clients.
pub fn read(object: &Object<'_>) -> Clients {
    let clients = Clients {
        cidrs: object.list("cidrs", Cidr::parse),
        address: object.get("address").map_or(AddressSource::Connection, read_address),
        principals: object.list("principals", Principal::parse),
    };
    if object.chosen().is_empty() {
        object.error(r#"names nobody; add "cidrs" or "principals", or leave it out"#);
    }
    object.refuse_idle(None);
    clients
}

fn read_address(reader: Reader<'_>) -> AddressSource {
    if reader.text() == Some("trusted") {
        return AddressSource::Trusted;
    }
    let state = reader.member("filter_state").filter(|_| reader.entries().len() == 1);
    let name = state.and_then(|name| name.text()).unwrap_or_default();
    if name.is_empty() {
        reader.error(
            r#"names no source; write "trusted" or { "filter_state": "heartbeat.address" }"#,
        );
    }
    AddressSource::FilterState(name.to_owned())
}
