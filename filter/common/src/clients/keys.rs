//! The keys that name clients.

use crate::reader::keys::Kind::{List, Text, WordOrObject};
use crate::reader::keys::Presence::{Optional, Required, SomeOf};
use crate::reader::keys::Scope::With;
use crate::reader::keys::{Form, Items, Key, filled, key};

const CIDRS: Items = filled(Text(Form::Cidr));
const PRINCIPALS: Items = filled(Text(Form::Principal));

/// An object that only names clients.
pub const CLIENTS: &[Key] = &[cidrs(), address(), principals()];

/// `cidrs`.
pub const fn cidrs() -> Key {
    key("cidrs", &List(&CIDRS), &SomeOf, "Source addresses")
}

/// `address`.
pub const fn address() -> Key {
    const FILTER_STATE: &[Key] = &[key(
        "filter_state",
        &Text(Form::Filled),
        &Required(r#""filter_state": "heartbeat.address""#),
        "The filter state in which a filter before this one notes the address",
    )];
    key(
        "address",
        &WordOrObject(&(&["trusted"], FILTER_STATE)),
        &Optional,
        "Whose word an address is: `trusted`: Envoy's, of every request. Without it a request \
         with `x-forwarded-for` matches no `cidrs`",
    )
    .only(&With(&["cidrs"]))
}

/// `principals`.
pub const fn principals() -> Key {
    key("principals", &List(&PRINCIPALS), &SomeOf, "SPIFFE ids of peer certificates")
}
