//! The points of one series through a downsampler, a batch at a time.
//!
//! Only buckets that begin between the query's start and end come out, each as a float at its beginning. With
//! a fill policy every one of those comes out, if the series has any point at all in the window.

use jiff::tz::TimeZone;

use super::buckets::Buckets;
use super::{Cut, Downsample, Fill};
use crate::aggregator::scalar::BucketFold;
use crate::bucket::Fixed;
use crate::point::Point;

/// What gathers the items of a bucket.
pub(crate) trait Fold {
    /// What it gathers.
    type Item;
    /// When an item was.
    fn time(item: &Self::Item) -> i64;
    /// Adds a run of items of one bucket.
    fn add(&mut self, items: &[Self::Item]);
    /// Adds items of several buckets of one length, the first of which is open. Buckets that they complete come out, and
    /// the one that is open then is the answer.
    fn add_all(&mut self, items: &[Self::Item], open: Fixed, out: &mut Vec<Point>) -> Fixed
    where
        Self: Sized,
    {
        run_by_run(self, items, open, out)
    }
    /// The bucket's value; the next begins.
    fn take(&mut self) -> f64;
}

impl Fold for BucketFold {
    type Item = Point;

    #[inline]
    fn time(item: &Point) -> i64 {
        item.time
    }

    #[inline]
    fn add(&mut self, items: &[Point]) {
        Self::add(self, items);
    }

    #[inline]
    fn add_all(&mut self, items: &[Point], open: Fixed, out: &mut Vec<Point>) -> Fixed {
        if self.needs_list() {
            return run_by_run(self, items, open, out);
        }
        self.add_buckets(items, open, out)
    }

    #[inline]
    fn take(&mut self) -> f64 {
        Self::take(self)
    }
}

fn run_by_run<F: Fold>(
    fold: &mut F,
    items: &[F::Item],
    first: Fixed,
    out: &mut Vec<Point>,
) -> Fixed {
    let bucket_of = |item: &F::Item| first.at_or_behind(F::time(item));
    let mut open = first;
    for run in items.chunk_by(|a, b| bucket_of(a) == bucket_of(b)) {
        let bucket = run.first().map_or(open, bucket_of);
        if bucket != open {
            out.push(Point::float(open.start, fold.take()));
            open = bucket;
        }
        fold.add(run);
    }
    open
}

/// Turns one series into its buckets.
#[derive(Debug)]
pub(crate) struct Stream<'a, F> {
    downsample: Downsample,
    zone: &'a TimeZone,
    start: i64,
    end: i64,
    fold: F,
    /// Known from the first point on.
    buckets: Option<Buckets>,
    /// The bucket that is being gathered.
    open: Option<(i64, i64)>,
    /// The next bucket that has not come out, for filling.
    next: i64,
}

impl<'a, F: Fold> Stream<'a, F> {
    pub(crate) const fn new(
        downsample: Downsample,
        zone: &'a TimeZone,
        (start, end): (i64, i64),
        fold: F,
    ) -> Self {
        Self {
            downsample,
            zone,
            start,
            end,
            fold,
            buckets: None,
            open: None,
            next: start,
        }
    }

