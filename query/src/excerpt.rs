//! What a client wrote, as an error quotes it: no longer than a reader wants.

use std::fmt;

/// The longest quotation, in characters: a metric may have half a megabyte.
pub const QUOTED_CHARS_MAX: usize = 1_024;

/// The beginning of a text: [`QUOTED_CHARS_MAX`] characters, and `...` if there are more.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(Box<str>);

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self(match text.char_indices().nth(QUOTED_CHARS_MAX) {
            Some((end, _)) => [text.get(..end).unwrap_or_default(), "..."].concat().into(),
            None => text.into(),
        })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_long_is_cut_and_never_inside_a_character() {
        for (text, shown) in [
            (String::new(), String::new()),
            ("é".repeat(1_024), "é".repeat(1_024)),
            ("é".repeat(1_025), "é".repeat(1_024) + "..."),
            ("x".repeat(500_000), "x".repeat(1_024) + "..."),
        ] {
            assert_eq!(Excerpt::from(&*text).to_string(), shown);
        }
    }
}
