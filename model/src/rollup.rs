//! Rolled-up and pre-aggregated series, as `OpenTSDB`'s `/api/rollup` defines them.

use std::fmt;
use std::str::FromStr;

/// What the samples of a series are.
///
/// It is part of a series' identity: a rollup of a series never mixes with its raw data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SeriesKind {
    /// What a device measured.
    #[default]
    Raw,
    /// One value for each interval of a raw series.
    Rollup {
        /// The span that a value stands for.
        interval: Interval,
        /// The function over that span.
        aggregator: Aggregator,
    },
    /// One value over several series.
    PreAggregate {
        /// The function over the series.
        group_by: Aggregator,
    },
    /// One value over several series, for each interval.
    RolledUpPreAggregate {
        /// The span that a value stands for.
        interval: Interval,
        /// The function over that span.
        aggregator: Aggregator,
        /// The function over the series.
        group_by: Aggregator,
    },
}

/// What a [`SeriesKind`] is made of; raw data has none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct KindParts<'a> {
    /// The span that a value stands for.
    pub interval: Option<&'a Interval>,
    /// The function over that span: there is one wherever there is an interval.
    pub aggregator: Option<Aggregator>,
    /// The function over several series.
    pub group_by: Option<Aggregator>,
}

impl SeriesKind {
    /// Its parts, for those who write or match them one by one.
    pub fn parts(&self) -> KindParts<'_> {
        match self {
            Self::Raw => KindParts::default(),
            Self::Rollup {
                interval,
                aggregator,
            } => KindParts {
                interval: Some(interval),
                aggregator: Some(*aggregator),
                group_by: None,
            },
            Self::PreAggregate { group_by } => KindParts {
                group_by: Some(*group_by),
                ..KindParts::default()
            },
            Self::RolledUpPreAggregate {
                interval,
                aggregator,
                group_by,
            } => KindParts {
                interval: Some(interval),
                aggregator: Some(*aggregator),
                group_by: Some(*group_by),
            },
        }
    }
}

/// A function that can make a rollup value: every name of `OpenTSDB`'s `/api/aggregators` except `none`,
/// `avg` and `dev`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregator(&'static str);

/// Every name of `/api/aggregators` that may stand in a rollup, in lower case, sorted.
const ROLLUP_AGGREGATORS: [&str; 32] = [
    "count",
    "diff",
    "ep50r3",
    "ep50r7",
    "ep75r3",
    "ep75r7",
    "ep90r3",
    "ep90r7",
    "ep95r3",
    "ep95r7",
    "ep999r3",
    "ep999r7",
    "ep99r3",
    "ep99r7",
    "first",
    "last",
    "max",
    "median",
    "mimmax",
    "mimmin",
    "min",
    "mult",
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "p999",
    "pfsum",
    "squaresum",
    "sum",
    "zimsum",
];

/// Why a word is no rollup function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AggregatorError {
    /// Averages and deviations cannot be rolled up again.
    #[error("derived aggregations cannot be stored: {0}")]
    Derived(String),
    /// Not a function's name.
    #[error("No ID found mapping to aggregator: {0}")]
    Unknown(String),
}

impl Aggregator {
    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl FromStr for Aggregator {
    type Err = AggregatorError;

    /// Takes a name in any letter case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        match ROLLUP_AGGREGATORS.binary_search(&lower.as_str()) {
            Ok(at) => ROLLUP_AGGREGATORS
                .get(at)
                .map(|name| Self(name))
                .ok_or_else(|| AggregatorError::Unknown(text.to_owned())),
            Err(_) if matches!(lower.as_str(), "avg" | "dev") => {
                Err(AggregatorError::Derived(text.to_owned()))
            }
            Err(_) => Err(AggregatorError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aggregator({})", self.0)
    }
}

/// A unit of an [`Interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntervalUnit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
    /// `w`, seven days
    Week,
    /// `n`, nominally 30 days
    Month,
    /// `y`, nominally 365 days
    Year,
}

impl IntervalUnit {
    const ALL: [(char, Self, i64); 7] = [
        ('s', Self::Second, 1_000),
        ('m', Self::Minute, 60_000),
        ('h', Self::Hour, 3_600_000),
        ('d', Self::Day, 86_400_000),
        ('w', Self::Week, 604_800_000),
        ('n', Self::Month, 2_592_000_000),
        ('y', Self::Year, 31_536_000_000),
    ];

    fn letter_and_millis(self) -> (char, i64) {
        Self::ALL
            .iter()
            .find(|(_, unit, _)| *unit == self)
            .map_or(('s', 1_000), |(letter, _, millis)| (*letter, *millis))
    }
}

