//! Where in a manifest something stands.

use std::fmt;

use serde_json::Value;

/// The way to a field: `spec.allow.sourceRanges[0]`, `spec.tags[site]`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FieldPath(Vec<Step>);

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of an object, or a key of a map.
    Key(String),
    /// An element of a list.
    Index(usize),
}

impl FieldPath {
    /// The manifest itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The way to the field or key beneath this one.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.then(Step::Key(key.into()))
    }

    /// The way to the element beneath this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The way through these fields.
    pub fn of<const N: usize>(keys: [&str; N]) -> Self {
        Self(
            keys.into_iter()
                .map(|key| Step::Key(key.to_owned()))
                .collect(),
        )
    }

    /// This way and then that.
    #[must_use]
    pub fn join(&self, further: &Self) -> Self {
        Self(self.0.iter().chain(&further.0).cloned().collect())
    }

    /// The steps from the manifest's root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// What stands there in a manifest.
    pub fn find<'a>(&self, manifest: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(manifest, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    /// Reads a path as the CEL validator writes it: dots between fields, `[n]` for elements.
    pub(crate) fn from_dotted(text: &str) -> Self {
        let steps = text
            .split(['.', '[', ']'])
            .filter(|step| !step.is_empty())
            .map(|step| match step.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Key(step.to_owned()),
            });
        Self(steps.collect())
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if key.contains('.') => write!(f, "[{key}]")?,
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_people_write_it() {
        let path = FieldPath::of(["spec", "allow", "sourceRanges"]).index(2);
        assert_eq!(path.to_string(), "spec.allow.sourceRanges[2]");
        assert_eq!(FieldPath::from_dotted(&path.to_string()), path);
        let tag = FieldPath::of(["spec", "tags"]).key("a.b");
        assert_eq!(tag.to_string(), "spec.tags[a.b]");
        assert_eq!(FieldPath::root().to_string(), "");
    }
}
