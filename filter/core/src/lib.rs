//! Every decision of Heartbeat Filter.
