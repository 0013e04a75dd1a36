//! Rates: how fast a series changes, for each second.
//!
//! Each point from the second on becomes the difference to the one before over the seconds between them. A
//! counter that went down has wrapped around at its maximum, or was reset.

use crate::point::{Number, Point};

/// What a falling value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateOptions {
    /// Whether values only grow, so that a falling one is a wrap around or a reset.
    pub counter: bool,
    /// Where a counter wraps around.
    pub counter_max: i64,
    /// A wrap around that gives a larger rate than this was a reset, and the rate is 0. At 0 or below: none was.
    pub reset_value: i64,
    /// A falling counter yields no rate at all.
    pub drop_resets: bool,
}

impl Default for RateOptions {
    fn default() -> Self {
        Self {
            counter: false,
            counter_max: i64::MAX,
            reset_value: 0,
            drop_resets: false,
        }
    }
}

/// Turns the points of one series into rates.
#[derive(Debug)]
pub(crate) struct Rate {
    options: RateOptions,
    last: Option<Point>,
}

impl Rate {
    pub(crate) const fn new(options: RateOptions) -> Self {
        Self {
            options,
            last: None,
        }
    }

    /// Replaces points by their rates; those without one vanish.
    pub(crate) fn apply(&mut self, points: &mut Vec<Point>) {
        points.retain_mut(|point| {
            let Some(last) = self.last.replace(*point) else {
                return false;
            };
            match self.between(last, *point) {
                Some(rate) => {
                    point.number = Number::Float(rate);
                    true
                }
                None => false,
            }
        });
    }

    fn between(&self, last: Point, point: Point) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "OpenTSDB computes in doubles here"
        )]
        let seconds = point.time.wrapping_sub(last.time) as f64 / 1_000.0;
        let difference = difference(last.number, point.number);
        // A NaN is not below 0.
        if !self.options.counter || difference.is_nan() || difference >= 0.0 {
            return Some(difference / seconds);
        }
        if self.options.drop_resets {
            return None;
        }
        let rate = self.wrapped(last.number, point.number) / seconds;
        #[expect(
            clippy::cast_precision_loss,
            reason = "compared as a double by OpenTSDB"
        )]
        let was_reset = self.options.reset_value > 0 && rate > self.options.reset_value as f64;
        Some(if was_reset { 0.0 } else { rate })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "OpenTSDB computes in doubles here"
    )]
    fn wrapped(&self, last: Number, now: Number) -> f64 {
        match (last, now) {
            (Number::Integer(last), Number::Integer(now)) => {
                self.options
                    .counter_max
                    .wrapping_sub(last)
                    .wrapping_add(now) as f64
            }
            _ => self.options.counter_max as f64 - last.to_f64() + now.to_f64(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "OpenTSDB computes in doubles here"
)]
fn difference(last: Number, now: Number) -> f64 {
    match (last, now) {
        (Number::Integer(last), Number::Integer(now)) => now.wrapping_sub(last) as f64,
        _ => now.to_f64() - last.to_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(options: RateOptions, values: &[i64]) -> Vec<(i64, f64)> {
        let mut points: Vec<Point> = (0i64..)
            .zip(values)
            .map(|(at, value)| Point {
                time: at * 10_000,
                number: Number::Integer(*value),
            })
            .collect();
        Rate::new(options).apply(&mut points);
        points
            .iter()
            .map(|point| (point.time, point.number.to_f64()))
            .collect()
    }

    #[test]
    fn the_first_point_has_no_rate_and_falling_stays_negative() {
        assert_eq!(
            rates(RateOptions::default(), &[10, 30, 20]),
            [(10_000, 2.0), (20_000, -1.0)]
        );
        assert_eq!(rates(RateOptions::default(), &[10]), []);
    }

    #[test]
    fn a_counter_wraps_is_reset_or_dropped() {
        let counter = RateOptions {
            counter: true,
            counter_max: 100,
            ..RateOptions::default()
        };
        assert_eq!(
            rates(counter, &[90, 10, 20]),
            [(10_000, 2.0), (20_000, 1.0)]
        );
        let reset = RateOptions {
            reset_value: 1,
            ..counter
        };
        assert_eq!(rates(reset, &[90, 10, 20]), [(10_000, 0.0), (20_000, 1.0)]);
        let drop = RateOptions {
            drop_resets: true,
            ..counter
        };
        // The dropped point is still the base of the next.
        assert_eq!(rates(drop, &[90, 10, 20]), [(20_000, 1.0)]);
        let to_64_bits = RateOptions {
            counter: true,
            ..RateOptions::default()
        };
        assert_eq!(rates(to_64_bits, &[i64::MAX - 5, 5]), [(10_000, 1.0)]);
    }
}
