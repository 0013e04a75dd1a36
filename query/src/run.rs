//! A request, from its series to its results.
//!
//! ```text
//!   for each sub-query     names known? > rollup or raw > select > group
//!     for each group
//!       for each series    read > downsample > rate ─┐
//!                                                    ├─> merge > between start and end > sink
//!       ...                                         ─┘
//! ```
//!
//! Series are read one at a time and nothing of them is kept; a group's answer leaves before the next group is
//! read. So memory holds one batch of samples and the times of one group.

mod emission;
mod group;
mod names;
mod series;

use std::error::Error;

use penstock_model::Clock;

use self::emission::Emission;
use self::group::{Group, Labels, Unit};
use self::series::{Plan, SeriesPipe};
use crate::downsample::{Cut, Downsample, Fill};
use crate::excerpt::Excerpt;
use crate::limits::{Budget, Exceeded, Limits};
use crate::merge::Merge;
use crate::merge::lone::Lone;
use crate::point::Point;
use crate::request::{Query, SubQuery};
use crate::rollup::{self, Attempt, Values};
use crate::select::{Selection, Target};
use crate::source::{SelectedSeries, SeriesSource};
use crate::window;

/// A grid of buckets larger than this is not laid out before the points are seen.
const GRID_MAX: i64 = 100_000;

/// What a place of a merge may take: a time, its marks and two cells.
const SLOT_BYTES: usize = 64;

/// Where results go, one after another.
pub trait ResultSink {
    /// Why no more can be taken.
    type Error: Error;

    /// A result begins.
    ///
    /// # Errors
    /// Whatever the sink says; the query ends.
    fn begin(&mut self, head: &ResultHead<'_>) -> Result<(), Self::Error>;

    /// Its next points, in ascending time.
    ///
    /// # Errors
    /// As [`ResultSink::begin`].
    fn points(&mut self, points: &[Point]) -> Result<(), Self::Error>;

    /// It is whole.
    ///
    /// # Errors
    /// As [`ResultSink::begin`].
    fn end(&mut self, cost: &Cost) -> Result<(), Self::Error>;
}

/// What a result is of.
#[derive(Clone, Debug)]
pub struct ResultHead<'a> {
    /// The sub-query that it answers.
    pub sub_query: &'a SubQuery,
    /// The metric's name.
    pub metric: &'a str,
    /// Tags that all its series share, as far as they have them.
    pub tags: Vec<(&'a str, &'a str)>,
    /// Keys of the other tags.
    pub aggregate_tags: Vec<&'a str>,
    /// The sorted TSUIDs of its series, if the source has such.
    pub tsuids: Vec<&'a str>,
}

/// What a result, or a whole request, has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Series that were selected.
    pub series: u64,
    /// Samples that were read.
    pub samples: u64,
    /// Points that were answered.
    pub points: u64,
    /// Results.
    pub results: u64,
}

