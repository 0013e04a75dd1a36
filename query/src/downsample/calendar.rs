//! Buckets on borders of the calendar, in a time zone.
//!
//! ```text
//!   bucket k = anchor + k * amount * unit
//!
//!   ms s m h     elapsed time from the start of the second, minute, hour, day or month
//!   d w n y      local midnights: a day may have 23 or 25 hours, a month 28 to 31 days
//! ```
//!
//! The anchor comes from one moment, the first point of a series. It never moves afterwards, so that buckets of
//! an amount that does not divide the larger unit are uneven across series, as in `OpenTSDB`.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::bucket::Fixed;
use crate::duration::{Span, Unit};

/// Buckets of one length from an anchor.
#[derive(Debug)]
pub(crate) enum Calendar {
    /// Elapsed time.
    Elapsed { anchor: i64, length: i64 },
    /// Local dates.
    Dates(Dates),
}

/// Buckets that begin at local midnights.
#[derive(Clone, Debug)]
pub(crate) struct Dates {
    zone: TimeZone,
    anchor: Date,
    amount: i64,
    unit: DateUnit,
}

/// From one bucket to the next: cheaper than to look for each.
#[derive(Debug)]
pub(crate) enum Walk {
    Fixed(Fixed),
    Dates(DatesWalk),
}

/// From one bucket of local dates to the next.
#[derive(Debug)]
pub(crate) struct DatesWalk {
    dates: Dates,
    bucket: i64,
    start: i64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum DateUnit {
    Day,
    Month,
    Year,
}

impl Calendar {
    /// Buckets of `span` whose anchor comes from `moment`.
    pub(crate) fn anchored(span: Span, zone: &TimeZone, moment: i64) -> Self {
        let amount = span.amount();
        let date = date_of(zone, moment);
        let first_of_year = date.first_of_year();
        let dates = |anchor, amount, unit| {
            Self::Dates(Dates {
                zone: zone.clone(),
                anchor,
                amount,
                unit,
            })
        };
        match span.unit() {
            Unit::Day if amount == 1 => dates(date, 1, DateUnit::Day),
            Unit::Day => dates(first_of_year, amount, DateUnit::Day),
            Unit::Week => {
                let since_sunday = i64::from(date.weekday().to_sunday_zero_offset());
                let sunday = date.saturating_sub(since_sunday.days());
                dates(sunday, amount.saturating_mul(7), DateUnit::Day)
            }
            Unit::Month => dates(first_of_year, amount, DateUnit::Month),
            Unit::Year => dates(first_of_year, amount, DateUnit::Year),
            Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour => Self::Elapsed {
                anchor: elapsed_anchor(span, zone, moment, date),
                length: span.millis(),
            },
        }
    }

    /// The bucket `[start, end)` that holds `time`.
    pub(crate) fn around(&self, time: i64) -> (i64, i64) {
        match self {
            Self::Elapsed { anchor, length } => {
                let start = time - (time - anchor).rem_euclid(*length);
                (start, start.saturating_add(*length))
            }
            Self::Dates(dates) => dates.around(time),
        }
    }

    /// A walk that begins with the first bucket that begins at `time` or later.
    pub(crate) fn walk_from(&self, time: i64) -> Walk {
        match self {
            Self::Elapsed { anchor, length } => {
                let first = Fixed::first_from(time.saturating_sub(*anchor), *length);
                Walk::Fixed(Fixed {
                    start: first.start.saturating_add(*anchor),
                    ..first
                })
            }
            Self::Dates(dates) => Walk::Dates(DatesWalk::new(dates.clone(), time)),
        }
    }
}

impl Dates {
    fn date(&self, bucket: i64) -> Date {
        self.unit
            .after(self.anchor, bucket.saturating_mul(self.amount))
    }

    fn begin(&self, bucket: i64) -> i64 {
        midnight(&self.zone, self.date(bucket))
    }

    /// Which bucket holds `time`.
    fn bucket_of(&self, time: i64) -> i64 {
        let date = date_of(&self.zone, time);
        let bucket = self.unit.between(self.anchor, date).div_euclid(self.amount);
        // The nominal place may be one off: a midnight may be missing.
        if self.begin(bucket) > time {
            bucket - 1
        } else if self.begin(bucket + 1) <= time {
            bucket + 1
        } else {
            bucket
        }
    }

