//! The samples of one series on their way to a merge: downsampled, then turned into rates, a batch at a time.

use std::error::Error;

use jiff::tz::TimeZone;

use super::RunError;
use super::group::Unit;
use crate::aggregator::Aggregator;
use crate::aggregator::scalar::BucketFold;
use crate::downsample::Downsample;
use crate::downsample::fill::Filler;
use crate::downsample::stream::{Fold, Stream};
use crate::limits::{Budget, Exceeded};
use crate::merge::Manner;
use crate::point::Point;
use crate::rate::Rate;
use crate::request::{Query, SubQuery};
use crate::rollup::Values;
use crate::source::{SeriesReader, SeriesSource};
use crate::window;

/// How the series of a sub-query are read.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) sub_query: &'a SubQuery,
    /// With the function that suits what is read.
    pub(super) downsample: Option<Downsample>,
    pub(super) zone: &'a TimeZone,
    pub(super) manner: Manner,
    /// [`window::end_of_window`]
    window_end: i64,
}

impl<'a> Plan<'a> {
    /// For samples of this kind.
    pub(super) fn new(query: &'a Query, sub_query: &'a SubQuery, values: Values) -> Self {
        let downsample = sub_query
            .downsample
            .map(|downsample| values.adapt(downsample));
        Self {
            sub_query,
            downsample,
            zone: &query.zone,
            manner: Manner {
                aggregator: sub_query.aggregator,
                range: (query.start.millis(), query.end.millis()),
                is_float: downsample.is_some() || sub_query.rate.is_some(),
                is_held: sub_query.rate.is_some(),
            },
            window_end: window::end_of_window(query.end, sub_query.downsample),
        }
    }
}

impl Values {
    /// Counts that are stored are added, not counted.
    pub(super) fn adapt(self, downsample: Downsample) -> Downsample {
        match (self, Aggregator::named("sum")) {
            (Self::Counts, Some(function)) => Downsample {
                function,
                ..downsample
            },
            _ => downsample,
        }
    }
}

/// Buffers that serve one series after another.
#[derive(Debug, Default)]
pub(super) struct SeriesPipe {
    points: Vec<Point>,
    outlet: Outlet,
}

impl SeriesPipe {
    /// Reads a series whole and hands its points on. Whether it had a sample in the window.
    pub(super) fn read<S: SeriesSource, K: Error>(
        &mut self,
        source: &S,
        plan: &Plan<'_>,
        unit: Unit,
        budget: &mut Budget<'_>,
        mut visit: impl FnMut(&[Point], &Budget<'_>) -> Result<(), RunError<S::Error, K>>,
    ) -> Result<bool, RunError<S::Error, K>> {
        let mut rate = plan.sub_query.rate.map(Rate::new);
        let mut visit = |points: &mut Vec<Point>, budget: &Budget<'_>| {
            if let Some(rate) = &mut rate {
                rate.apply(points);
            }
            visit(points, budget)
        };
        let range = plan.manner.range;
        match (unit, plan.downsample) {
            (Unit::Ratio { sums, counts }, Some(downsample)) => {
                let mut pairs = Pairs::<S>::open(source, sums, counts)?;
                let next = |joined: &mut Vec<Pair>, budget: &mut Budget<'_>| {
                    pairs.next_batch::<K>(joined, budget)
                };
                let stream = Stream::new(downsample, plan.zone, range, Ratio::default());
                let stream = stream.until(plan.window_end);
                self.outlet
                    .run(stream, &mut Vec::new(), budget, next, visit)
            }
            (Unit::One(series) | Unit::Ratio { sums: series, .. }, None) => {
                let mut reader = source.open(series).map_err(RunError::Source)?;
                let mut has_samples = false;
                while next_batch::<S, K>(&mut reader, &mut self.points, budget)? {
                    has_samples = true;
                    visit(&mut self.points, budget)?;
                }
                Ok(has_samples)
            }
            (Unit::One(series), Some(downsample)) => {
                let mut reader = source.open(series).map_err(RunError::Source)?;
                let next = |points: &mut Vec<Point>, budget: &mut Budget<'_>| {
                    next_batch::<S, K>(&mut reader, points, budget)
                };
                let fold = BucketFold::new(downsample.function);
                let stream = Stream::new(downsample, plan.zone, range, fold);
                let stream = stream.until(plan.window_end);
                self.outlet
                    .run(stream, &mut self.points, budget, next, visit)
            }
        }
    }
}

/// Buckets on their way out, and with them those that are filled.
#[derive(Debug, Default)]
struct Outlet {
    buckets: Vec<Point>,
    filled: Vec<Point>,
}

