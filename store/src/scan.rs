//! Samples out, in order: one series after another, each in order of time, later writes in place of earlier ones.
//!
//! ```text
//!   Snapshot (taken under the append lock)          per series and day
//!   ├─ disk blocks of the version           ──┐
//!   ├─ encoded sealed parts                 ──┼──>  MergedRows  ──> rows, ascending, each time once
//!   └─ unsorted parts and active rows       ──┘      (last source wins)
//! ```
//!
//! A scan sees everything that was acknowledged before it began and nothing that was not durable then. It
//! holds one chunk per source in memory, and the selected rows of the unsorted memtable.

pub(crate) mod merge;
pub(crate) mod snapshot;

use std::collections::BTreeSet;

use penstock_model::{Day, SeriesIdentity, Timestamp};
use roaring::RoaringBitmap;

use self::merge::MergedRows;
use self::snapshot::Snapshot;
use crate::error::StoreError;
use crate::row::{Row, SeriesId};
use crate::series::{SeriesRegistry, UnknownSeries};

/// Some series of a tenant between two moments. Made by [`Store::scan`](crate::store::Store::scan).
#[derive(Debug)]
pub struct Scan {
    snapshot: Snapshot,
    registry: std::sync::Arc<SeriesRegistry>,
    /// In the order of their keys.
    series: std::vec::IntoIter<SeriesId>,
    from: i64,
    to: i64,
    /// Rows that no block has yet, sorted by series and time.
    unsorted: Vec<Row>,
}

/// One series of a [`Scan`].
#[derive(Debug)]
pub struct SeriesCursor<'a> {
    identity: SeriesIdentity,
    series: SeriesId,
    scan: &'a Scan,
    days: std::collections::btree_set::IntoIter<Day>,
    open: Option<MergedRows<'a>>,
}

impl Scan {
    pub(crate) fn new(
        snapshot: Snapshot,
        registry: std::sync::Arc<SeriesRegistry>,
        series: Vec<SeriesId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Self {
        let wanted: RoaringBitmap = series.iter().map(|series| series.0).collect();
        let (from, to) = (from.millis(), to.millis());
        let unsorted = snapshot.unsorted_rows(&wanted, from, to);
        Self {
            snapshot,
            registry,
            series: series.into_iter(),
            from,
            to,
            unsorted,
        }
    }

    /// The next series that may have samples in the range, in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError`] if the registry's own bytes are damaged.
    pub fn next_series(&mut self) -> Result<Option<SeriesCursor<'_>>, StoreError> {
        let Some((series, days)) = self.next_with_days() else {
            return Ok(None);
        };
        let key = self.registry.key(series).ok_or(UnknownSeries(series))?;
        let identity = key.decode().map_err(|_| UnknownSeries(series))?;
        Ok(Some(SeriesCursor {
            identity,
            series,
            scan: self,
            days: days.into_iter(),
            open: None,
        }))
    }

    fn next_with_days(&mut self) -> Option<(SeriesId, BTreeSet<Day>)> {
        loop {
            let series = self.series.next()?;
            let mut days = self.snapshot.days_of(series, self.from, self.to);
            days.extend(
                self.unsorted_of(series)
                    .iter()
                    .map(|row| row.timestamp().day()),
            );
            if !days.is_empty() {
                return Some((series, days));
            }
        }
    }

    fn unsorted_of(&self, series: SeriesId) -> &[Row] {
        let start = self.unsorted.partition_point(|row| row.series < series);
        let rest = self.unsorted.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|row| row.series == series))
            .unwrap_or_default()
    }
}

impl SeriesCursor<'_> {
    /// Whose samples these are.
    pub const fn identity(&self) -> &SeriesIdentity {
        &self.identity
    }

    /// Puts the next samples into `out`, in order of time, in place of what it holds: some thousands at
    /// most. False at the end.
    ///
    /// # Errors
    /// [`StoreError`] if a block is damaged or cannot be read: what came before is right, nothing after it is
    /// known.
    pub fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, StoreError> {
        loop {
            if let Some(merged) = &mut self.open
                && merged.next_batch(out)?
            {
                return Ok(true);
            }
            let Some(day) = self.days.next() else {
                out.clear();
                return Ok(false);
            };
            let from = self.scan.from.max(day.start().millis());
            let to = self.scan.to.min(day.end().millis());
            let rows = self.scan.unsorted_of(self.series);
            let start = rows.partition_point(|row| row.time < from);
            let end = rows.partition_point(|row| row.time <= to);
            let unsorted = rows.get(start..end).unwrap_or_default();
            self.open = Some(
                self.scan
                    .snapshot
                    .open(self.series, day, from, to, unsorted)?,
            );
        }
    }
}
