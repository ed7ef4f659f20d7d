//! gRPC health clients of several makes, so that no two ends of a test are the
//! same code. All give the same [`Answer`].

mod by_grpcio;
mod by_probe;
mod by_tonic;
mod call;
mod command;

pub use self::by_grpcio::by_grpcio;
pub use self::by_probe::by_probe;
pub use self::by_tonic::{Tonic, by_tonic};
pub use self::call::{Answer, Call, Method};
