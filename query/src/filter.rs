//! What the value of a tag must be.
//!
//! ```text
//!   literal_or(a|b)   iliteral_or(A|b)   not_literal_or(a)   not_iliteral_or(a)
//!   wildcard(web*)    iwildcard(WEB*)    regexp(web[0-9]+)
//!   *                 any value          text with a *       a wildcard that ignores case
//!   a|b               literal_or
//! ```
//!
//! Every filter wants its key to be there, those that begin with `not_` too.

mod java;
mod pattern;
mod wildcard;

use std::fmt;
use std::sync::Arc;

pub use self::pattern::{PATTERN_BYTES_MAX, PatternError};

use self::pattern::Pattern;
use self::wildcard::Wildcard;
use crate::excerpt::Excerpt;

/// The types of filters, for `/api/config/filters`.
pub const FILTER_TYPES: [&str; 7] = [
    "literal_or",
    "iliteral_or",
    "not_literal_or",
    "not_iliteral_or",
    "wildcard",
    "iwildcard",
    "regexp",
];

/// A condition on the value of one tag. Cheap to clone.
#[derive(Clone)]
pub struct Predicate(Arc<Named>);

/// A test and how it is written.
struct Named {
    kind: &'static str,
    expression: Box<str>,
    test: Test,
}

enum Test {
    OneOf(Vec<Box<str>>),
    NoneOf(Vec<Box<str>>),
    OneOfLower(Vec<Box<str>>),
    NoneOfLower(Vec<Box<str>>),
    Wildcard(Wildcard),
    Pattern(Pattern),
}

/// A condition on one tag of a sub-query.
#[derive(Clone, Debug)]
pub struct TagFilter {
    /// The tag's key.
    pub key: Box<str>,
    /// One of [`FILTER_TYPES`].
    pub kind: &'static str,
    /// What stands inside the parentheses.
    pub expression: Box<str>,
    /// Whether each value makes a group of its own.
    pub group_by: bool,
    /// What it means.
    pub predicate: Predicate,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No key.
    #[error("Tagk cannot be null or empty")]
    NoKey,
    /// Nothing to compare with.
    #[error("Filter cannot be null or empty")]
    Empty,
    /// No type.
    #[error("The filter type cannot be null or empty")]
    NoType,
    /// Not one of [`FILTER_TYPES`].
    #[error("Could not find a tag value filter of the type: {0}")]
    UnknownType(Excerpt),
    /// An opening parenthesis without a closing one at the end.
    #[error("Filter must end with a ')': {0}")]
    NotClosed(Excerpt),
    /// A list of nothing.
    #[error("Filter must contain more than just a pipe")]
    OnlyPipe,
    /// A wildcard without one.
    #[error("Filter must contain an asterisk")]
    NoAsterisk,
    /// No regular expression that we take.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl TagFilter {
    /// A filter by the name of its type, in exactly this letter case.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn of_type(kind: &str, key: &str, expression: &str) -> Result<Self, FilterError> {
        if kind.is_empty() {
            return Err(FilterError::NoType);
        }
        if key.is_empty() {
            return Err(FilterError::NoKey);
        }
        let kind = FILTER_TYPES
            .into_iter()
            .find(|known| *known == kind)
            .ok_or_else(|| FilterError::UnknownType(kind.into()))?;
        if expression.is_empty() {
            return Err(FilterError::Empty);
        }
        Ok(Self {
            key: key.into(),
            kind,
            expression: expression.into(),
            group_by: false,
            predicate: Predicate::new(kind, expression)?,
        })
    }

    /// A filter as it stands in a `tags` map and in braces.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn from_text(key: &str, text: &str) -> Result<Self, FilterError> {
        if key.is_empty() {
            return Err(FilterError::NoKey);
        }
        if let Some((kind, rest)) = text.split_once('(') {
            let expression = rest
                .strip_suffix(')')
                .ok_or_else(|| FilterError::NotClosed(text.into()))?;
            return Self::of_type(&kind.to_lowercase(), key, expression);
        }
        if text.contains('*') {
            // Ignores case, yet is called what OpenTSDB calls it.
            let filter = Self::of_type("iwildcard", key, text)?;
            return Ok(Self {
                kind: "wildcard",
                ..filter
            });
        }
        Self::of_type("literal_or", key, text)
    }

    /// Whether both select the same series.
    pub(crate) fn is_same_test(&self, other: &Self) -> bool {
        self.key == other.key && self.kind == other.kind && self.expression == other.expression
    }
}

