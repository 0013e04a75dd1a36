//! Samples out, in order: one series after another, each in order of time, later writes in place of earlier ones.
//!
//! ```text
//!   Snapshot (taken under the append lock)          per series and day
//!   ├─ disk blocks of the version           ──┐
//!   ├─ encoded sealed parts                 ──┼──>  MergedRows  ──> rows, ascending, each time once
//!   └─ unsorted parts and active rows       ──┘      (last source wins)
//! ```
//!
//! Blocks are read ahead for some series at a time, in their own order (`read_ahead`).
//!
//! A scan sees everything that was acknowledged before it began and nothing that was not durable then. It
//! holds one chunk per source in memory, and the selected rows of the unsorted memtable.

pub(crate) mod copies;
pub mod latest;
pub(crate) mod merge;
pub(crate) mod read_ahead;
pub mod snapshot;
pub mod window;

use penstock_model::{Day, SeriesIdentity, Timestamp};
use roaring::RoaringBitmap;

use self::copies::CopiedRows;
use self::merge::{MergedRows, RowSource};
use self::read_ahead::{Range, ReadAhead};
use self::snapshot::Snapshot;
use self::window::rows_of;
use crate::error::StoreError;
use crate::row::{Row, SeriesId};
use crate::tombstone::HiddenRanges;

/// Some series of a tenant between two moments. Made by [`Store::scan`](crate::store::Store::scan).
#[derive(Debug)]
pub struct Scan {
    snapshot: Snapshot,
    /// In the order of their keys.
    series: Vec<SeriesId>,
    /// How many of them have been handed out or passed over.
    done: usize,
    /// How many of them have been read ahead.
    read: usize,
    ahead: ReadAhead,
    range: Range,
    /// Rows that no block has yet, sorted by series and time.
    unsorted: CopiedRows,
}

/// One series of a [`Scan`].
#[derive(Debug)]
pub struct SeriesCursor<'a> {
    identity: SeriesIdentity,
    scan: &'a Scan,
    rows: SeriesRows<'a>,
}

/// Where the rows of a series come from.
#[derive(Debug)]
enum SeriesRows<'a> {
    /// All that blocks and the unsorted memtable have, merged already.
    Ready(Vec<Row>),
    /// Day after day, a chunk of each block at a time.
    Days {
        series: SeriesId,
        days: std::collections::btree_set::IntoIter<Day>,
        open: Option<MergedRows<'a>>,
    },
}

impl Scan {
    pub(crate) fn new(
        snapshot: Snapshot,
        series: Vec<SeriesId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, StoreError> {
        let wanted: RoaringBitmap = series.iter().map(|series| series.0).collect();
        let range = Range {
            from: from.millis(),
            to: to.millis(),
        };
        let unsorted = snapshot.unsorted_rows(&wanted, range.from, range.to)?;
        let ahead = ReadAhead::new();
        Ok(Self {
            snapshot,
            series,
            done: 0,
            read: 0,
            ahead,
            range,
            unsorted,
        })
    }

    /// The next series that has samples in the range, in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError`] if a block is damaged or cannot be read: what came before is right, nothing after it is
    /// known.
    pub fn next_series(&mut self) -> Result<Option<SeriesCursor<'_>>, StoreError> {
        while let Some(series) = self.series.get(self.done).copied() {
            if self.done >= self.read {
                let upcoming = self.series.get(self.done..).unwrap_or_default();
                self.read = self.done.saturating_add(self.ahead.fill(
                    &self.snapshot,
                    upcoming,
                    self.range,
                )?);
            }
            self.done = self.done.saturating_add(1);
            let ready = match self.ahead.take(series) {
                Some(rows) => Some(self.with_unsorted(rows, series)?),
                None => None,
            };
            if ready.as_ref().is_none_or(|rows| !rows.is_empty()) {
                return self.cursor(series, ready).map(Some);
            }
        }
        Ok(None)
    }

    fn cursor(
        &self,
        series: SeriesId,
        ready: Option<Vec<Row>>,
    ) -> Result<SeriesCursor<'_>, StoreError> {
        let identity = self.snapshot.identity(series)?;
        let rows = ready.map_or_else(|| self.day_by_day(series), SeriesRows::Ready);
        Ok(SeriesCursor {
            identity,
            scan: self,
            rows,
        })
    }

    fn day_by_day(&self, series: SeriesId) -> SeriesRows<'_> {
        let mut days = self
            .snapshot
            .days_of(series, self.range.from, self.range.to);
        days.extend(
            self.unsorted_of(series)
                .iter()
                .map(|row| row.timestamp().day()),
        );
        SeriesRows::Days {
            series,
            days: days.into_iter(),
            open: None,
        }
    }

    /// The rows of the unsorted memtable are the newest: they win.
    fn with_unsorted(&self, rows: Vec<Row>, series: SeriesId) -> Result<Vec<Row>, StoreError> {
        let unsorted = self.unsorted_of(series);
        if unsorted.is_empty() {
            return Ok(rows);
        }
        let mut merged = MergedRows::default();
        let Range { from, to } = self.range;
        merged.add(RowSource::Rows(&rows), HiddenRanges::default(), from, to);
        merged.add(RowSource::Rows(unsorted), HiddenRanges::default(), from, to);
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        while merged.next_batch(&mut batch)? {
            all.append(&mut batch);
        }
        Ok(all)
    }

    fn unsorted_of(&self, series: SeriesId) -> &[Row] {
        rows_of(&self.unsorted, series)
    }
}

impl SeriesCursor<'_> {
    /// Whose samples these are.
    pub const fn identity(&self) -> &SeriesIdentity {
        &self.identity
    }

    /// Puts the next samples into `out`, in order of time, in place of what it holds: some thousands at
    /// most, but for what a burst has left in memory. False at the end.
    ///
    /// # Errors
    /// As [`Scan::next_series`].
    pub fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, StoreError> {
        out.clear();
        match &mut self.rows {
            SeriesRows::Ready(rows) => {
                std::mem::swap(out, rows);
                Ok(!out.is_empty())
            }
            SeriesRows::Days { series, days, open } => loop {
                if let Some(merged) = open
                    && merged.next_batch(out)?
                {
                    return Ok(true);
                }
                let Some(day) = days.next() else {
                    return Ok(false);
                };
                let Range { from, to } = self.scan.range.within(day);
                let rows = self.scan.unsorted_of(*series);
                let start = rows.partition_point(|row| row.time < from);
                let end = rows.partition_point(|row| row.time <= to);
                let unsorted = rows.get(start..end).unwrap_or_default();
                *open = Some(self.scan.snapshot.open(*series, day, from, to, unsorted)?);
            },
        }
    }
}