/// Why a request got no answer, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum RunError<S: Error, K: Error> {
    /// A name that no series ever had: 400.
    #[error("No such name for '{kind}': '{name}'")]
    UnknownName {
        /// `metrics`, `tagk` or `tagv`.
        kind: &'static str,
        /// The name.
        name: Excerpt,
    },
    /// A limit was hit: 413, and for the time 408.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// A result is beyond the doubles: 400.
    #[error("Got Infinity: {value} at {time}")]
    Infinite {
        /// `inf` or `-inf`.
        value: f64,
        /// When, in milliseconds.
        time: i64,
    },
    /// The source failed.
    #[error("reading the series failed")]
    Source(#[source] S),
    /// The sink takes no more.
    #[error("writing the results failed")]
    Sink(#[source] K),
}

/// Where to look and what it may cost.
#[derive(Clone, Copy)]
pub struct RunContext<'a> {
    /// What the request may cost.
    pub limits: Limits,
    /// For the limit of time.
    pub clock: &'a dyn Clock,
    /// Whether nobody waits any more. Asked often: it should be a load of a flag.
    pub is_cancelled: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for RunContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunContext")
            .field("limits", &self.limits)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Answers a request. Names and limits of range are checked for all its sub-queries before the first result.
///
/// # Errors
/// [`RunError`]. Results that the sink already has are then not all.
pub fn run<S: SeriesSource, K: ResultSink>(
    query: &Query,
    source: &mut S,
    sink: &mut K,
    context: RunContext<'_>,
) -> Result<Cost, RunError<S::Error, K::Error>> {
    let mut run = Run {
        query,
        source,
        sink,
        budget: Budget::new(context.limits, context.clock, context.is_cancelled),
        cost: Cost::default(),
        pipe: SeriesPipe::default(),
        points: Vec::new(),
    };
    run.budget
        .check_range(query.end.millis() - query.start.millis())?;
    run.check_fill()?;
    names::check(query, run.source, &run.budget)?;
    for sub_query in &query.sub_queries {
        run.answer(sub_query)?;
    }
    Ok(Cost {
        series: run.budget.series() as u64,
        samples: run.budget.samples(),
        ..run.cost
    })
}

struct Run<'a, S, K> {
    query: &'a Query,
    source: &'a mut S,
    sink: &'a mut K,
    budget: Budget<'a>,
    cost: Cost,
    pipe: SeriesPipe,
    /// Points on their way out.
    points: Vec<Point>,
}

type Answer<T, S, K> = Result<T, RunError<<S as SeriesSource>::Error, <K as ResultSink>::Error>>;

