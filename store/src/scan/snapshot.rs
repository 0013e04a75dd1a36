//! Everything that a scan reads from, as it was at one moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use penstock_model::{Day, Timestamp};
use roaring::RoaringBitmap;

use super::merge::{MergedRows, RowSource};
use crate::block::Block;
use crate::error::StoreError;
use crate::memtable::active::sort_last_wins;
use crate::memtable::{EncodedPart, RowsView};
use crate::row::{MetricId, Row, Sequence, SeriesId};
use crate::series::{SeriesRegistry, UnknownSeries};
use crate::store::layers::Layers;
use crate::tombstone::{HiddenRanges, Tombstone};

/// Blocks, parts, rows and tombstones up to one durable sequence.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) registry: Arc<SeriesRegistry>,
    pub(crate) layers: Arc<Layers>,
    /// Unsorted parts, older first, then the active rows; each with the last sequence it speaks for.
    pub(crate) views: Vec<(Sequence, RowsView)>,
    /// The durable tombstones.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
}

impl Snapshot {
    /// Rows of unsorted parts and of the active rows, hidden ones left out, sorted by series and time.
    pub(super) fn unsorted_rows(&self, wanted: &RoaringBitmap, from: i64, to: i64) -> Vec<Row> {
        let mut all = Vec::new();
        for (last, view) in &self.views {
            let mut rows = view.select(wanted, from, to);
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
            all.append(&mut rows);
        }
        if self.views.len() > 1 {
            // Older views come first and the sort is stable: the newer row of a time stays.
            sort_last_wins(&mut all);
        }
        all
    }

    /// The days between two moments for which a block has the series.
    pub(super) fn days_of(&self, series: SeriesId, from: i64, to: i64) -> BTreeSet<Day> {
        let (first, last) = (
            Timestamp::from_millis(from).day(),
            Timestamp::from_millis(to).day(),
        );
        if first > last {
            return BTreeSet::new();
        }
        let on_disk = self
            .layers
            .disk
            .range(first..=last)
            .flat_map(|(day, blocks)| {
                blocks
                    .iter()
                    .filter(|b| b.block.series().contains(series.0))
                    .map(|_| *day)
            });
        let in_memory = self.layers.encoded.iter().flat_map(|part| {
            let days = part.blocks.range(first..=last);
            days.filter(|(_, block)| block.series().contains(series.0))
                .map(|(day, _)| *day)
        });
        on_disk.chain(in_memory).collect()
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
        let mut add = |block: &Block, last: Sequence| {
            self.add(&mut merged, block, last, (metric, series), from, to)
        };
        for disk in self.layers.disk.get(&day).into_iter().flatten() {
            add(&disk.block, disk.entry.last)?;
        }
        for part in &self.layers.encoded {
            let EncodedPart { span, blocks, .. } = &**part;
            if let Some(block) = blocks.get(&day) {
                add(block, span.last)?;
            }
        }
        if !unsorted.is_empty() {
            // Hidden rows were left out when the views were selected.
            merged.add(RowSource::Rows(unsorted), HiddenRanges::default(), from, to);
        }
        Ok(merged)
    }

    fn add(
        &self,
        merged: &mut MergedRows<'_>,
        block: &Block,
        last: Sequence,
        (metric, series): (MetricId, SeriesId),
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        if block.series().contains(series.0) {
            let reader = block.read(metric, series, from, to)?;
            merged.add(
                RowSource::Chunks(Box::new(reader)),
                HiddenRanges::of(&self.tombstones, series, last),
                from,
                to,
            );
        }
        Ok(())
    }
}