    /// Takes the next items of the series, and appends the buckets that they complete.
    pub(crate) fn push(&mut self, items: &[F::Item], out: &mut Vec<Point>) {
        let mut rest = items;
        while let Some(item) = rest.first() {
            if let Some(open) = self.open_fixed() {
                let until = self.answered_until(open);
                let count = rest.partition_point(|item| F::time(item) < until);
                let (answered, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                let open = self.fold.add_all(answered, open, out);
                self.open = Some((open.start, open.end()));
                rest = after;
                if count > 0 {
                    continue;
                }
            }
            let time = F::time(item);
            let bucket = match self.open {
                Some(bucket) if time < bucket.1 => Some(bucket),
                _ => {
                    self.close(out);
                    let bucket = self.buckets_from(time).around(time);
                    self.open = bucket.filter(|bucket| self.is_answered(bucket.0));
                    bucket
                }
            };
            let count = match bucket {
                Some((_, end)) => rest.iter().take_while(|item| F::time(item) < end).count(),
                None => 1,
            };
            let (run, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            if self.open.is_some() {
                self.fold.add(run);
            }
            rest = after;
        }
    }

    /// Ends the series: the last bucket, and those that are filled behind it.
    pub(crate) fn finish(&mut self, out: &mut Vec<Point>) {
        self.close(out);
        if self.buckets.is_some() && self.fills() {
            self.fill_to(self.end.saturating_add(1), out);
        }
    }

    /// The bucket that is being gathered, if others like it may follow without more ado.
    fn open_fixed(&self) -> Option<Fixed> {
        match (&self.buckets, self.open) {
            (Some(Buckets::Fixed { length }), Some((start, _))) if !self.fills() => Some(Fixed {
                start,
                length: *length,
            }),
            _ => None,
        }
    }

    /// The end of the last bucket that comes out.
    const fn answered_until(&self, bucket: Fixed) -> i64 {
        let last = self.end - self.end.rem_euclid(bucket.length);
        last.saturating_add(bucket.length)
    }

    fn is_answered(&self, bucket: i64) -> bool {
        self.start <= bucket && bucket <= self.end
    }

    /// One bucket for all is never filled.
    fn fills(&self) -> bool {
        self.downsample.fill != Fill::None && self.downsample.cut != Cut::All
    }

    fn buckets_from(&mut self, time: i64) -> &Buckets {
        let range = (self.start, self.end);
        let (downsample, zone) = (self.downsample, self.zone);
        let next = &mut self.next;
        self.buckets.get_or_insert_with(|| {
            let buckets = Buckets::new(downsample, zone, range, time);
            *next = buckets.first_from(range.0);
            buckets
        })
    }

    fn close(&mut self, out: &mut Vec<Point>) {
        let Some((start, end)) = self.open.take() else {
            return;
        };
        let value = self.fold.take();
        if self.fills() {
            self.fill_to(start, out);
            self.next = end;
        }
        out.push(Point::float(start, value));
    }

    /// Fills the buckets that begin before `limit` and have not come out.
    fn fill_to(&mut self, limit: i64, out: &mut Vec<Point>) {
        let Some(buckets) = &self.buckets else {
            return;
        };
        let filling = match self.downsample.fill {
            Fill::Zero => 0.0,
            Fill::None | Fill::Nan | Fill::Null => f64::NAN,
        };
        while self.next < limit {
            out.push(Point::float(self.next, filling));
            // At the end of the calendar a bucket may have no length.
            match buckets.around(self.next) {
                Some((_, end)) if end > self.next => self.next = end,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::Number;

    /// Points every 300 s from 0 with values 0, 1, 2, ... through a specifier.
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
        let mut answers = Vec::new();
        for batch in [1, 2, 100] {
            let mut out = Vec::new();
            let fold = BucketFold::new(downsample.function);
            let range = (start * 1_000, end * 1_000);
            let mut stream = Stream::new(downsample, &zone, range, fold);
            for points in points.chunks(batch) {
                stream.push(points, &mut out);
            }
            stream.finish(&mut out);
            answers.push(format!("{out:?}"));
            if batch == 100 {
                assert!(answers.iter().all(|answer| *answer == answers[0]));
                return out
                    .iter()
                    .map(|point| (point.time / 1_000, point.number.to_f64()))
                    .collect();
            }
        }
        Vec::new()
    }

    #[test]
    fn a_bucket_before_the_start_is_dropped_and_the_last_is_whole() {
        let seconds = [0, 300, 600, 900, 1_200, 1_500];
        assert_eq!(
            buckets("10m-max", (120, 1_300), &seconds),
            [(600, 3.0), (1_200, 5.0)]
        );
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
        assert_eq!(buckets("10s-sum-zero", (10, 20), &[]), []);
        let with_nan = buckets("10s-sum-nan", (0, 10), &[5]);
        assert_eq!(with_nan[0], (0, 0.0));
        assert!(with_nan[1].1.is_nan());
    }

    #[test]
    fn all_ends_before_the_end_and_is_never_filled() {
        assert_eq!(
            buckets("0all-count", (10, 20), &[9, 10, 19, 20]),
            [(10, 2.0)]
        );
        assert_eq!(buckets("0all-count-zero", (10, 20), &[9, 20]), []);
    }
}