impl Outlet {
    /// Runs a series through a downsampler. Whether it had a sample that counts.
    fn run<F: Fold, E: From<Exceeded>>(
        &mut self,
        mut stream: Stream<'_, F>,
        items: &mut Vec<F::Item>,
        budget: &mut Budget<'_>,
        mut next: impl FnMut(&mut Vec<F::Item>, &mut Budget<'_>) -> Result<bool, E>,
        mut visit: impl FnMut(&mut Vec<Point>, &Budget<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut filler = None;
        let mut has_samples = false;
        loop {
            let more = next(items, budget)?;
            self.buckets.clear();
            if more {
                stream.push(items, &mut self.buckets);
            } else {
                stream.finish(&mut self.buckets);
            }
            if more && !has_samples {
                if stream.begins_behind() {
                    return Ok(false);
                }
                has_samples = true;
                filler = stream.filler();
            }
            match &mut filler {
                Some(filler) => self.fill(filler, !more, budget, &mut visit)?,
                None => visit(&mut self.buckets, budget)?,
            }
            if !more {
                return Ok(has_samples);
            }
        }
    }

    /// Hands the buckets on with the empty ones, some at a time, however long the gaps are.
    fn fill<E: From<Exceeded>>(
        &mut self,
        filler: &mut Filler,
        is_last: bool,
        budget: &mut Budget<'_>,
        visit: &mut impl FnMut(&mut Vec<Point>, &Budget<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buckets = self.buckets.as_slice();
        loop {
            let empty = filler.next(&mut buckets, is_last, &mut self.filled);
            if self.filled.is_empty() {
                return Ok(());
            }
            budget.check()?;
            budget.add_filled(empty)?;
            visit(&mut self.filled, budget)?;
        }
    }
}

/// The next batch that is not empty.
fn next_batch<S: SeriesSource, K: Error>(
    reader: &mut S::Reader<'_>,
    points: &mut Vec<Point>,
    budget: &mut Budget<'_>,
) -> Result<bool, RunError<S::Error, K>> {
    loop {
        budget.check()?;
        if !reader.next_batch(points).map_err(RunError::Source)? {
            points.clear();
            return Ok(false);
        }
        budget.add_samples(points.len())?;
        if !points.is_empty() {
            return Ok(true);
        }
    }
}

/// A sum and the count that belongs to it.
#[derive(Clone, Copy, Debug)]
struct Pair {
    time: i64,
    sum: f64,
    count: f64,
}

/// Two series, joined by their times: what only one of them has is left out.
struct Pairs<'a, S: SeriesSource + 'a> {
    sums: Cursor<S::Reader<'a>>,
    counts: Cursor<S::Reader<'a>>,
}

struct Cursor<R> {
    reader: R,
    batch: Vec<Point>,
    at: usize,
}

impl<R> Cursor<R> {
    /// The sample that is next, if the batch has one more.
    fn peek(&self) -> Option<Point> {
        self.batch.get(self.at).copied()
    }
}

impl<'a, S: SeriesSource> Pairs<'a, S> {
    fn open<K: Error>(
        source: &'a S,
        sums: usize,
        counts: usize,
    ) -> Result<Self, RunError<S::Error, K>> {
        let open = |series| {
            source
                .open(series)
                .map_err(RunError::Source)
                .map(|reader| Cursor {
                    reader,
                    batch: Vec::new(),
                    at: 0,
                })
        };
        Ok(Self {
            sums: open(sums)?,
            counts: open(counts)?,
        })
    }

    /// Joins until the batch of one side is used up. False at the end of either.
    fn next_batch<K: Error>(
        &mut self,
        joined: &mut Vec<Pair>,
        budget: &mut Budget<'_>,
    ) -> Result<bool, RunError<S::Error, K>> {
        joined.clear();
        while joined.is_empty() {
            for cursor in [&mut self.sums, &mut self.counts] {
                if cursor.peek().is_none() {
                    cursor.at = 0;
                    if !next_batch::<S, K>(&mut cursor.reader, &mut cursor.batch, budget)? {
                        return Ok(false);
                    }
                }
            }
            self.join(joined);
        }
        Ok(true)
    }

    fn join(&mut self, joined: &mut Vec<Pair>) {
        while let (Some(sum), Some(count)) = (self.sums.peek(), self.counts.peek()) {
            if sum.time == count.time {
                joined.push(Pair {
                    time: sum.time,
                    sum: sum.number.to_f64(),
                    count: count.number.to_f64(),
                });
            }
            self.sums.at += usize::from(sum.time <= count.time);
            self.counts.at += usize::from(count.time <= sum.time);
        }
    }
}

/// The sum of a bucket's sums over the sum of its counts.
#[derive(Debug, Default)]
struct Ratio {
    sum: f64,
    count: f64,
}

impl Fold for Ratio {
    type Item = Pair;

    fn time(item: &Pair) -> i64 {
        item.time
    }

    fn add(&mut self, items: &[Pair]) {
        for pair in items {
            self.sum += pair.sum;
            self.count += pair.count;
        }
    }

    fn take(&mut self) -> f64 {
        let Self { sum, count } = std::mem::take(self);
        sum / count
    }
}
