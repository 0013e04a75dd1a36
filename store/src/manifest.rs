//! The durable list of what exists.
