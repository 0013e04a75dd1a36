//! Labels that a request adds to each of its points: `extra_label=name=value`, as `VictoriaMetrics` has it.
//!
//! They lie over the point's own tags and beneath the forced ones, and obey the rules of names like any other.

use penstock_model::{SeriesKind, Tags, Value};
use penstock_tenancy::Profile;

use crate::protocol::fault::PointFault;
use crate::protocol::name_rules::NameRules;
use crate::protocol::point::{Point, PointTime};
use crate::protocol::quote::Quoted;
use crate::protocol::tags::{RawTags, TagForm, push_prefixed};

/// The labels of one request, usually none. They are checked when a series is met for the first time: which
/// characters they may have depends on the point's grant.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExtraLabels {
    prefixed: Vec<u8>,
    fingerprint: u128,
}

impl ExtraLabels {
    /// Adds one from the text after `extra_label=`, percent-decoded already.
    ///
    /// # Errors
    /// It is no `name=value`.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), PointFault> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| PointFault::InvalidTag(Quoted::text(text)))?;
        push_prefixed(&mut self.prefixed, name, Some(value));
        self.fingerprint = self.raw().hash(0);
        Ok(())
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefixed.is_empty()
    }

    /// Changes the fingerprint of a point; 0 if there are no labels.
    pub(crate) fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// The labels as tags.
    ///
    /// # Errors
    /// What is wrong with the first bad one.
    pub(crate) fn tags(&self, rules: NameRules) -> Result<Tags, PointFault> {
        let carrier = Point {
            metric: b"extra-label",
            tags: self.raw(),
            time: PointTime::Missing,
            value: Value::Integer(0),
            kind: SeriesKind::Raw,
            credential: None,
        };
        // They are counted together with the point's own.
        let rules = NameRules {
            profile: Profile::Lenient,
            ..rules
        };
        carrier.client_series(&rules).map(|series| series.tags)
    }

    fn raw(&self) -> RawTags<'_> {
        RawTags::new(TagForm::Prefixed, &self.prefixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_and_the_last_of_a_name_counts() {
        let mut labels = ExtraLabels::default();
        assert_eq!(labels.fingerprint(), 0);
        for text in ["dc=a", "rack=r1", "dc=b"] {
            labels.push(text).unwrap();
        }
        let tags = labels.tags(NameRules::default()).unwrap();
        assert_eq!(
            tags.iter().collect::<Vec<_>>(),
            [("dc", "b"), ("rack", "r1")]
        );
        let mut others = ExtraLabels::default();
        others.push("dc=a").unwrap();
        assert_ne!(labels.fingerprint(), others.fingerprint());
    }

    #[test]
    fn bad_labels_are_refused() {
        assert!(ExtraLabels::default().push("novalue").is_err());
        for text in ["a b=c", "=c", "a=", "__name__=m", ".app=x", "ovh.auth=x"] {
            let mut labels = ExtraLabels::default();
            labels.push(text).unwrap();
            assert!(labels.tags(NameRules::default()).is_err(), "{text}");
        }
    }
}
