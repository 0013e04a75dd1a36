//! Downsampling: the points of a series become one value for each bucket of time.
//!
//! ```text
//!   1h-avg          fixed: buckets from the epoch
//!   1d-sum-zero     and empty buckets hold 0
//!   1nc-max         calendar: months in the query's time zone
//!   0all-last       one bucket from start to end
//! ```
//!
//! Here is what a specifier means; [`buckets`] cuts time, [`stream`] runs points through it, and [`fill`] adds what is
//! empty.

pub(crate) mod buckets;
pub(crate) mod calendar;
pub(crate) mod fill;
pub(crate) mod stream;

use crate::aggregator::Aggregator;
use crate::duration::{Span, SpanError};
use crate::excerpt::Excerpt;

/// What an empty bucket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Fill {
    /// It does not exist: the merge interpolates across it.
    #[default]
    None,
    /// NaN, printed as `"NaN"`.
    Nan,
    /// NaN, printed as `null`.
    Null,
    /// 0
    Zero,
}

impl Fill {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Nan => "nan",
            Self::Null => "null",
            Self::Zero => "zero",
        }
    }
}

/// How time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One bucket from the start of the query to its end.
    All,
    /// Buckets of one length, counted from the epoch.
    Fixed(Span),
    /// Buckets on borders of the calendar.
    Calendar(Span),
}

/// A downsample specifier: `<interval>-<function>[-<fill>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downsample {
    /// How time is cut.
    pub cut: Cut,
    /// What a bucket's value is. Never `none`.
    pub function: Aggregator,
    /// What an empty bucket holds.
    pub fill: Fill,
}

/// Why a text is no downsample specifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownsampleError {
    /// No function.
    #[error("Invalid downsampling specifier '{0}': must provide at least interval and function")]
    TooFew(Excerpt),
    /// More than three parts.
    #[error(
        "Invalid downsampling specifier '{0}': must consist of interval, function, and optional fill \
         policy"
    )]
    TooMany(Excerpt),
    /// The interval is no length of time.
    #[error(transparent)]
    Interval(#[from] SpanError),
    /// Not one of the aggregators.
    #[error("No such downsampling function: {0}")]
    Function(Excerpt),
    /// `none` computes nothing.
    #[error("cannot use the NONE aggregator for downsampling")]
    NoneFunction,
    /// Not one of the policies.
    #[error("Unrecognized fill policy: {0}")]
    Fill(Excerpt),
    /// A policy of expressions alone.
    #[error("Unsupported fill policy: {0}")]
    Scalar(Excerpt),
}

impl Downsample {
    /// Reads a specifier.
    ///
    /// # Errors
    /// [`DownsampleError`], with the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, DownsampleError> {
        let mut parts = text.split('-');
        let (Some(interval), Some(function)) = (parts.next(), parts.next()) else {
            return Err(DownsampleError::TooFew(text.into()));
        };
        let fill = parts.next();
        if parts.next().is_some() {
            return Err(DownsampleError::TooMany(text.into()));
        }
        let cut = parse_cut(interval)?;
        let function = Aggregator::named(function)
            .ok_or_else(|| DownsampleError::Function(function.into()))?;
        if function.is_none() {
            return Err(DownsampleError::NoneFunction);
        }
        let fill = fill.map_or(Ok(Fill::None), parse_fill)?;
        Ok(Self {
            cut,
            function,
            fill,
        })
    }

    /// The same on the calendar, as a query's `useCalendar` asks.
    #[must_use]
    pub const fn on_calendar(mut self) -> Self {
        if let Cut::Fixed(span) = self.cut {
            self.cut = Cut::Calendar(span);
        }
        self
    }

    /// The nominal length of a bucket in milliseconds; `None` for the one bucket of `all`.
    pub const fn nominal_millis(self) -> Option<i64> {
        match self.cut {
            Cut::All => None,
            Cut::Fixed(span) | Cut::Calendar(span) => Some(span.millis()),
        }
    }
}

fn parse_cut(interval: &str) -> Result<Cut, DownsampleError> {
    if interval.contains("all") {
        return Ok(Cut::All);
    }
    // `c` is no unit, so nothing else ends with it.
    match interval.strip_suffix('c') {
        Some(span) => Ok(Cut::Calendar(Span::parse(span)?)),
        None => Ok(Cut::Fixed(Span::parse(interval)?)),
    }
}

fn parse_fill(name: &str) -> Result<Fill, DownsampleError> {
    match name.to_ascii_lowercase().as_str() {
        "none" => Ok(Fill::None),
        "nan" => Ok(Fill::Nan),
        "null" => Ok(Fill::Null),
        "zero" => Ok(Fill::Zero),
        "scalar" => Err(DownsampleError::Scalar(name.into())),
        _ => Err(DownsampleError::Fill(name.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_specifiers_say_which_part_is_wrong() {
        let cases = [
            (
                "1h",
                "Invalid downsampling specifier '1h': must provide at least interval and function",
            ),
            (
                "1h-sum-nan-x",
                "Invalid downsampling specifier '1h-sum-nan-x': must consist of interval, function, \
                 and optional fill policy",
            ),
            ("1h-mean", "No such downsampling function: mean"),
            ("1h-SUM", "No such downsampling function: SUM"),
            ("1h-", "No such downsampling function: "),
            ("1h-none", "cannot use the NONE aggregator for downsampling"),
            ("1h-sum-x", "Unrecognized fill policy: x"),
            ("1h-sum-", "Unrecognized fill policy: "),
            ("1h-sum-scalar", "Unsupported fill policy: scalar"),
            ("0m-sum", "Zero or negative duration: 0m"),
            ("1x-sum", "Invalid duration (suffix): 1x"),
            ("c-sum", "Cannot parse null or empty duration"),
            ("-sum", "Cannot parse null or empty duration"),
        ];
        for (text, message) in cases {
            assert_eq!(
                Downsample::parse(text).unwrap_err().to_string(),
                message,
                "{text}"
            );
        }
    }

    #[test]
    fn a_specifier_is_interval_function_and_fill() {
        let read = |text| Downsample::parse(text).unwrap();
        assert_eq!(read("4m-avg").nominal_millis(), Some(240_000));
        assert_eq!(read("4m-avg").fill, Fill::None);
        assert_eq!(read("500ms-sum-NaN").fill, Fill::Nan);
        assert_eq!(read("1h-sum-Zero").fill, Fill::Zero);
        assert_eq!(read("0all-max").cut, Cut::All);
        assert_eq!(read("0all-max").nominal_millis(), None);
        assert_eq!(
            read("1dc-sum-null").cut,
            Cut::Calendar(Span::parse("1d").unwrap())
        );
        assert_eq!(read("1d-sum").on_calendar(), read("1dc-sum"));
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer(text in "[0-9a-z-]{0,16}") {
            let _answer = Downsample::parse(&text).is_ok();
        }
    }
}
