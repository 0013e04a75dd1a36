//! Bytes below meaning.

pub mod bits;
pub mod checksum;
pub mod varint;
