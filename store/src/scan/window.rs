//! Some series between two moments, opened one by one in any order, as often as need be and several at once.
//!
//! A [`Scan`](super::Scan) goes through its series once, in the order of their keys. Here the reader decides.

use std::collections::btree_set;
use std::sync::Arc;

use penstock_model::{Day, Timestamp};

use super::merge::MergedRows;
use super::read_ahead::Range;
use super::snapshot::Snapshot;
use crate::error::StoreError;
use crate::row::{Row, SeriesId};
use crate::series::Selection;

/// Series of a [`Snapshot`] that have samples between two moments, in the order in which blocks have them.
#[derive(Debug)]
pub struct Window {
    snapshot: Arc<Snapshot>,
    series: Vec<SeriesId>,
    range: Range,
    /// Rows that no block has yet, sorted by series and time.
    unsorted: Vec<Row>,
}

/// The samples of one series of a [`Window`], in order of time.
#[derive(Debug)]
pub struct WindowRows<'a> {
    window: &'a Window,
    series: SeriesId,
    days: btree_set::IntoIter<Day>,
    open: Option<MergedRows<'a>>,
}

impl Window {
    /// Finds the series of a selection that have samples from `from` to `to`, both included; no more than `most` of
    /// them.
    ///
    /// # Errors
    /// [`StoreError`] if the store's files contradict each other.
    pub fn new(
        snapshot: Arc<Snapshot>,
        selection: &Selection,
        (from, to): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Self, StoreError> {
        let range = Range {
            from: from.millis(),
            to: to.millis(),
        };
        let mut wanted = snapshot.registry.find(selection);
        let unsorted = snapshot.unsorted_rows(&wanted, range.from, range.to);
        wanted &= snapshot.present(range, &unsorted);
        let series: Vec<SeriesId> = wanted.iter().take(most).map(SeriesId).collect();
        let order = snapshot.block_order(&series)?;
        let series = order.into_iter().map(|(_, series)| series).collect();
        Ok(Self {
            snapshot,
            series,
            range,
            unsorted,
        })
    }

    /// The series; [`Window::open`] takes their places.
    pub fn series(&self) -> &[SeriesId] {
        &self.series
    }

    /// The samples of the series at a place, from the first on; none for a place where there is no series.
    ///
    /// # Errors
    /// [`StoreError`] if a block is damaged or cannot be read.
    pub fn open(&self, place: usize) -> Result<WindowRows<'_>, StoreError> {
        let series = self.series.get(place).copied();
        let Range { from, to } = self.range;
        let mut days = series.map_or_else(Default::default, |series| {
            self.snapshot.days_of(series, from, to)
        });
        let series = series.unwrap_or(SeriesId(u32::MAX));
        let unsorted = self.unsorted_of(series);
        days.extend(unsorted.iter().map(|row| row.timestamp().day()));
        Ok(WindowRows {
            window: self,
            series,
            days: days.into_iter(),
            open: None,
        })
    }

    fn unsorted_of(&self, series: SeriesId) -> &[Row] {
        rows_of(&self.unsorted, series)
    }
}

impl WindowRows<'_> {
    /// Puts the next samples into `out`, in place of what it holds: some thousands at most, but for what a burst has
    /// left in memory. False at the end.
    ///
    /// # Errors
    /// As [`Window::open`].
    pub fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, StoreError> {
        loop {
            if let Some(merged) = &mut self.open
                && merged.next_batch(out)?
            {
                return Ok(true);
            }
            let Some(day) = self.days.next() else {
                return Ok(false);
            };
            let Range { from, to } = self.window.range.within(day);
            let rows = self.window.unsorted_of(self.series);
            let start = rows.partition_point(|row| row.time < from);
            let end = rows.partition_point(|row| row.time <= to);
            let unsorted = rows.get(start..end).unwrap_or_default();
            let snapshot = &self.window.snapshot;
            self.open = Some(snapshot.open(self.series, day, from, to, unsorted)?);
        }
    }
}

/// The rows of one series among rows that are sorted by series.
pub(super) fn rows_of(rows: &[Row], series: SeriesId) -> &[Row] {
    let start = rows.partition_point(|row| row.series < series);
    let rest = rows.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|row| row.series == series))
        .unwrap_or_default()
}
