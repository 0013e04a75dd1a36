//! The one place where a series gets its id.

use std::io;

use penstock_model::{Day, SeriesKey, TenantId};

use crate::row::{MetricId, Sequence, SeriesId};
use crate::series::budget::SeriesBudget;
use crate::series::matcher::Selection;

/// The ids that will be given next. Ids are never reused, so these only grow; the manifest keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextIds {
    /// The next new series.
    pub series: SeriesId,
    /// The next new (tenant, kind, metric).
    pub metric: MetricId,
}

/// A series as rows and blocks name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The series.
    pub series: SeriesId,
    /// Its (tenant, kind, metric).
    pub metric: MetricId,
}

/// No series has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no series has the id {}", .0.0)]
pub struct UnknownSeries(pub SeriesId);

/// A definition read from disk contradicts one that was read before: the directory is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("series {} of metric {} contradicts another definition: {key:?}", .series.0, .metric.0)]
pub struct SeriesConflict {
    /// The id of the later definition.
    pub series: SeriesId,
    /// Its metric id.
    pub metric: MetricId,
    /// Its key.
    pub key: SeriesKey,
}

/// What one run will hold: which series, in the order of their keys, and the definitions' range of sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunContents {
    /// The series in the order of their keys, never empty.
    pub series: Vec<SeriesId>,
    /// The sequence of the earliest definition.
    pub first: Sequence,
    /// The sequence of the latest definition.
    pub last: Sequence,
}

/// What a run says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// How many definitions it holds.
    pub series: u32,
    /// The sequence of the earliest definition.
    pub first: Sequence,
    /// The sequence of the latest definition.
    pub last: Sequence,
    /// The length of the file.
    pub bytes: u64,
}

/// Every series of the store: keys to ids and back, postings, and who is active today.
///
/// Shared by all threads. Known series and selections only read; the write lock is held for a new series alone.
/// **Lock order: registry, then append**: `define` runs under the write lock, so nobody may call the registry
/// while holding the append lock.
#[derive(Debug)]
pub struct SeriesRegistry {}

#[expect(
    clippy::unimplemented,
    unused_variables,
    reason = "signatures first; bodies follow"
)]
impl SeriesRegistry {
    /// An empty registry. `hash_seed` must be unpredictable: clients choose the keys.
    pub fn new(hash_seed: u64, next: NextIds) -> Self {
        unimplemented!()
    }

    /// The id of a series; a new series is defined first.
    ///
    /// `day` is the UTC day of the point, `today` the current one. The budget is asked if the series is new, or if
    /// `day` is `today` and the series has no point in it yet. `define` gets the ids of a new series and appends
    /// their WAL record before anyone else can know them; it returns the record's sequence.
    ///
    /// # Errors
    /// The budget's refusal.
    pub fn resolve<B: SeriesBudget>(
        &self,
        key: &SeriesKey,
        day: Day,
        today: Day,
        budget: &B,
        define: &mut dyn FnMut(SeriesId, MetricId, &SeriesKey) -> Sequence,
    ) -> Result<Resolved, B::Refusal> {
        unimplemented!()
    }

    /// Takes a definition that replay found in the WAL. The same definition again changes nothing.
    ///
    /// # Errors
    /// [`SeriesConflict`]: do not go on with this directory.
    pub fn insert_replayed(
        &self,
        series: SeriesId,
        metric: MetricId,
        key: &SeriesKey,
        sequence: Sequence,
    ) -> Result<(), SeriesConflict> {
        unimplemented!()
    }

    /// Counts series that have a point in `day` as active, if `day` is `today`; asks no budget. Recovery calls it
    /// with what today's blocks and the WAL hold. Unknown ids are passed over.
    pub fn mark_active(&self, series: impl IntoIterator<Item = SeriesId>, day: Day, today: Day) {
        unimplemented!()
    }

    /// How many series of the tenant have a point in the UTC day `today`.
    pub fn active_series(&self, tenant: TenantId, today: Day) -> u64 {
        unimplemented!()
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        unimplemented!()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        unimplemented!()
    }

    /// The ids that will be given next, for the manifest.
    pub fn next_ids(&self) -> NextIds {
        unimplemented!()
    }

    /// About how many bytes of memory the index takes.
    pub fn memory_bytes(&self) -> usize {
        unimplemented!()
    }

    /// The key of a series.
    pub fn key(&self, series: SeriesId) -> Option<SeriesKey> {
        unimplemented!()
    }

    /// The metric of a series.
    pub fn metric(&self, series: SeriesId) -> Option<MetricId> {
        unimplemented!()
    }

    /// Appends the metric of each series, in their order, under one read lock.
    ///
    /// # Errors
    /// [`UnknownSeries`] names the first id that no series has.
    pub fn metrics_of(
        &self,
        series: &[SeriesId],
        out: &mut Vec<MetricId>,
    ) -> Result<(), UnknownSeries> {
        unimplemented!()
    }

    /// The series that are meant, in the order of their keys. Series defined while it runs may be missing.
    pub fn select(&self, selection: &Selection) -> Vec<SeriesId> {
        unimplemented!()
    }

    /// The series that no run holds, of definitions up to and with `up_to`; `None` if there are none. Write them
    /// with [`SeriesRegistry::write_run`], publish the run, then say so to [`SeriesRegistry::mark_written`].
    pub fn unwritten(&self, up_to: Sequence) -> Option<RunContents> {
        unimplemented!()
    }

    /// Writes the run of `contents` piece by piece, in order; `sink` is a file's `write_all`. Holds the read lock
    /// for short times only.
    ///
    /// # Errors
    /// The sink's error; what has been written so far is worthless then.
    pub fn write_run(
        &self,
        contents: &RunContents,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<RunSummary> {
        unimplemented!()
    }

    /// Forgets that definitions up to and with `up_to` were unwritten: a published run holds them.
    pub fn mark_written(&self, up_to: Sequence) {
        unimplemented!()
    }
}
