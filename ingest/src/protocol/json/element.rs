//! One element of a body: what it says, and whether it is a point.

use std::fmt;

use penstock_model::{SeriesKind, Timestamp, TimestampError, Value, ValueError};
use penstock_tenancy::Profile;

use super::body::Shape;
use super::echo;
use crate::protocol::fault::{NumberFault, PointFault};
use crate::protocol::point::{Point, PointTime, SECONDS_MAX, scan_value};
use crate::protocol::quote::Quoted;
use crate::protocol::rollup::RollupParts;
use crate::protocol::tags::RawTags;

/// An element of a body whose syntax is good. It borrows from the body and from what was unescaped of it.
#[derive(Clone, Copy, Debug)]
pub struct Element<'e>(Option<Members<'e>>);

/// The members of a point's object. `None` is absent or null.
#[derive(Clone, Copy, Default)]
pub(super) struct Members<'e> {
    pub(super) shape: Shape,
    pub(super) metric: Option<&'e [u8]>,
    /// 0 if it was null.
    pub(super) timestamp: Option<i64>,
    /// The text of the number or string.
    pub(super) value: Option<&'e [u8]>,
    pub(super) tags: Option<MemberTags<'e>>,
    pub(super) credential: Option<&'e [u8]>,
    pub(super) rollup: RollupParts<'e>,
}

/// The `tags` object without the credential.
#[derive(Clone, Copy)]
pub(super) struct MemberTags<'e> {
    pub(super) raw: RawTags<'e>,
    /// Whether any tag is left.
    pub(super) any: bool,
}

impl fmt::Debug for Members<'_> {
    /// Only the metric: a credential is among the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = Quoted::bytes(self.metric.unwrap_or_default());
        f.debug_struct("Members")
            .field("metric", &metric)
            .finish_non_exhaustive()
    }
}

impl<'e> Element<'e> {
    /// `null` in an array.
    pub(super) const NULL: Self = Self(None);

    pub(super) const fn object(members: Members<'e>) -> Self {
        Self(Some(members))
    }

    /// The point's own credential, which wins over the request's.
    #[inline]
    pub fn credential(&self) -> Option<&'e [u8]> {
        self.0.as_ref().and_then(|members| members.credential)
    }

    /// Takes the element as a point of an application with this profile.
    ///
    /// # Errors
    /// The first thing that is wrong with it, in `OpenTSDB`'s order.
    #[inline]
    pub fn check(&self, profile: Profile) -> Result<Point<'e>, PointFault> {
        match &self.0 {
            Some(members) => members.check(profile),
            None => Err(PointFault::NullDataPoint),
        }
    }

    /// Appends the element as answers echo it: see [`echo`].
    pub(super) fn echo(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Some(members) => echo::push_members(members, out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl<'e> Members<'e> {
    #[inline]
    fn check(&self, profile: Profile) -> Result<Point<'e>, PointFault> {
        let Some(metric) = self.metric.filter(|metric| !metric.is_empty()) else {
            return Err(PointFault::EmptyMetric);
        };
        match (self.timestamp, profile) {
            (Some(1..), _) | (None, Profile::Lenient) => {}
            (Some(number), _) => return Err(not_positive(number)),
            (None, Profile::OpenTsdb) => return Err(not_positive(0)),
        }
        let Some(text) = self.value.filter(|text| !text.is_empty()) else {
            return Err(PointFault::EmptyValue);
        };
        if profile == Profile::OpenTsdb && !self.tags.is_some_and(|tags| tags.any) {
            return Err(PointFault::MissingTags {
                metric: Quoted::bytes(metric),
            });
        }
        let mut point = Point {
            metric,
            tags: self.tags.map_or(RawTags::NONE, |tags| tags.raw),
            time: PointTime::Missing,
            value: Value::Integer(0),
            kind: SeriesKind::Raw,
            credential: self.credential,
        };
        if self.shape == Shape::Rollup {
            point.kind = self.rollup.kind(&point)?;
        }
        point.value = scan_value(text).map_err(|error| self.bad_value(error))?;
        if let Some(number) = self.timestamp {
            point.time = PointTime::At(self.moment(number, profile)?);
        }
        Ok(point)
    }

    #[inline]
    fn moment(&self, number: i64, profile: Profile) -> Result<Timestamp, PointFault> {
        let number = number.cast_unsigned();
        let refused_unit =
            self.shape == Shape::Rollup && profile == Profile::OpenTsdb && number > SECONDS_MAX;
        match Timestamp::from_unix(number) {
            Ok(time) if !refused_unit => Ok(time),
            Err(TimestampError::NotPositive) => Err(not_positive(0)),
            _ => Err(PointFault::BadTimestamp {
                timestamp: Quoted::text(&number.to_string()),
                value: Quoted::bytes(self.value.unwrap_or_default()),
                metric: Quoted::bytes(self.metric.unwrap_or_default()),
            }),
        }
    }

    #[cold]
    fn bad_value(&self, error: ValueError) -> PointFault {
        let text = self.value.unwrap_or_default();
        if error == ValueError::Infinite {
            return PointFault::Infinite {
                negative: text.trim_ascii().starts_with(b"-"),
                metric: Quoted::bytes(self.metric.unwrap_or_default()),
                timestamp: Quoted::text(&self.timestamp.unwrap_or(0).to_string()),
            };
        }
        NumberFault::NotAFloat(Quoted::bytes(text)).into()
    }
}

#[cold]
fn not_positive(number: i64) -> PointFault {
    PointFault::InvalidTimestamp(Quoted::text(&number.to_string()))
}
