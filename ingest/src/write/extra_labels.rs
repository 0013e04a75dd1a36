//! Labels that a request adds to each of its points: `extra_label=name=value`, as `VictoriaMetrics` has it.
//!
//! They lie over the point's own tags and beneath the forced ones, and obey the rules of names like any other.

use penstock_model::{SeriesKind, Tags, Value};
use penstock_tenancy::Profile;

use crate::protocol::fault::PointFault;
use crate::protocol::name_rules::NameRules;
use crate::protocol::point::{Point, PointTime};
use crate::protocol::tags::{RawTags, TagForm, push_prefixed};

/// The labels of one request, usually none. They are checked when a series is met for the first time: which
/// characters they may have depends on the point's grant.
#[derive(Clone, Debug)]
pub(crate) struct ExtraLabels {
    prefixed: Vec<u8>,
    fingerprint: u128,
}

impl ExtraLabels {
    /// No label.
    pub(crate) const NONE: Self = Self {
        prefixed: Vec::new(),
        fingerprint: 0,
    };

    /// These labels, not checked yet.
    pub(crate) fn of(labels: &Tags) -> Self {
        let mut extra = Self::NONE;
        for (name, value) in labels.iter() {
            push_prefixed(&mut extra.prefixed, name, Some(value));
        }
        if !extra.is_empty() {
            extra.fingerprint = extra.raw().hash();
        }
        extra
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

    fn labels(pairs: &[(&str, &str)]) -> ExtraLabels {
        ExtraLabels::of(&Tags::from_pairs(pairs.iter().copied()).unwrap())
    }

    #[test]
    fn labels_become_tags_and_change_the_fingerprint() {
        let two = labels(&[("dc", "b"), ("rack", "r1")]);
        let tags = two.tags(NameRules::default()).unwrap();
        assert_eq!(
            tags.iter().collect::<Vec<_>>(),
            [("dc", "b"), ("rack", "r1")]
        );
        assert_ne!(two.fingerprint(), labels(&[("dc", "b")]).fingerprint());
        assert_eq!(labels(&[]).fingerprint(), 0);
    }

    #[test]
    fn labels_obey_the_rules_of_names() {
        for (name, value) in [
            ("a b", "c"),
            ("a", ""),
            ("__name__", "m"),
            (".app", "x"),
            ("ovh.auth", "x"),
        ] {
            assert!(
                labels(&[(name, value)]).tags(NameRules::default()).is_err(),
                "{name}"
            );
        }
    }
}
