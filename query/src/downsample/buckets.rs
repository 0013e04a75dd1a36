//! Where the buckets of a downsampler begin and end.

use jiff::tz::TimeZone;

use super::calendar::{Calendar, Walk};
use super::{Cut, Downsample};
use crate::bucket::Fixed;

/// How one series' time is cut. Made for each series: a calendar is anchored at the series' first point.
#[derive(Debug)]
pub(crate) enum Buckets {
    /// One bucket: `[start, end)`, known to the stream.
    All { start: i64, end: i64 },
    /// From the epoch.
    Fixed { length: i64 },
    /// From an anchor.
    Calendar(Calendar),
}

impl Buckets {
    pub(crate) fn new(
        downsample: Downsample,
        zone: &TimeZone,
        (start, end): (i64, i64),
        first_point: i64,
    ) -> Self {
        match downsample.cut {
            Cut::All => Self::All { start, end },
            Cut::Fixed(span) => Self::Fixed {
                length: span.millis(),
            },
            Cut::Calendar(span) => Self::Calendar(Calendar::anchored(span, zone, first_point)),
        }
    }

    /// The bucket `[start, end)` that holds `time`. Of [`Buckets::All`] only what lies inside is held.
    pub(crate) fn around(&self, time: i64) -> Option<(i64, i64)> {
        match self {
            Self::All { start, end } => (*start <= time && time < *end).then_some((*start, *end)),
            Self::Fixed { length } => {
                let start = time - time.rem_euclid(*length);
                Some((start, start.saturating_add(*length)))
            }
            Self::Calendar(calendar) => Some(calendar.around(time)),
        }
    }

    /// A walk that begins with the first bucket that begins at `time` or later. None over the one bucket of `all`.
    pub(crate) fn walk_from(&self, time: i64) -> Option<Walk> {
        match self {
            Self::All { .. } => None,
            Self::Fixed { length } => Some(Walk::Fixed(Fixed::first_from(time, *length))),
            Self::Calendar(calendar) => Some(calendar.walk_from(time)),
        }
    }
}