/// The span of a rollup: `[1-9][0-9]*[smhdwny]`, such as `6h`. `60m` and `1h` are two intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    amount: u32,
    unit: IntervalUnit,
}

/// The text is no interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("No rollups configured for the interval: {0}")]
pub struct IntervalError(pub String);

impl Interval {
    /// The nominal length in milliseconds.
    pub fn millis(self) -> i64 {
        i64::from(self.amount).saturating_mul(self.unit.letter_and_millis().1)
    }

    /// The largest multiple of the interval at or before `millis`, counted within its row of UTC: the hour for
    /// `s` and `m` spans, the day for `h`, the month for `d` and `w`, the year for `n` and `y`.
    pub fn floor(self, millis: i64) -> i64 {
        let row_start = match self.unit {
            IntervalUnit::Second | IntervalUnit::Minute => millis - millis.rem_euclid(3_600_000),
            IntervalUnit::Hour => millis - millis.rem_euclid(86_400_000),
            IntervalUnit::Day | IntervalUnit::Week => start_of_month(millis),
            IntervalUnit::Month | IntervalUnit::Year => start_of_year(millis),
        };
        let length = self.millis();
        row_start + (millis - row_start).div_euclid(length) * length
    }
}

/// Days since 1970-01-01 of the first day of `month` (1 to 12). Howard Hinnant's `days_from_civil`.
fn first_of_month(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn year_and_month(millis: i64) -> (i64, i64) {
    let date = crate::Timestamp::from_millis(millis).day().to_string();
    let digits = date.len().saturating_sub(4);
    let part = |range: std::ops::Range<usize>| {
        date.get(range)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    };
    (part(0..digits), part(digits..digits + 2))
}

fn start_of_month(millis: i64) -> i64 {
    let (year, month) = year_and_month(millis);
    first_of_month(year, month) * 86_400_000
}

fn start_of_year(millis: i64) -> i64 {
    first_of_month(year_and_month(millis).0, 1) * 86_400_000
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || IntervalError(text.to_owned());
        let unit_letter = text.chars().next_back().ok_or_else(refused)?;
        let (_, unit, _) = *IntervalUnit::ALL
            .iter()
            .find(|(letter, ..)| *letter == unit_letter)
            .ok_or_else(refused)?;
        let amount = text.strip_suffix(unit_letter).ok_or_else(refused)?;
        if amount.starts_with('0') || !amount.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        Ok(Self {
            amount: amount.parse().map_err(|_| refused())?,
            unit,
        })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.unit.letter_and_millis().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_in_any_case_but_derived_ones_are_refused() {
        assert_eq!("SUM".parse::<Aggregator>().unwrap().name(), "sum");
        assert_eq!("P999".parse::<Aggregator>().unwrap().name(), "p999");
        assert_eq!(
            "Avg".parse::<Aggregator>(),
            Err(AggregatorError::Derived("Avg".to_owned()))
        );
        assert_eq!(
            "none".parse::<Aggregator>(),
            Err(AggregatorError::Unknown("none".to_owned()))
        );
        assert!(ROLLUP_AGGREGATORS.is_sorted());
    }

    #[test]
    fn intervals_are_an_amount_and_a_unit() {
        for good in ["1s", "30m", "6h", "1d", "2w", "3n", "10y"] {
            assert_eq!(good.parse::<Interval>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "h",
            "0h",
            "01h",
            "1ms",
            "1x",
            "-1h",
            "1.5h",
            "99999999999h",
            "+1h",
        ] {
            assert_eq!(
                bad.parse::<Interval>(),
                Err(IntervalError(bad.to_owned())),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_rollup_time_is_floored_within_its_row() {
        let hour: Interval = "1h".parse().unwrap();
        assert_eq!(hour.floor(1_356_998_520_000), 1_356_998_400_000);
        let five_hours: Interval = "5h".parse().unwrap();
        // The day starts anew: 20:00 begins the last, short interval.
        assert_eq!(
            five_hours.floor(1_356_998_400_000 + 23 * 3_600_000),
            1_356_998_400_000 + 20 * 3_600_000
        );
        let day: Interval = "1d".parse().unwrap();
        assert_eq!(day.floor(1_357_689_600_000 + 5), 1_357_689_600_000);
        let week: Interval = "1w".parse().unwrap();
        // 2013-01-09 lies in the second week of its month's row.
        assert_eq!(
            week.floor(1_357_689_600_000),
            1_356_998_400_000 + 7 * 86_400_000
        );
        let year: Interval = "1y".parse().unwrap();
        assert_eq!(year.floor(1_357_689_600_000), 1_356_998_400_000);
    }
}