impl<S: SeriesSource, K: ResultSink> Run<'_, S, K> {
    fn answer(&mut self, sub_query: &SubQuery) -> Answer<(), S, K> {
        if sub_query.is_histogram_query() {
            return Ok(());
        }
        let stored = match (&sub_query.target, sub_query.downsample) {
            (Target::Metric(metric), Some(_)) => {
                self.source.rollups(metric).map_err(RunError::Source)?
            }
            _ => Vec::new(),
        };
        for attempt in rollup::attempts(sub_query, &stored) {
            let results = self.cost.results;
            self.attempt(sub_query, attempt)?;
            if self.cost.results > results {
                break;
            }
        }
        Ok(())
    }

    fn attempt(&mut self, sub_query: &SubQuery, attempt: Attempt) -> Answer<(), S, K> {
        self.budget.check()?;
        let window = window::of(self.query.start, self.query.end, sub_query.downsample);
        let asked = (self.query.start, self.query.end);
        let needed = match attempt.values {
            // Whether a sum has its count is seen only where both are read.
            Values::SumsAndCounts => window,
            Values::Samples | Values::Counts => window::needed(window, asked, sub_query.downsample),
        };
        let selection = Selection {
            needed,
            series_max: self.budget.series_left(),
            ..sub_query.selection(attempt.kind, window)
        };
        let found = self.source.select(&selection).map_err(RunError::Source)?;
        self.budget.add_series(found.len())?;
        let plan = Plan::new(self.query, sub_query, attempt.values);
        let groups = group::groups(sub_query, &found, attempt.values);
        let series: usize = groups.iter().map(|group| group.units.len()).sum();
        let to_fill = self.buckets_to_fill(sub_query);
        self.budget
            .check_to_fill(to_fill.saturating_mul(series as u64))?;
        self.source.expect(group::lanes(&groups));
        for group in groups {
            self.budget.check()?;
            match group.units.as_slice() {
                [unit] => self.lone(&plan, &found, *unit)?,
                _ => self.merged(&plan, &found, &group)?,
            }
        }
        Ok(())
    }

    /// Filled buckets are counted before any is made, as if each sub-query found one series: the milliseconds of a year are
    /// refused at once, and so is an answer that nobody could hold.
    fn check_fill(&self) -> Result<(), Exceeded> {
        let mut all = 0_u64;
        for sub_query in &self.query.sub_queries {
            let count = self.buckets_to_fill(sub_query);
            all = all.saturating_add(count);
            self.budget.check_to_fill(all)?;
            let bytes = usize::try_from(count).unwrap_or(usize::MAX);
            self.budget
                .check_bytes(bytes.saturating_mul(size_of::<Point>()))?;
        }
        Ok(())
    }

    /// About how many buckets each series fills: exactly, but for a calendar's uneven ones.
    fn buckets_to_fill(&self, sub_query: &SubQuery) -> u64 {
        let filled = |downsample: &Downsample| downsample.fill != Fill::None;
        let length = sub_query
            .downsample
            .filter(filled)
            .and_then(Downsample::nominal_millis);
        let range = self.query.end.millis() - self.query.start.millis();
        length.map_or(0, |length| {
            u64::try_from(range / length).unwrap_or_default()
        })
    }

    /// A group of one series leaves as it is read.
    fn lone(&mut self, plan: &Plan<'_>, found: &[SelectedSeries], unit: Unit) -> Answer<(), S, K> {
        let samples = self.budget.samples();
        let mut out = Emission::new(self.sink, plan.sub_query);
        let mut lone = Lone::new(plan.manner);
        let points = &mut self.points;
        self.pipe
            .read(&*self.source, plan, unit, &mut self.budget, |batch, _| {
                points.clear();
                lone.push(batch, points);
                out.points(points, || Labels::of(found, [unit.series()]))
            })?;
        points.clear();
        lone.finish(points);
        out.points(points, || Labels::of(found, [unit.series()]))?;
        let cost = out.end(1, self.budget.samples() - samples)?;
        self.add(cost);
        Ok(())
    }

    fn merged(
        &mut self,
        plan: &Plan<'_>,
        found: &[SelectedSeries],
        group: &Group,
    ) -> Answer<(), S, K> {
        let samples = self.budget.samples();
        let mut merge = self.empty_merge(plan);
        let mut with_points = self.read_group(plan, group, &mut merge)?;
        if merge.wants_second_reading() {
            with_points = self.read_group(plan, group, &mut merge)?;
        }
        let labels = Labels::of(found, with_points.iter().copied());
        let mut out = Emission::new(self.sink, plan.sub_query);
        let mut at = 0;
        while merge.next_points(&mut at, &mut self.points) {
            self.budget.check()?;
            out.points(&self.points, || labels.clone())?;
        }
        let cost = out.end(with_points.len(), self.budget.samples() - samples)?;
        self.add(cost);
        Ok(())
    }

    /// Reads all series of a group into a merge. Which of them had a sample in the window.
    fn read_group(
        &mut self,
        plan: &Plan<'_>,
        group: &Group,
        merge: &mut Merge,
    ) -> Answer<Vec<usize>, S, K> {
        let mut with_points = Vec::new();
        for unit in &group.units {
            let has_points = self.pipe.read(
                &*self.source,
                plan,
                *unit,
                &mut self.budget,
                |batch, budget| {
                    merge.push(batch);
                    budget
                        .check_bytes(merge.bytes())
                        .map_err(RunError::Exceeded)
                },
            )?;
            merge.end_series();
            if has_points {
                with_points.push(unit.series());
            }
        }
        Ok(with_points)
    }

    /// With a place for each bucket, if there are not too many.
    fn empty_merge(&self, plan: &Plan<'_>) -> Merge {
        let (start, end) = plan.manner.range;
        let Some(Cut::Fixed(span)) = plan.downsample.map(|downsample| downsample.cut) else {
            return Merge::new(plan.manner);
        };
        let length = span.millis();
        let first = start.saturating_add((-start).rem_euclid(length));
        let count = (end - first).div_euclid(length) + 1;
        let bytes = usize::try_from(count).map_or(0, |count| count.saturating_mul(SLOT_BYTES));
        if count > GRID_MAX || self.budget.check_bytes(bytes).is_err() {
            return Merge::new(plan.manner);
        }
        let times = (0..count).map(|at| first + at * length).collect();
        Merge::with_grid(plan.manner, times)
    }

    fn add(&mut self, cost: Cost) {
        self.cost.points += cost.points;
        self.cost.results += cost.results;
    }
}
