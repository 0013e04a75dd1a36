//! How much, how fast.

pub mod quota;
pub mod rate;
