//! Client text in messages: bounded, printable, and never a key.

use std::fmt;

use penstock_tenancy::redact_keys;

/// The longest quotation, in characters. Hostile names are long.
const QUOTED_CHARS_MAX: usize = 1_024;

/// Text of a client that a message may show: cut after 1,024 characters, control characters escaped, anything
/// that looks like a key of ours replaced by `<key>`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Quoted(String);

impl Quoted {
    /// Quotes bytes; what is no UTF-8 becomes U+FFFD.
    pub fn bytes(raw: &[u8]) -> Self {
        Self::text(&String::from_utf8_lossy(raw))
    }

    /// Quotes text.
    pub fn text(raw: &str) -> Self {
        let mut quoted = String::new();
        let hidden = redact_keys(raw);
        for (count, c) in hidden.chars().enumerate() {
            if count == QUOTED_CHARS_MAX {
                quoted.push_str("...");
                break;
            }
            if c.is_control() {
                quoted.extend(c.escape_default());
            } else {
                quoted.push(c);
            }
        }
        Self(quoted)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_hidden_wherever_they_stand() {
        let key = crate::protocol::example_key();
        for (raw, shown) in [
            ("plain".to_owned(), "plain"),
            (key.clone(), "<key>"),
            (format!("id:{key}"), "id:<key>"),
            (format!("id_{key}_x {key}"), "id_<key>_x <key>"),
            (format!("abcdef{key}"), "abcdef<key>"),
        ] {
            assert_eq!(Quoted::text(&raw).to_string(), shown);
        }
    }

    #[test]
    fn hostile_text_is_cut_and_printable() {
        assert_eq!(
            Quoted::bytes(b"a\x1b[31m\xff").to_string(),
            "a\\u{1b}[31m\u{fffd}"
        );
        let long = Quoted::text(&"x".repeat(5_000)).to_string();
        assert_eq!(long.len(), QUOTED_CHARS_MAX + 3);
        assert!(long.ends_with("..."));
    }

    proptest! {
        #[test]
        fn no_whole_key_ever_comes_through(before in "\\PC{0,300}", after in "\\PC{0,20}") {
            let key = crate::protocol::example_key();
            let quoted = Quoted::text(&format!("{before}{key}{after}")).to_string();
            prop_assert!(!quoted.contains(&key));
        }
    }
}
