//! How far from the server's clock a point may lie.

use std::fmt;

use penstock_model::Timestamp;
use penstock_tenancy::ApplicationLimits;

const HOUR_MILLIS: i64 = 3_600_000;
const MINUTE_MILLIS: i64 = 60_000;

/// The timestamps that are taken at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// The earliest.
    pub earliest: Timestamp,
    /// The latest.
    pub latest: Timestamp,
}

/// A timestamp outside the window. Data, not quota: waiting does not mend a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideWindow {
    /// Before the window.
    Old {
        /// The point's time.
        time: Timestamp,
        /// The limit, in hours.
        hours: u64,
    },
    /// After the window.
    Future {
        /// The point's time.
        time: Timestamp,
        /// The limit, in minutes.
        minutes: u64,
    },
}

impl fmt::Display for OutsideWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old { time, hours } => write!(
                f,
                "bad timestamp={time}: more than {hours} hours before the server's clock (limit maxPastHours)"
            ),
            Self::Future { time, minutes } => write!(
                f,
                "bad timestamp={time}: more than {minutes} minutes ahead of the server's clock (limit maxFutureMinutes)"
            ),
        }
    }
}

impl TimeWindow {
    /// The window of these limits around `now`. 0 is no limit.
    pub fn around(now: Timestamp, limits: &ApplicationLimits) -> Self {
        let millis = |amount: u64, unit: i64| {
            i64::try_from(amount)
                .unwrap_or(i64::MAX)
                .saturating_mul(unit)
        };
        Self {
            earliest: match limits.max_past_hours {
                0 => Timestamp::MIN,
                hours => now.saturating_add_millis(-millis(hours, HOUR_MILLIS)),
            },
            latest: match limits.max_future_minutes {
                0 => Timestamp::MAX,
                minutes => now.saturating_add_millis(millis(minutes, MINUTE_MILLIS)),
            },
        }
    }

    /// Whether a point of this time is taken.
    #[inline]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.earliest <= time && time <= self.latest
    }
}

impl OutsideWindow {
    /// What to say about a time that [`TimeWindow::contains`] refused.
    pub fn of(time: Timestamp, window: &TimeWindow, limits: &ApplicationLimits) -> Self {
        if time < window.earliest {
            Self::Old {
                time,
                hours: limits.max_past_hours,
            }
        } else {
            Self::Future {
                time,
                minutes: limits.max_future_minutes,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn by_default_two_days_ahead_and_any_past() {
        let limits = ApplicationLimits::default();
        let window = TimeWindow::around(NOW, &limits);
        assert!(window.contains(Timestamp::from_millis(1)));
        assert!(window.contains(NOW.saturating_add_millis(2_880 * MINUTE_MILLIS)));
        let ahead = NOW.saturating_add_millis(2_880 * MINUTE_MILLIS + 1);
        assert!(!window.contains(ahead));
        assert_eq!(
            OutsideWindow::of(ahead, &window, &limits).to_string(),
            "bad timestamp=1700172800001: more than 2880 minutes ahead of the server's clock (limit maxFutureMinutes)"
        );
    }

    #[test]
    fn the_past_can_be_limited_and_the_future_freed() {
        let limits = ApplicationLimits {
            max_past_hours: 1,
            max_future_minutes: 0,
            ..ApplicationLimits::default()
        };
        let window = TimeWindow::around(NOW, &limits);
        assert!(window.contains(Timestamp::MAX));
        assert!(window.contains(NOW.saturating_add_millis(-HOUR_MILLIS)));
        let old = NOW.saturating_add_millis(-HOUR_MILLIS - 1);
        assert!(!window.contains(old));
        assert_eq!(
            OutsideWindow::of(old, &window, &limits).to_string(),
            "bad timestamp=1699996399999: more than 1 hours before the server's clock (limit maxPastHours)"
        );
    }
}
