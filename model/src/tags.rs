//! A series' tags: sorted pairs, each key once.

use std::fmt;

/// Tags in the order of their keys' bytes, each key once, no empty key or value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tags(Vec<(Box<str>, Box<str>)>);

/// Why a list of pairs is not a set of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// One key with two values.
    #[error("duplicate tag: {key}={second}, {key}={first} came before")]
    Duplicate {
        /// The key that occurs twice.
        key: String,
        /// The value that came first.
        first: String,
        /// The value that differs from it.
        second: String,
    },
}

impl Tags {
    /// Sorts the pairs. The same pair twice counts once.
    ///
    /// # Errors
    /// [`TagsError::Duplicate`] if one key has two values.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, TagsError>
    where
        K: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        let mut tags = Self::default();
        for (key, value) in pairs {
            let (key, value) = (key.into(), value.into());
            match tags.position(&key) {
                Err(at) => tags.0.insert(at, (key, value)),
                Ok(_) if tags.get(&key) == Some(&value) => {}
                Ok(_) => {
                    return Err(TagsError::Duplicate {
                        first: tags.get(&key).unwrap_or_default().to_owned(),
                        key: key.into(),
                        second: value.into(),
                    });
                }
            }
        }
        Ok(tags)
    }

    /// Lays `upper` over these tags: where both have a key, `upper` wins.
    #[must_use]
    pub fn overlaid_by(mut self, upper: &Self) -> Self {
        for (key, value) in &upper.0 {
            match self.position(key) {
                Err(at) => self.0.insert(at, (key.clone(), value.clone())),
                Ok(at) => {
                    if let Some(pair) = self.0.get_mut(at) {
                        pair.1.clone_from(value);
                    }
                }
            }
        }
        self
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.position(key)
            .ok()
            .and_then(|at| self.0.get(at))
            .map(|(_, value)| &**value)
    }

    /// The pairs in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(have, _)| (**have).cmp(key))
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_a_repeated_pair_counts_once() {
        let tags = Tags::from_pairs([("host", "a"), ("dc", "x"), ("host", "a")]).unwrap();
        assert_eq!(
            tags.iter().collect::<Vec<_>>(),
            [("dc", "x"), ("host", "a")]
        );
        assert_eq!(tags.get("host"), Some("a"));
        assert_eq!(tags.get("hos"), None);
    }

    #[test]
    fn one_key_with_two_values_is_refused() {
        let error = Tags::from_pairs([("host", "a"), ("host", "b")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "duplicate tag: host=b, host=a came before"
        );
    }

    #[test]
    fn the_upper_tags_win() {
        let client = Tags::from_pairs([("host", "a"), ("site", "forged")]).unwrap();
        let forced = Tags::from_pairs([("site", "paris"), ("fleet", "f1")]).unwrap();
        let merged = client.overlaid_by(&forced);
        assert_eq!(
            merged.iter().collect::<Vec<_>>(),
            [("fleet", "f1"), ("host", "a"), ("site", "paris")]
        );
    }
}
