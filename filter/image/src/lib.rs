//! What a release hands out besides the modules: each of them as OCI image and as OCI
//! artifact, the list of the crates in it (SBOM), and checksums.
//!
//! The same modules, commit and compiler give the same bytes, wherever and whenever
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
pub mod product;
pub mod push;
pub mod sbom;
pub mod target;
