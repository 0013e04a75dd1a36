//! Everything that a scan reads from, as it was at one moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use penstock_model::{Day, SeriesIdentity, Timestamp};
use roaring::RoaringBitmap;

use super::copies::{CopiedRows, CopyBudget};
use super::merge::{MergedRows, RowSource};
use crate::block::Block;
use crate::error::StoreError;
use crate::memtable::{RowsView, sort_last_wins};
use crate::row::{MetricId, Row, Sequence, SeriesId};
use crate::series::{SeriesRegistry, UnknownSeries};
use crate::store::layers::Layers;
use crate::tombstone::{HiddenRanges, Tombstone};

/// Blocks, parts, rows and tombstones up to one durable sequence. Made by
/// [`Store::snapshot`](crate::store::Store::snapshot).
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) registry: Arc<SeriesRegistry>,
    pub(crate) layers: Arc<Layers>,
    /// Unsorted parts, older first, then the active rows; each with the last sequence it speaks for.
    pub(crate) views: Vec<(Sequence, RowsView)>,
    /// The durable tombstones.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    /// Where copies of those rows are counted.
    pub(crate) copies: CopyBudget,
}

impl Snapshot {
    /// Whose samples those of a series are.
    ///
    /// # Errors
    /// [`StoreError`] if the series is none of this store's.
    pub fn identity(&self, series: SeriesId) -> Result<SeriesIdentity, StoreError> {
        let key = self.registry.key(series).ok_or(UnknownSeries(series))?;
        Ok(key.decode().map_err(|_| UnknownSeries(series))?)
    }

    /// Rows of unsorted parts and of the active rows, hidden ones left out, sorted by series and time.
    ///
    /// # Errors
    /// [`StoreError::CopiesFull`].
    pub(super) fn unsorted_rows(
        &self,
        wanted: &RoaringBitmap,
        from: i64,
        to: i64,
    ) -> Result<CopiedRows, StoreError> {
        let mut room = self.copies.room();
        let mut all = Vec::new();
        let mut views = 0usize;
        for (last, view) in &self.views {
            let before = all.len();
            let mut rows = view.select(wanted, (from, to), |rows| {
                room.for_rows(rows.saturating_add(before))
            })?;
            let newer: Vec<&Arc<Tombstone>> = self
                .tombstones
                .iter()
                .filter(|tombstone| tombstone.sequence > *last)
                .collect();
            if !newer.is_empty() {
                rows.retain(|row| {
                    !newer.iter().any(|tombstone| {
                        (tombstone.from..=tombstone.to).contains(&row.time)
                            && tombstone.series.contains(row.series.0)
                    })
                });
            }
            views = views.saturating_add(usize::from(!rows.is_empty()));
            if all.is_empty() {
                all = rows;
            } else {
                all.append(&mut rows);
            }
        }
        if views > 1 {
            // Older views come first and the sort is stable: the newer row of a time stays.
            room.for_rows(all.len().saturating_mul(2))?;
            sort_last_wins(&mut all);
        }
        CopiedRows::new(all, room)
    }

    /// The days between two moments for which there is a block.
    pub(super) fn days(&self, from: i64, to: i64) -> BTreeSet<Day> {
        let (first, last) = (
            Timestamp::from_millis(from).day(),
            Timestamp::from_millis(to).day(),
        );
        if first > last {
            return BTreeSet::new();
        }
        let on_disk = self.layers.disk.range(first..=last).map(|(day, _)| *day);
        let parts = self.layers.encoded.iter();
        let in_memory = parts.flat_map(|part| part.blocks.range(first..=last).map(|(day, _)| *day));
        on_disk.chain(in_memory).collect()
    }

    /// The days between two moments for which a block has the series.
    pub(super) fn days_of(&self, series: SeriesId, from: i64, to: i64) -> BTreeSet<Day> {
        let mut days = self.days(from, to);
        days.retain(|day| {
            self.blocks_of(*day)
                .any(|(block, _)| block.series().contains(series.0))
        });
        days
    }

    /// The blocks of a day, older first, each with the last sequence that it speaks for.
    pub(super) fn blocks_of(&self, day: Day) -> impl Iterator<Item = (&Block, Sequence)> {
        let on_disk = self.layers.disk.get(&day).into_iter().flatten();
        let in_memory = self.layers.encoded.iter();
        on_disk
            .map(|disk| (&disk.block, disk.entry.last))
            .chain(in_memory.filter_map(move |part| {
                part.blocks
                    .get(&day)
                    .map(|block| (&**block, part.span.last))
            }))
    }

    /// The series in the order in which blocks have them.
    pub(super) fn block_order(
        &self,
        series: &[SeriesId],
    ) -> Result<Vec<(MetricId, SeriesId)>, StoreError> {
        let mut metrics = Vec::with_capacity(series.len());
        self.registry.metrics_of(series, &mut metrics)?;
        let mut order: Vec<_> = metrics.into_iter().zip(series.iter().copied()).collect();
        order.sort_unstable();
        Ok(order)
    }

    /// Opens all sources of one series and day, older first.
    pub(super) fn open<'a>(
        &self,
        series: SeriesId,
        day: Day,
        from: i64,
        to: i64,
        unsorted: &'a [Row],
    ) -> Result<MergedRows<'a>, StoreError> {
        let metric = self.registry.metric(series).ok_or(UnknownSeries(series))?;
        let mut merged = MergedRows::default();
        for (block, last) in self.blocks_of(day) {
            if block.series().contains(series.0) {
                let reader = Box::new(block.read(metric, series, from, to)?);
                let hidden = HiddenRanges::of(&self.tombstones, series, last);
                merged.add(RowSource::Chunks(reader), hidden, from, to);
            }
        }
        if !unsorted.is_empty() {
            // Hidden rows were left out when the views were selected.
            merged.add(RowSource::Rows(unsorted), HiddenRanges::default(), from, to);
        }
        Ok(merged)
    }
}
