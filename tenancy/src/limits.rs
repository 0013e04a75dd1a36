//! Every limit: one table of names, units, defaults and ranges.
//!
//! Resources, ledger, enforcement and documentation all read it from here. Wherever a limit's range begins at
//! 0, 0 means no limit.

use serde::{Deserialize, Serialize};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name in resources and in the ledger.
    pub name: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// Its value where a resource does not set it.
    pub default: u64,
    /// The smallest value; if that is 0, 0 means no limit.
    pub min: u64,
    /// The largest value.
    pub max: u64,
}

/// Declares a struct of limits and its table in one place.
macro_rules! limits {
    (
        $(#[$of_struct:meta])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $wire:literal, $unit:literal, $default:literal, $min:literal..=$max:literal;
            )+
        }
    ) => {
        $(#[$of_struct])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[doc = concat!(
                    "\n\nUnit: ", $unit, "; default ", $default, "; range ", $min, " to ", $max, "."
                )]
                #[serde(rename = $wire)]
                pub $field: u64,
            )+
        }

        impl $name {
            /// The rows of these limits, in the order of the fields.
            pub const TABLE: &[Limit] = &[
                $(Limit { name: $wire, unit: $unit, default: $default, min: $min, max: $max }),+
            ];

            /// Each row with the value that is set, in the order of the fields.
            pub fn values(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
                Self::TABLE.iter().zip([$(self.$field),+])
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }
    };
}

limits! {
    /// What an application may use, all its tokens together, over the whole service.
    pub struct ApplicationLimits {
        /// Points taken a second, averaged by a token bucket of size [`Self::burst`].
        points_per_second: "pointsPerSecond", "points/s", 1_000_000, 0..=1_000_000_000;
        /// Points taken at once after a pause. At least one second's worth is always allowed.
        burst: "burst", "points", 5_000_000, 0..=10_000_000_000;
        /// Series with a point in the current UTC day.
        active_series: "activeSeries", "series", 1_000_000, 0..=4_000_000_000;
        /// Series written for the first time, in an hour.
        new_series_per_hour: "newSeriesPerHour", "series/h", 1_000_000, 0..=4_000_000_000;
        /// Connections open at the same time.
        connections: "connections", "connections", 10_000, 0..=1_000_000;
        /// Points in one HTTP request.
        points_per_request: "pointsPerRequest", "points", 1_000_000, 0..=100_000_000;
        /// Bytes of one HTTP request's body, after decompression.
        body_bytes: "bodyBytes", "bytes", 33_554_432, 1_024..=1_073_741_824;
        /// How old a point's timestamp may be.
        max_past_hours: "maxPastHours", "hours", 0, 0..=10_000_000;
        /// How far a point's timestamp may lie ahead of the server's clock.
        max_future_minutes: "maxFutureMinutes", "minutes", 2_880, 0..=100_000_000;
    }
}

limits! {
    /// What one token may use, beneath its application's limits.
    pub struct TokenLimits {
        /// Points taken a second, averaged by a token bucket of size [`Self::burst`].
        points_per_second: "pointsPerSecond", "points/s", 0, 0..=1_000_000_000;
        /// Points taken at once after a pause. At least one second's worth is always allowed.
        burst: "burst", "points", 0, 0..=10_000_000_000;
        /// Connections open at the same time.
        connections: "connections", "connections", 0, 0..=1_000_000;
    }
}

limits! {
    /// What one read token may ask for. All but the rate hold for each request.
    pub struct ReadLimits {
        /// From the start to the end of what is asked for.
        max_range_days: "maxRangeDays", "days", 0, 0..=100_000;
        /// Series that are selected.
        max_series: "maxSeries", "series", 1_000_000, 1..=100_000_000;
        /// Samples that are read, and buckets that are filled.
        max_samples: "maxSamples", "samples", 1_000_000_000, 1..=1_000_000_000_000_000;
        /// Time from the first look at the data to the last byte of the answer.
        max_seconds: "maxSeconds", "seconds", 60, 1..=86_400;
        /// Memory for what lies between samples and answer.
        max_bytes: "maxBytes", "bytes", 268_435_456, 1_048_576..=68_719_476_736;
        /// Requests a second, averaged over ten seconds: after a pause ten seconds' worth may come at once.
        queries_per_second: "queriesPerSecond", "requests/s", 0, 0..=1_000_000;
    }
}

/// A pod's share of a limit that holds for the whole service: rounded up, so that no pod has nothing.
pub fn per_pod(limit: u64, replicas: u32) -> u64 {
    limit.div_ceil(u64::from(replicas.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_lies_in_its_range() {
        let defaults = ApplicationLimits::default();
        let (of_token, of_reader) = (TokenLimits::default(), ReadLimits::default());
        for (limit, value) in defaults
            .values()
            .chain(of_token.values())
            .chain(of_reader.values())
        {
            assert_eq!(value, limit.default, "{}", limit.name);
            assert!((limit.min..=limit.max).contains(&value), "{}", limit.name);
        }
    }

    #[test]
    fn the_table_has_the_names_of_the_ledger() {
        let json = serde_json::to_value(ApplicationLimits::default()).unwrap();
        for limit in ApplicationLimits::TABLE {
            assert_eq!(json[limit.name], limit.default, "{}", limit.name);
        }
        assert_eq!(
            json.as_object().unwrap().len(),
            ApplicationLimits::TABLE.len()
        );
    }

    #[test]
    fn the_page_about_limits_has_the_same_tables() {
        let page = include_str!("../../docs/limits.md");
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let expected: Vec<String> = ApplicationLimits::TABLE
            .iter()
            .chain(TokenLimits::TABLE)
            .chain(ReadLimits::TABLE)
            .map(
                |Limit {
                     name,
                     unit,
                     default,
                     min,
                     max,
                 }| {
                    format!("| `{name}` | {unit} | {default} | {min} to {max} |")
                },
            )
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_token_has_no_limit_of_its_own_until_one_is_set() {
        assert!(TokenLimits::default().values().all(|(_, value)| value == 0));
    }

    #[test]
    fn pods_share_a_limit_and_none_gets_nothing() {
        assert_eq!(per_pod(10, 3), 4);
        assert_eq!(per_pod(1, 3), 1);
        assert_eq!(per_pod(0, 3), 0, "0 stays: no limit");
        assert_eq!(per_pod(10, 0), 10);
    }
}
