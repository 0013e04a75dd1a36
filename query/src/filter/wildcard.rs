//! Globs with `*` for any text, the empty one included.
//!
//! Both ends hold: `w*1` wants `w` first and `1` last. (`OpenTSDB` looks for such pieces anywhere.)

use super::FilterError;

/// A text with stars.
#[derive(Debug)]
pub(super) struct Wildcard {
    first: Box<str>,
    /// Between two stars, in this order. None is empty.
    middle: Vec<Box<str>>,
    last: Box<str>,
    ignores_case: bool,
}

impl Wildcard {
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let (first, rest) = text.split_once('*').ok_or(FilterError::NoAsterisk)?;
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        Ok(Self {
            first: first.into(),
            middle: middle
                .split('*')
                .filter(|piece| !piece.is_empty())
                .map(Into::into)
                .collect(),
            last: last.into(),
            ignores_case: false,
        })
    }

    pub(super) fn ignoring_case(self) -> Self {
        let lower = |text: &str| text.to_lowercase().into_boxed_str();
        Self {
            first: lower(&self.first),
            middle: self.middle.iter().map(|piece| lower(piece)).collect(),
            last: lower(&self.last),
            ignores_case: true,
        }
    }

    /// Nothing but stars.
    pub(super) fn accepts_all(&self) -> bool {
        self.first.is_empty() && self.middle.is_empty() && self.last.is_empty()
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        if self.ignores_case {
            self.accepts_exactly(&value.to_lowercase())
        } else {
            self.accepts_exactly(value)
        }
    }

    /// The leftmost place of each piece leaves the most room for the next: no going back, so a pattern of many
    /// stars costs no more than its length times the value's.
    fn accepts_exactly(&self, value: &str) -> bool {
        let Some(mut rest) = value.strip_prefix(&*self.first) else {
            return false;
        };
        for piece in &self.middle {
            match rest.split_once(&**piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(&*self.last)
    }
}
