//! The window of time that is read for an answer: somewhat more than is answered, so that the ends can be
//! interpolated, and rates and buckets are whole.
//!
//! ```text
//!   ws ........ start ===================== end ........ we
//!   full hour, or                               next full hour,
//!   bucket before it                            or bucket behind it
//! ```

use penstock_model::Timestamp;

use crate::downsample::{Cut, Downsample};
use crate::duration::{Span, Unit};

const HOUR: i64 = 3_600;

/// The first and last moment to read for what is answered between `start` and `end`.
pub(crate) fn of(
    start: Timestamp,
    end: Timestamp,
    downsample: Option<Downsample>,
) -> (Timestamp, Timestamp) {
    let mut first = start.millis().div_euclid(1_000);
    let length = downsample.and_then(Downsample::nominal_millis).unwrap_or(0);
    if length > 0 {
        first -= (first * 1_000).rem_euclid(length) / 1_000;
    }
    first -= first.rem_euclid(HOUR);
    let mut behind = end_of_window(end, downsample);
    if let Some(Cut::Calendar(span)) = downsample.map(|downsample| downsample.cut) {
        // The last bucket may begin at the end, and is read whole.
        behind = behind.max(end.millis().saturating_add(longest_millis(span)));
    }
    (
        Timestamp::from_millis(first.saturating_mul(1_000)),
        Timestamp::from_millis(behind.saturating_sub(1)),
    )
}

/// The first moment behind the window in which a series must have a sample, or it is not there for the query. A calendar's
/// last bucket may reach beyond it.
pub(crate) fn end_of_window(end: Timestamp, downsample: Option<Downsample>) -> i64 {
    let mut behind = end.millis().div_euclid(1_000) + 1;
    let length = downsample.and_then(Downsample::nominal_millis).unwrap_or(0);
    if length > 0 {
        let rest = length - (behind * 1_000).rem_euclid(length);
        behind = behind.saturating_add(rest / 1_000);
    }
    if length == 0 || behind.rem_euclid(HOUR) != 0 {
        behind = behind - behind.rem_euclid(HOUR) + HOUR;
    }
    behind.saturating_mul(1_000)
}

/// What of a window counts: with buckets of a fixed length those that begin between `start` and `end`. No other comes
/// out, and none takes part in interpolation or rates.
pub(crate) fn needed(
    window: (Timestamp, Timestamp),
    (start, end): (Timestamp, Timestamp),
    downsample: Option<Downsample>,
) -> (Timestamp, Timestamp) {
    let Some(Cut::Fixed(span)) = downsample.map(|downsample| downsample.cut) else {
        return window;
    };
    let length = span.millis();
    let first = start.millis() + (-start.millis()).rem_euclid(length);
    let last = end.millis() - end.millis().rem_euclid(length);
    if first > last {
        return window;
    }
    let behind = last.saturating_add(length);
    (
        Timestamp::from_millis(first),
        Timestamp::from_millis(behind.saturating_sub(1)),
    )
}

/// The most that a calendar bucket can last: long months, leap years, a night of 25 hours.
fn longest_millis(span: Span) -> i64 {
    const DAY: i64 = 86_400_000;
    let calendar = match span.unit() {
        Unit::Month => span.amount().saturating_mul(31 * DAY),
        Unit::Year => span.amount().saturating_mul(366 * DAY),
        _ => span.millis(),
    };
    calendar.saturating_add(HOUR * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_356_998_400;

    fn window(start: i64, end: i64, specifier: &str) -> (i64, i64) {
        let downsample = Downsample::parse(specifier).ok();
        let at = |seconds: i64| Timestamp::from_millis((T + seconds) * 1_000);
        let (from, to) = of(at(start), at(end), downsample);
        (from.millis() / 1_000 - T, (to.millis() + 1) / 1_000 - T)
    }

    #[test]
    fn without_buckets_full_hours_are_read() {
        assert_eq!(window(600, 1_200, ""), (0, 3_600));
        assert_eq!(window(3_600, 7_200, ""), (3_600, 10_800));
        assert_eq!(window(0, 3_599, ""), (0, 7_200));
        assert_eq!(window(0, 3_599, "0all-sum"), (0, 7_200));
    }

    #[test]
    fn the_first_and_last_bucket_are_whole() {
        assert_eq!(window(600, 1_200, "10m-sum"), (0, 3_600));
        assert_eq!(window(3_700, 7_300, "2h-sum"), (0, 14_400));
        // The end of the last bucket is a full hour: no hour more.
        assert_eq!(window(0, 3_599, "1h-sum"), (0, 7_200));
        assert_eq!(window(0, 3_598, "1h-sum"), (0, 3_600));
        assert_eq!(
            window(86_400, 2 * 86_400 - 2, "1d-sum"),
            (86_400, 2 * 86_400)
        );
    }

    #[test]
    fn of_fixed_buckets_only_those_that_come_out_count() {
        let counted = |start: i64, end: i64, specifier: &str| {
            let at = |seconds: i64| Timestamp::from_millis((T + seconds) * 1_000);
            let downsample = Downsample::parse(specifier).ok();
            let window = of(at(start), at(end), downsample);
            let (from, to) = needed(window, (at(start), at(end)), downsample);
            (from.millis() / 1_000 - T, (to.millis() + 1) / 1_000 - T)
        };
        assert_eq!(counted(120, 1_300, "10m-max"), (600, 1_800));
        assert_eq!(counted(600, 1_200, "10m-max"), (600, 1_800));
        // No bucket begins there, or it is no such bucket: the whole window.
        assert_eq!(counted(601, 700, "10m-max"), (0, 3_600));
        assert_eq!(counted(120, 1_300, "10mc-max"), (0, 3_600 + 1_300 + 600));
        assert_eq!(counted(120, 1_300, ""), (0, 3_600));
    }

    #[test]
    fn a_long_month_is_read_to_its_end() {
        let (_, to) = window(0, 30 * 86_400, "1nc-sum");
        assert!(to >= 61 * 86_400);
    }
}