    fn around(&self, time: i64) -> (i64, i64) {
        let bucket = self.bucket_of(time);
        let (start, end) = (self.begin(bucket), self.begin(bucket + 1));
        // No date is beyond the calendar: its last bucket has no end.
        (start, if end > start { end } else { i64::MAX })
    }
}

impl Walk {
    /// Where the bucket begins; [`i64::MAX`] at the end of time.
    #[inline]
    pub(crate) const fn start(&self) -> i64 {
        match self {
            Self::Fixed(bucket) => bucket.start,
            Self::Dates(walk) => walk.start(),
        }
    }

    /// Goes on to the next.
    #[inline]
    pub(crate) fn step(&mut self) {
        match self {
            Self::Fixed(bucket) => bucket.start = bucket.end(),
            Self::Dates(walk) => walk.step(),
        }
    }
}

impl DatesWalk {
    fn new(dates: Dates, time: i64) -> Self {
        let bucket = dates.bucket_of(time);
        let start = dates.begin(bucket);
        let mut walk = Self {
            dates,
            bucket,
            start,
        };
        if start < time {
            walk.step();
        }
        walk
    }

    pub(crate) const fn start(&self) -> i64 {
        self.start
    }

    /// Goes on to the next bucket. One of a day that the zone skips has no length, and is none.
    pub(crate) fn step(&mut self) {
        let before = self.start;
        while self.start <= before && before < i64::MAX {
            self.bucket = self.bucket.saturating_add(1);
            let date = self.dates.date(self.bucket);
            let begin = midnight(&self.dates.zone, date);
            self.start = if begin <= before && date == Date::MAX {
                i64::MAX
            } else {
                begin
            };
        }
    }
}

/// A smaller unit that divides the larger one counts from the start of that; another from the next larger.
fn elapsed_anchor(span: Span, zone: &TimeZone, moment: i64, date: Date) -> i64 {
    let divides = |larger: i64| larger % span.amount() == 0;
    let offset = offset_of(zone, moment);
    // The start of the local unit; offsets are whole seconds, so this holds for zones of odd minutes too.
    let floor = |length: i64| moment - (moment + offset).rem_euclid(length);
    match span.unit() {
        Unit::Millisecond if divides(1_000) => floor(1_000),
        Unit::Second if !divides(60) => floor(3_600_000),
        Unit::Millisecond | Unit::Second => floor(60_000),
        Unit::Minute if divides(60) => floor(3_600_000),
        Unit::Hour if !divides(24) => midnight(zone, date.first_of_month()),
        _ => midnight(zone, date),
    }
}

impl DateUnit {
    /// How many whole units lie between two dates, counted by the calendar's fields.
    fn between(self, from: Date, to: Date) -> i64 {
        let years = i64::from(to.year()) - i64::from(from.year());
        match self {
            Self::Day => days_between(from, to),
            Self::Month => years * 12 + i64::from(to.month()) - i64::from(from.month()),
            Self::Year => years,
        }
    }

    /// The date that many units later; anchors of months and years are first days, so no day is missing.
    fn after(self, date: Date, count: i64) -> Date {
        let span = match self {
            Self::Day => jiff::Span::new().try_days(count),
            Self::Month => jiff::Span::new().try_months(count),
            Self::Year => jiff::Span::new().try_years(count),
        };
        match span {
            Ok(span) => date.saturating_add(span),
            Err(_) if count < 0 => Date::MIN,
            Err(_) => Date::MAX,
        }
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

fn timestamp(moment: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(moment).unwrap_or(if moment < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

fn date_of(zone: &TimeZone, moment: i64) -> Date {
    zone.to_datetime(timestamp(moment)).date()
}

fn offset_of(zone: &TimeZone, moment: i64) -> i64 {
    i64::from(zone.to_offset(timestamp(moment)).seconds()) * 1_000
}

/// The first moment of a local day. Where clocks skip midnight it is the first moment after.
fn midnight(zone: &TimeZone, date: Date) -> i64 {
    zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0))
        .compatible()
        .map_or_else(
            |_| if date.year() < 0 { i64::MIN } else { i64::MAX },
            jiff::Timestamp::as_millisecond,
        )
}

#[cfg(test)]
mod tests;
