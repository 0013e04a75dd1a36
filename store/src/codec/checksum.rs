//! CRC-32: tells damaged bytes from good ones. Not a protection against a person who means to deceive.
//!
//! It finds every single flipped byte and every burst of up to 32 bits, at about 10 GB/s.

use std::fmt;

/// A CRC-32 (IEEE), 4 bytes little endian on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum(u32);

impl Checksum {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(crc32fast::hash(bytes))
    }

    /// The checksum of all `parts` as if they stood together.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize())
    }

    /// The four bytes on disk.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    /// From the four bytes on disk.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({:08x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_that_everybody_knows() {
        assert_eq!(
            Checksum::of(b"123456789").to_bytes(),
            0xcbf4_3926u32.to_le_bytes()
        );
        assert_eq!(
            Checksum::of_parts(&[b"1234", b"", b"56789"]),
            Checksum::of(b"123456789")
        );
    }
}
