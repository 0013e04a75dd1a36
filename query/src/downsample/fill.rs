//! The empty buckets of a series, put in between those that are not.
//!
//! Every bucket that begins between the query's start and end comes out, some at a time: there may be a thousand
//! million of them behind a single point.

use super::buckets::Buckets;
use super::calendar::Walk;
use super::{Downsample, Fill};
use crate::point::Point;

/// Buckets that come out in one go.
const BUCKETS_MAX: usize = 1_024;

/// Fills what one series leaves empty.
#[derive(Debug)]
pub(crate) struct Filler {
    value: f64,
    /// The next bucket that has not come out.
    next: Walk,
    end: i64,
}

impl Filler {
    /// For a series whose time is cut like this, between the first and last moment that is answered. `None` if nothing is
    /// filled: the one bucket of `all` never is.
    pub(crate) fn new(
        downsample: Downsample,
        buckets: &Buckets,
        (start, end): (i64, i64),
    ) -> Option<Self> {
        let value = match downsample.fill {
            Fill::None => return None,
            Fill::Zero => 0.0,
            Fill::Nan | Fill::Null => f64::NAN,
        };
        let next = buckets.walk_from(start)?;
        Some(Self { value, next, end })
    }

    /// Puts the next buckets into `out`, in place of what it holds: those that `have` begins with, which it takes off, and
    /// empty ones before them; with `is_last` also those behind. How many were empty. It is done when none comes out.
    pub(crate) fn next(&mut self, have: &mut &[Point], is_last: bool, out: &mut Vec<Point>) -> u64 {
        out.clear();
        let mut empty = 0;
        while out.len() < BUCKETS_MAX {
            let first = have.split_first();
            let limit = match first {
                Some((point, _)) => point.time,
                None if is_last => self.end.saturating_add(1),
                None => break,
            };
            if self.next.start() < limit {
                out.push(Point::float(self.next.start(), self.value));
                empty += 1;
            } else if let Some((point, rest)) = first {
                out.push(*point);
                *have = rest;
            } else {
                break;
            }
            self.next.step();
        }
        empty
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::aggregator::scalar::BucketFold;
    use crate::downsample::stream::Stream;
    use crate::point::Number;

    /// Points with values 0, 1, 2, ... at these seconds, downsampled and filled.
    fn buckets(specifier: &str, (start, end): (i64, i64), seconds: &[i64]) -> Vec<(i64, f64)> {
        let downsample = Downsample::parse(specifier).unwrap();
        let points: Vec<Point> = (0i64..)
            .zip(seconds)
            .map(|(value, second)| Point {
                time: second * 1_000,
                number: Number::Integer(value),
            })
            .collect();
        let zone = TimeZone::UTC;
        let fold = BucketFold::new(downsample.function);
        let mut stream = Stream::new(downsample, &zone, (start * 1_000, end * 1_000), fold);
        let mut have = Vec::new();
        stream.push(&points, &mut have);
        stream.finish(&mut have);
        let mut all = have.clone();
        if let Some(mut filler) = stream.filler() {
            all.clear();
            let (mut rest, mut some) = (have.as_slice(), Vec::new());
            while filler.next(&mut rest, true, &mut some) > 0 || !some.is_empty() {
                all.extend_from_slice(&some);
            }
        }
        all.iter()
            .map(|point| (point.time / 1_000, point.number.to_f64()))
            .collect()
    }

    #[test]
    fn nothing_is_filled_that_has_no_point_or_no_length() {
        assert_eq!(buckets("10s-sum-zero", (10, 20), &[]), []);
        assert_eq!(buckets("0all-count-zero", (10, 20), &[9, 20]), []);
        assert_eq!(buckets("10s-sum-none", (10, 20), &[0]), []);
    }

    #[test]
    fn empty_buckets_are_filled_from_start_to_end() {
        assert_eq!(
            buckets("10s-sum-zero", (5, 45), &[0, 22, 24]),
            [(10, 0.0), (20, 3.0), (30, 0.0), (40, 0.0)]
        );
        // A point in the window, though none in the range, is enough.
        assert_eq!(
            buckets("10s-sum-zero", (10, 20), &[0]),
            [(10, 0.0), (20, 0.0)]
        );
        let with_nan = buckets("10s-sum-nan", (0, 10), &[5]);
        assert_eq!(with_nan[0], (0, 0.0));
        assert!(with_nan[1].1.is_nan());
    }

    #[test]
    fn a_long_gap_comes_out_some_buckets_at_a_time() {
        let downsample = Downsample::parse("1ms-sum-zero").unwrap();
        let cut = Buckets::new(downsample, &TimeZone::UTC, (0, i64::MAX), 0);
        let mut filler = Filler::new(downsample, &cut, (0, i64::MAX)).unwrap();
        let last = [Point::float(10_000, 1.0)];
        let (mut have, mut some) = (last.as_slice(), Vec::new());
        for at in 0..9 {
            assert_eq!(filler.next(&mut have, false, &mut some), 1_024);
            assert_eq!((some.len(), some[0].time), (1_024, at * 1_024));
        }
        assert_eq!(filler.next(&mut have, false, &mut some), 10_000 - 9 * 1_024);
        assert_eq!(some.last(), last.first());
        // What is behind the last is not known yet.
        assert_eq!(filler.next(&mut have, false, &mut some), 0);
        assert!(some.is_empty());
        assert_eq!(filler.next(&mut have, true, &mut some), 1_024);
    }
}
