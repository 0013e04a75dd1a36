//! Bytes to meaning, without I/O.

pub mod export;
pub mod json;
pub mod point;
pub mod selector;
pub mod telnet;
