//! The points of one series through a downsampler, a batch at a time.
//!
//! Only buckets that begin between the query's start and end come out, each as a float at its beginning. Empty ones do
//! not: that is [`fill`](super::fill)'s.

use jiff::tz::TimeZone;

use super::Downsample;
use super::buckets::Buckets;
use super::fill::Filler;
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
    /// Behind it no series begins, but in its last bucket.
    window_end: i64,
    /// Known from the first point on, like its time.
    buckets: Option<Buckets>,
    first: i64,
    /// The bucket that is being gathered.
    open: Option<(i64, i64)>,
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
            window_end: i64::MAX,
            buckets: None,
            first: i64::MIN,
            open: None,
        }
    }

    /// The same for a series that must begin before this moment or in its last bucket.
    pub(crate) fn until(self, window_end: i64) -> Self {
        Self { window_end, ..self }
    }

    /// Whether all that was pushed lies behind the window and the last bucket: the series is not there then. For after the
    /// first push.
    pub(crate) fn begins_behind(&self) -> bool {
        let Some(buckets) = self
            .buckets
            .as_ref()
            .filter(|_| self.first >= self.window_end)
        else {
            return false;
        };
        let bucket = buckets.around(self.first);
        bucket.is_none_or(|(start, _)| start > self.end)
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

    /// Ends the series: the last bucket.
    pub(crate) fn finish(&mut self, out: &mut Vec<Point>) {
        self.close(out);
    }

    /// What fills the buckets that stay empty, if they are to be and the series has any point at all.
    pub(crate) fn filler(&self) -> Option<Filler> {
        let buckets = self.buckets.as_ref()?;
        Filler::new(self.downsample, buckets, (self.start, self.end))
    }

    /// The bucket that is being gathered, if others like it may follow without more ado.
    fn open_fixed(&self) -> Option<Fixed> {
        match (&self.buckets, self.open) {
            (Some(Buckets::Fixed { length }), Some((start, _))) => Some(Fixed {
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

    fn buckets_from(&mut self, time: i64) -> &Buckets {
        let range = (self.start, self.end);
        let (downsample, zone) = (self.downsample, self.zone);
        if self.buckets.is_none() {
            self.first = time;
        }
        self.buckets
            .get_or_insert_with(|| Buckets::new(downsample, zone, range, time))
    }

    fn close(&mut self, out: &mut Vec<Point>) {
        if let Some((start, _)) = self.open.take() {
            out.push(Point::float(start, self.fold.take()));
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
    fn all_ends_before_the_end() {
        assert_eq!(
            buckets("0all-count", (10, 20), &[9, 10, 19, 20]),
            [(10, 2.0)]
        );
        assert_eq!(buckets("0all-count", (10, 20), &[9, 20]), []);
    }
}
