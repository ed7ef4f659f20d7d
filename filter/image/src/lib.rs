//! What a release hands out besides the module: the same module as OCI image and
//! as OCI artifact, the list of the crates in it (SBOM), and checksums.
//!
//! The same module, commit and compiler give the same bytes, wherever and whenever
//! they are packed: nothing here reads a clock, a user, a mode or a path.

#![forbid(unsafe_code)]

pub mod archive;
pub mod blob;
pub mod build;
pub mod crates;
pub mod credentials;
pub mod facts;
pub mod forms;
pub mod layout;
pub mod push;
pub mod sbom;
pub mod target;
