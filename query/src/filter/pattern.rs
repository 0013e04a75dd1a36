//! Regular expressions in Java's spelling, found anywhere in a value.
//!
//! The engine runs in time linear in the value: it knows no look-around and no references back, and refuses
//! them. What an expression may cost in memory is bounded when it is compiled.

use regex::{Regex, RegexBuilder};

use super::java;
use crate::excerpt::Excerpt;

/// The memory that one compiled expression may take, in bytes: `(a{99}){999}` is refused, a thousand names are not.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The longest expression, in bytes. A longer one would hardly fit, and its syntax tree takes a hundred times its length.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Groups inside groups.
const NESTING_MAX: u32 = 50;

/// Why a text is no regular expression that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not parse.
    #[error("Invalid regular expression '{pattern}': {reason}")]
    Syntax {
        /// The expression.
        pattern: Excerpt,
        /// What the engine says.
        reason: String,
    },
    /// It would take more memory than [`PATTERN_BYTES_MAX`].
    #[error(
        "Regular expression is too large, at most {TEXT_BYTES_MAX} bytes and {PATTERN_BYTES_MAX} bytes compiled: '{0}'"
    )]
    TooLarge(Excerpt),
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn compile(text: &str) -> Result<Self, PatternError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(PatternError::TooLarge(text.into()));
        }
        let translated = java::translate(text).map_err(|reason| PatternError::Syntax {
            pattern: text.into(),
            reason: reason.to_owned(),
        })?;
        RegexBuilder::new(&translated)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .nest_limit(NESTING_MAX)
            .build()
            .map(Self)
            .map_err(|error| refusal(text, &error))
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        self.0.is_match(value)
    }
}

fn refusal(text: &str, error: &regex::Error) -> PatternError {
    let pattern = text.into();
    match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooLarge(pattern),
        other => {
            // The engine draws the place over several lines; the last one is the sentence.
            let drawn = other.to_string();
            let sentence = drawn.lines().last().unwrap_or_default();
            PatternError::Syntax {
                pattern,
                reason: sentence.trim_start_matches("error: ").to_owned(),
            }
        }
    }
}
