//! Bytes below meaning: what every format of the store is made of.
//!
//! ```text
//!   varint    LEB128, 1 to 10 bytes; signed numbers as zigzag varints
//!   bits      up to 64 bits a number, little endian, no gaps
//!   checksum  CRC-32 (IEEE), 4 bytes, little endian
//!   input     a cursor over bytes that may end or lie at any place
//! ```
//!
//! Fixed-width numbers are little endian everywhere. What the bytes mean is the business of `wal`, `chunk`,
//! `block`, `series` and `manifest`; nothing here allocates by a number that it has read.

pub mod bits;
pub mod checksum;
pub mod input;
pub mod varint;
