//! The secret half of a token.
//!
//! ```text
//!   pstkw 8Hq0…43 characters…Zp1 0aX9kQ      54 characters, all of them [0-9A-Za-z]
//!   │   │ │                      └ CRC-32 of all before it, six digits of base 62
//!   │   │ └ 256 random bits
//!   │   └ w: write token, r: read token
//!   └ so that secret scanners, and we, know a key when they see one
//! ```
//!
//! The CRC tells a typing error from a revoked key without asking anybody, and lets [`looks_like_key`] find
//! a key that strayed into a metric name. Alphanumeric only, because collectors rewrite `:` and `_`.

use std::borrow::Cow;
use std::fmt;

use rand::CryptoRng;

use crate::{KeyHash, Permission};

/// Characters of a key that was drawn by [`Key::draw`].
pub const DRAWN_KEY_LENGTH: usize = PREFIX_LENGTH + RANDOM_LENGTH + CRC_LENGTH;

/// The fewest characters of a key that a user brings along.
pub const KEY_LENGTH_MIN: usize = 32;

/// The most characters of a key that a user brings along.
pub const KEY_LENGTH_MAX: usize = 128;

const WRITE_PREFIX: &str = "pstkw";
const READ_PREFIX: &str = "pstkr";
const PREFIX_LENGTH: usize = 5;
/// 62^43 is just over 2^256.
const RANDOM_LENGTH: usize = 43;
/// 62^6 is over 2^32.
const CRC_LENGTH: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key in plain text. It cannot be printed by accident: `Debug` says only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Box<str>);

/// Why a text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Shorter than [`KEY_LENGTH_MIN`]: it could be guessed.
    #[error("a key has at least {KEY_LENGTH_MIN} characters")]
    TooShort,
    /// Longer than [`KEY_LENGTH_MAX`].
    #[error("a key has at most {KEY_LENGTH_MAX} characters")]
    TooLong,
    /// Something else than ASCII letters and digits.
    #[error("a key has letters A-Z, a-z and digits only")]
    IllegalCharacter,
    /// It has the form of a key that we drew, but its checksum is wrong: somebody mistyped it.
    #[error("the key is mistyped: its checksum does not match")]
    Mistyped,
}

impl Key {
    /// Draws a new key for a token of this permission.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R, permission: Permission) -> Self {
        let mut key = String::with_capacity(DRAWN_KEY_LENGTH);
        key.push_str(match permission {
            Permission::Write => WRITE_PREFIX,
            Permission::Read => READ_PREFIX,
        });
        key.push_str(&draw_alphanumeric(rng, RANDOM_LENGTH));
        let crc = crc_digits(key.as_bytes());
        key.extend(crc.map(char::from));
        Self(key.into())
    }

    /// Takes a key as a user or a Secret holds it: 32 to 128 ASCII letters and digits.
    ///
    /// # Errors
    /// What to mend; the error never quotes the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        check(text.as_bytes()).map(|()| Self(text.into()))
    }

    /// The characters, to be handed to the person or program that the key is for. Never log them.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the ledger keeps of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

/// Whether the text is one of our keys: prefix, length, characters and CRC.
///
/// Such a text is never stored as a name and never quoted.
pub fn looks_like_key(text: &[u8]) -> bool {
    has_key_form(text) && has_good_crc(text)
}

/// Whether one of our keys stands anywhere in the text, as in `id:key` or `key.cpu.load`.
///
/// Such a text is never stored as a name.
pub fn holds_key(text: &[u8]) -> bool {
    first_key(text).is_some()
}

/// Replaces every key of ours that stands anywhere in the text by `<key>`.
///
/// For messages that quote what a client sent. It borrows if there is nothing to hide. A user's own keys have
/// no form that could be recognised.
pub fn redact_keys(text: &str) -> Cow<'_, str> {
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(at) = first_key(rest.as_bytes()) {
        let (before, from_key) = rest.split_at_checked(at).unwrap_or((rest, ""));
        redacted.push_str(before);
        redacted.push_str("<key>");
        rest = from_key.get(DRAWN_KEY_LENGTH..).unwrap_or_default();
    }
    if redacted.is_empty() {
        Cow::Borrowed(text)
    } else {
        redacted.push_str(rest);
        Cow::Owned(redacted)
    }
}

fn first_key(text: &[u8]) -> Option<usize> {
    text.windows(DRAWN_KEY_LENGTH).position(looks_like_key)
}

/// Checks what stands after the id of a credential, or what a user brings along.
pub(crate) fn check(text: &[u8]) -> Result<(), KeyError> {
    if text.len() < KEY_LENGTH_MIN {
        Err(KeyError::TooShort)
    } else if text.len() > KEY_LENGTH_MAX {
        Err(KeyError::TooLong)
    } else if !text.iter().all(u8::is_ascii_alphanumeric) {
        Err(KeyError::IllegalCharacter)
    } else if has_key_form(text) && !has_good_crc(text) {
        Err(KeyError::Mistyped)
    } else {
        Ok(())
    }
}

fn has_key_form(text: &[u8]) -> bool {
    text.len() == DRAWN_KEY_LENGTH
        && (text.starts_with(WRITE_PREFIX.as_bytes()) || text.starts_with(READ_PREFIX.as_bytes()))
        && text.iter().all(u8::is_ascii_alphanumeric)
}

fn has_good_crc(text: &[u8]) -> bool {
    text.split_at_checked(PREFIX_LENGTH + RANDOM_LENGTH)
        .is_some_and(|(body, crc)| crc_digits(body) == crc)
}

fn crc_digits(body: &[u8]) -> [u8; CRC_LENGTH] {
    let mut rest = crc32fast::hash(body);
    let mut digits = [0; CRC_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(rest % 62);
        rest /= 62;
    }
    digits
}

fn base62_digit(value: u32) -> u8 {
    usize::try_from(value)
        .ok()
        .and_then(|at| BASE62.get(at))
        .copied()
        .unwrap_or(b'0')
}

/// Draws letters and digits, each of the 62 equally likely.
pub(crate) fn draw_alphanumeric<R: CryptoRng + ?Sized>(rng: &mut R, length: usize) -> String {
    /// The largest multiple of 62 in a byte: larger ones are drawn again, or the first digits would be likelier.
    const FAIR: u8 = 248;
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        rng.fill_bytes(&mut bytes);
        let fair = bytes.iter().filter(|byte| **byte < FAIR);
        let wanted = length - text.len();
        text.extend(
            fair.take(wanted)
                .map(|byte| char::from(base62_digit(u32::from(*byte) % 62))),
        );
    }
    text
}

#[cfg(test)]
mod tests;
