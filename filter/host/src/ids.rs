//! The numbers that Envoy gives to its contexts and queues.

/// The number of a stream context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// The number of a root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootId(pub u32);

/// The number of a shared queue, one for the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(pub u32);
