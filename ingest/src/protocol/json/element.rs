//! One element of a body: what it says, and whether it is a point.

use std::fmt;

use penstock_model::{SeriesKind, Timestamp, TimestampError, Value, ValueError};
use penstock_tenancy::Profile;

use super::members::{Members, Span};
use super::shape::Shape;
use crate::protocol::fault::{NumberFault, PointFault};
use crate::protocol::point::{Point, PointTime, SECONDS_MAX, scan_value};
use crate::protocol::quote::Quoted;
use crate::protocol::rollup::RollupParts;
use crate::protocol::tags::{RawTags, TagForm};

/// An element of a body whose syntax is good. It borrows from the body and from what was unescaped of it.
#[derive(Clone, Copy)]
pub struct Element<'e> {
    shape: Shape,
    /// `None` is a null.
    members: Option<&'e Members>,
    /// What the members' spans point into.
    text: &'e [u8],
    /// What the tags' spans point into, and how it is to be read.
    tags: (&'e [u8], TagForm),
}

impl fmt::Debug for Element<'_> {
    /// Only the metric: a credential is among the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element")
            .field("metric", &self.metric().map(Quoted::bytes))
            .finish_non_exhaustive()
    }
}

impl<'e> Element<'e> {
    /// An object whose members lie in the body as they are.
    #[inline]
    pub(super) const fn in_body(shape: Shape, members: &'e Members, body: &'e [u8]) -> Self {
        Self {
            shape,
            members: Some(members),
            text: body,
            tags: (body, TagForm::Json),
        }
    }

    /// An element whose members were unescaped; `None` is a null.
    pub(super) const fn unescaped(
        shape: Shape,
        members: Option<&'e Members>,
        text: &'e [u8],
        tags: &'e [u8],
    ) -> Self {
        Self {
            shape,
            members,
            text,
            tags: (tags, TagForm::Prefixed),
        }
    }

    /// The point's own credential, which wins over the request's.
    #[inline]
    pub fn credential(&self) -> Option<&'e [u8]> {
        self.text_of(|members| members.credential)
    }

    /// Takes the element as a point of an application with this profile.
    ///
    /// # Errors
    /// The first thing that is wrong with it, in `OpenTSDB`'s order.
    #[inline]
    pub fn check(&self, profile: Profile) -> Result<Point<'e>, PointFault> {
        let Some(members) = self.members else {
            return Err(PointFault::NullDataPoint);
        };
        let Some(metric) = self.metric().filter(|metric| !metric.is_empty()) else {
            return Err(PointFault::EmptyMetric);
        };
        match (members.timestamp, profile) {
            (Some(1..), _) | (None, Profile::Lenient) => {}
            (Some(number), _) => return Err(not_positive(number)),
            (None, Profile::OpenTsdb) => return Err(not_positive(0)),
        }
        let Some(text) = self.value().filter(|text| !text.is_empty()) else {
            return Err(PointFault::EmptyValue);
        };
        if members.lacks_tags(profile) {
            return Err(PointFault::MissingTags {
                metric: Quoted::bytes(metric),
            });
        }
        let mut point = Point {
            metric,
            tags: self.tags().unwrap_or(RawTags::NONE),
            time: PointTime::Missing,
            value: Value::Integer(0),
            kind: SeriesKind::Raw,
            credential: self.credential(),
        };
        if self.shape == Shape::Rollup {
            point.kind = self.rollup().kind(&point)?;
        }
        point.value = scan_value(text).map_err(|error| self.bad_value(error))?;
        if let Some(number) = members.timestamp {
            point.time = PointTime::At(self.moment(number, profile)?);
        }
        Ok(point)
    }

    /// The time as it was written, 0 if there was none; `None` of an element that is null.
    pub(super) fn timestamp(&self) -> Option<i64> {
        self.members.map(|members| members.timestamp.unwrap_or(0))
    }

    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }

    #[inline]
    pub(super) fn metric(&self) -> Option<&'e [u8]> {
        self.text_of(|members| members.metric)
    }

    #[inline]
    pub(super) fn value(&self) -> Option<&'e [u8]> {
        self.text_of(|members| members.value)
    }

    /// The tags without the credential; `None` if there is no such object.
    #[inline]
    pub(super) fn tags(&self) -> Option<RawTags<'e>> {
        let (text, form) = self.tags;
        let members = self.members.filter(|members| members.has_tags())?;
        let [head, tail] = members.tags.map(|span| span.of(text).unwrap_or_default());
        Some(RawTags::hashed(form, head, tail, members.tags_hash))
    }

    pub(super) fn rollup(&self) -> RollupParts<'e> {
        let spans = self
            .members
            .map_or([Span::NONE; 3], |members| members.rollup);
        let word = |span: Span| std::str::from_utf8(span.of(self.text)?).ok();
        let [interval, aggregator, group_by] = spans.map(word);
        RollupParts {
            interval,
            aggregator,
            group_by,
        }
    }

    #[inline]
    fn text_of(&self, member: impl Fn(&Members) -> Span) -> Option<&'e [u8]> {
        self.members
            .and_then(|members| member(members).of(self.text))
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
                value: Quoted::bytes(self.value().unwrap_or_default()),
                metric: Quoted::bytes(self.metric().unwrap_or_default()),
            }),
        }
    }

    #[cold]
    fn bad_value(&self, error: ValueError) -> PointFault {
        let text = self.value().unwrap_or_default();
        if error == ValueError::Infinite {
            let timestamp = self.members.and_then(|members| members.timestamp);
            return PointFault::Infinite {
                negative: text.trim_ascii().starts_with(b"-"),
                metric: Quoted::bytes(self.metric().unwrap_or_default()),
                timestamp: Quoted::text(&timestamp.unwrap_or(0).to_string()),
            };
        }
        NumberFault::NotAFloat(Quoted::bytes(text)).into()
    }
}

#[cold]
fn not_positive(number: i64) -> PointFault {
    PointFault::InvalidTimestamp(Quoted::text(&number.to_string()))
}
