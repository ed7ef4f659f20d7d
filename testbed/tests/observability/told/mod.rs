//! Who is told, and what: the shipped Alertmanager configuration in a real Alertmanager.

mod cases;
mod chats;
mod groups;
mod harm;
mod inhibition;
mod messages;
mod routes;
mod secrets;
mod setup;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    [
        routes::trials(),
        messages::trials(),
        groups::trials(),
        inhibition::trials(),
        harm::trials(),
        secrets::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