impl Test {
    fn new(kind: &str, expression: &str) -> Result<Self, FilterError> {
        Ok(match kind {
            "literal_or" => Self::OneOf(literals(expression)?),
            "not_literal_or" => Self::NoneOf(literals(expression)?),
            "iliteral_or" => Self::OneOfLower(literals(&expression.to_lowercase())?),
            "not_iliteral_or" => Self::NoneOfLower(literals(&expression.to_lowercase())?),
            "wildcard" => Self::Wildcard(Wildcard::parse(expression)?),
            "iwildcard" => Self::Wildcard(Wildcard::parse(expression)?.ignoring_case()),
            _ => Self::Pattern(Pattern::compile(expression)?),
        })
    }
}

/// The sorted texts between pipes. Nothing between two pipes is no text: no tag is empty.
fn literals(expression: &str) -> Result<Vec<Box<str>>, FilterError> {
    let mut literals: Vec<Box<str>> = expression
        .split('|')
        .filter(|literal| !literal.is_empty())
        .map(Into::into)
        .collect();
    if literals.is_empty() {
        return Err(FilterError::OnlyPipe);
    }
    literals.sort_unstable();
    literals.dedup();
    Ok(literals)
}

fn contains(sorted: &[Box<str>], value: &str) -> bool {
    sorted
        .binary_search_by(|literal| (**literal).cmp(value))
        .is_ok()
}

impl Predicate {
    /// Whether a series whose tag has this value passes. A tag that is not there is the empty text, which never
    /// passes.
    pub fn accepts(&self, value: &str) -> bool {
        if value.is_empty() {
            return false;
        }
        match &self.0.test {
            Test::OneOf(literals) => contains(literals, value),
            Test::NoneOf(literals) => !contains(literals, value),
            Test::OneOfLower(literals) => contains(literals, &value.to_lowercase()),
            Test::NoneOfLower(literals) => !contains(literals, &value.to_lowercase()),
            Test::Wildcard(wildcard) => wildcard.accepts(value),
            Test::Pattern(pattern) => pattern.accepts(value),
        }
    }

    /// Whether every value passes that is not empty: `*`.
    pub fn accepts_all(&self) -> bool {
        matches!(&self.0.test, Test::Wildcard(wildcard) if wildcard.accepts_all())
    }

    /// The values that pass, if it is a list of such: an index can look them up. Sorted.
    pub fn literals(&self) -> Option<&[Box<str>]> {
        match &self.0.test {
            Test::OneOf(literals) => Some(literals),
            _ => None,
        }
    }

    /// Passes what either list names.
    pub(crate) fn united(one: &[Box<str>], other: &[Box<str>]) -> Self {
        let mut literals = [one, other].concat();
        literals.sort_unstable();
        literals.dedup();
        Self(Arc::new(Named {
            kind: "literal_or",
            expression: literals.join("|").into(),
            test: Test::OneOf(literals),
        }))
    }

    /// One of [`FILTER_TYPES`], and what stands inside its parentheses: [`TagFilter::of_type`] makes the same of them.
    pub fn text(&self) -> (&'static str, &str) {
        (self.0.kind, &self.0.expression)
    }

    fn new(kind: &'static str, expression: &str) -> Result<Self, FilterError> {
        Ok(Self(Arc::new(Named {
            kind,
            expression: expression.into(),
            test: Test::new(kind, expression)?,
        })))
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Predicate")
    }
}

#[cfg(test)]
mod tests;
