//! What the ledger keeps of a key.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};

/// The SHA-256 of a key's characters.
///
/// A plain hash suffices because a key has at least 32 characters and is drawn, not thought up. Comparing
/// takes the same time wherever two hashes differ.
#[derive(Clone, Copy, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyHash([u8; 32]);

/// The text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key hash is the SHA-256 of the key as 64 hexadecimal digits, with or without `sha256:` before them"
)]
pub struct KeyHashError;

impl KeyHash {
    /// Hashes the characters of a key.
    pub fn of(key: &[u8]) -> Self {
        let mut hash = [0; 32];
        let digest = digest::digest(&digest::SHA256, key);
        for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(hash)
    }

    /// The first eight digits: enough to tell two keys of one token apart in a status or a log.
    pub fn fingerprint(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    /// Takes 64 hexadecimal digits of any case, `sha256:` may stand before them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        if digits.len() != 64 {
            return Err(KeyHashError);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let digit = char::from(*digit).to_digit(16).ok_or(KeyHashError)?;
                *byte = (*byte << 4) | u8::try_from(digit).map_err(|_| KeyHashError)?;
            }
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    /// 64 digits in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(")?;
        f.write_str(&self.fingerprint())?;
        f.write_char('…')?;
        f.write_char(')')
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for KeyHash {
    type Error = KeyHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn it_is_sha_256_as_sha256sum_prints_it() {
        assert_eq!(KeyHash::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse(), Ok(KeyHash::of(b"abc")));
        assert_eq!(
            format!("sha256:{}", ABC.to_uppercase()).parse(),
            Ok(KeyHash::of(b"abc"))
        );
        assert_ne!(KeyHash::of(b"abd"), KeyHash::of(b"abc"));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "ba78",
            &format!("{ABC}0"),
            &ABC.replace('b', "g"),
            &"é".repeat(32),
        ] {
            assert_eq!(text.parse::<KeyHash>(), Err(KeyHashError), "{text}");
        }
    }
}
