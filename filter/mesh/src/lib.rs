//! Every decision of the hub: one verdict of what several meshes say of an instance.
//!
//! As pure as the core of the filter: values and the moment in, values out. It knows no host,
//! no clock and no I/O.
//!
//! A source's [`Event`](event::Event) becomes what it last said of an instance
//! ([`table`]). What the sources say, weighed by how far each is to be
//! [trusted](trust::Trust), makes the instance's [verdict](fusion::fuse). A source that
//! falls [silent](arrivals::Arrivals) says something, too, or nothing at all; and what
//! was dead has to [prove itself](recovery::Deaths).

pub mod api;
pub mod arrivals;
pub mod asking;
pub mod assignment;
pub mod backend;
pub mod changes;
pub mod config;
pub mod event;
pub mod fusion;
pub mod metrics;
pub mod owner;
pub mod pack;
pub mod plan;
pub mod publish;
pub mod records;
pub mod recovery;
pub mod shared;
pub mod snapshot;
pub mod source;
pub mod table;
pub mod trust;
pub mod webhook;
pub mod worker;
