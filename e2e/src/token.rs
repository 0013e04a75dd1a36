//! A token as its holder has it: an id and a key.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fs;
use std::path::Path;

/// What a device is given. The key is a test's own and may be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Public part.
    pub id: String,
    /// Secret part.
    pub key: String,
}

impl Token {
    /// Reads `id` and `key` from a folder that looks like a mounted Secret.
    ///
    /// # Errors
    /// When a file is missing.
    pub fn read(folder: &Path) -> Result<Token> {
        let file = |name: &str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            Ok::<_, anyhow::Error>(text.trim().to_owned())
        };
        Ok(Token {
            id: file("id")?,
            key: file("key")?,
        })
    }

    /// A token that no server knows, of the right shape for its framing to be accepted.
    pub fn unknown() -> Token {
        Token {
            id: "unknownToken".to_owned(),
            key: "k".repeat(43),
        }
    }

    /// `id:key`, the form for `auth` and `ovh.auth`.
    pub fn pair(&self) -> String {
        format!("{}:{}", self.id, self.key)
    }

    /// The whole token as one word, without a separator.
    pub fn single(&self) -> String {
        format!("{}{}", self.id, self.key)
    }

    /// The value of an `Authorization` header: Basic, id as user, key as password.
    pub fn basic(&self) -> String {
        basic(&self.id, &self.key)
    }
}

/// The value of an `Authorization` header for any user and password.
pub fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}
