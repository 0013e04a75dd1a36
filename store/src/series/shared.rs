//! What the registry's lock guards, and how long readings let writers through.

use std::collections::VecDeque;

use parking_lot::{RwLock, RwLockReadGuard};
use penstock_model::{KeyPieces, SeriesKey};

use crate::row::{MetricId, Sequence, SeriesId};
use crate::series::index::{Index, Standing};
use crate::series::pairs::TenantNumber;
use crate::series::registry::{NextIds, Resolved, SeriesConflict};

/// Everything under the registry's lock.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) index: Index,
    pub(crate) next: NextIds,
    /// Definitions that no run holds, in the order of the log.
    pub(crate) unwritten: VecDeque<(Sequence, SeriesId)>,
}

impl Shared {
    /// The series with this key, and the number of its tenant.
    pub(crate) fn find(&self, key: &SeriesKey) -> Option<(Resolved, TenantNumber)> {
        let index = &self.index;
        let record = index.find(index.hash(key.as_bytes()), key.as_bytes())?;
        let resolved = Resolved {
            series: SeriesId(record.series),
            metric: MetricId(record.metric),
        };
        Some((resolved, index.metric(record.metric)?.tenant))
    }

    /// Adds a series from disk; false if it was there. Posting it is the caller's next step.
    pub(crate) fn insert(
        &mut self,
        series: SeriesId,
        metric: MetricId,
        key: &[u8],
        pieces: KeyPieces<'_>,
    ) -> Result<bool, SeriesConflict> {
        let hash = self.index.hash(key);
        let standing = self.index.standing(series.0, metric.0, hash, key);
        let fits = self.index.metric_fits(metric.0, pieces.metric());
        match standing {
            Standing::Same => Ok(false),
            Standing::Absent if fits => {
                self.add(series, metric, hash, pieces);
                Ok(true)
            }
            Standing::Absent | Standing::Conflict => Err(SeriesConflict {
                series,
                metric,
                key: SeriesKey::from_pieces(pieces.metric(), pieces.pairs()),
            }),
        }
    }

    /// Adds a series that is not there. Posting it is the caller's next step.
    pub(crate) fn add(
        &mut self,
        series: SeriesId,
        metric: MetricId,
        hash: u64,
        pieces: KeyPieces<'_>,
    ) {
        self.index.insert(series.0, metric.0, hash, pieces);
        let (next_series, next_metric) = (series.0.saturating_add(1), metric.0.saturating_add(1));
        self.next.series = self.next.series.max(SeriesId(next_series));
        self.next.metric = self.next.metric.max(MetricId(next_metric));
    }

    /// Where the unwritten definitions above `sequence` begin.
    pub(crate) fn first_unwritten_after(&self, sequence: Sequence) -> usize {
        self.unwritten.partition_point(|(of, _)| *of <= sequence)
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes() + self.unwritten.capacity() * size_of::<(Sequence, SeriesId)>()
    }
}

/// A long reading that lets a waiting writer through after every step, so that a new series never waits for
/// a big selection. What has been read before a step may have grown after it; nothing has moved or gone.
#[derive(Debug)]
pub(crate) struct Steps<'a>(RwLockReadGuard<'a, Shared>);

impl<'a> Steps<'a> {
    /// How many things to look at in one step: some ten microseconds' worth.
    pub(crate) const SIZE: usize = 128;

    pub(crate) fn new(lock: &'a RwLock<Shared>) -> Self {
        Self(lock.read())
    }

    /// The state for one step.
    pub(crate) fn next(&mut self) -> &Shared {
        RwLockReadGuard::bump(&mut self.0);
        &self.0
    }

    /// Does something long that needs nothing under the lock.
    pub(crate) fn aside<R>(&mut self, work: impl FnOnce() -> R) -> R {
        RwLockReadGuard::unlocked(&mut self.0, work)
    }
}
