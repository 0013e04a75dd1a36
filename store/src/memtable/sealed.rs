//! A sealed part: first rows in the order of the log, then sorted in-memory blocks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use penstock_model::Day;

use super::order::keep_last_of_equal_times;
use super::page::Page;
use super::view::{RecordMarks, RowsView, Span};
use crate::block::{Block, BlockBuilder, BlockMeta, BlockSource};
use crate::chunk::Packing;
use crate::error::StoreError;
use crate::row::{MetricId, Row, Sequence, SeriesId};
use crate::series::{SeriesRegistry, UnknownSeries};

/// Rows swapped out of the active ones, not yet sorted.
#[derive(Debug)]
pub(crate) struct UnsortedPart {
    span: Span,
    rows: usize,
    pages: Vec<Arc<Page>>,
    marks: RecordMarks,
}

impl UnsortedPart {
    pub(crate) fn new(span: Span, pages: Vec<Arc<Page>>, marks: RecordMarks) -> Self {
        Self {
            span,
            rows: pages.iter().map(|page| page.len()).sum(),
            pages,
            marks,
        }
    }

    /// Its sequences and receive times.
    pub(crate) const fn span(&self) -> Span {
        self.span
    }

    /// How many rows it has.
    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    /// The rows of records up to `durable`.
    pub(crate) fn view(&self, durable: Sequence) -> RowsView {
        RowsView::new(self.pages.clone(), self.marks.rows_up_to(durable))
    }

    /// Sorts the rows by metric, series and time and encodes them, a block a day.
    ///
    /// One counting sort by series; within a series rows are nearly always in order of time already.
    pub(crate) fn encode(&self, registry: &SeriesRegistry) -> Result<EncodedPart, StoreError> {
        let mut sorter = SeriesSorter::new(&self.pages, registry)?;
        let mut days = DayBlocks {
            span: self.span,
            builders: BTreeMap::new(),
        };
        for at in 0..sorter.order.len() {
            let Some((metric, rows)) = sorter.series_rows(at) else {
                continue;
            };
            days.push(metric, rows)?;
        }
        days.finish(registry)
    }
}

/// A sealed part as in-memory blocks. Everything in it is durable.
#[derive(Debug)]
pub(crate) struct EncodedPart {
    pub(crate) span: Span,
    pub(crate) blocks: BTreeMap<Day, Arc<Block>>,
    pub(crate) bytes: usize,
}

/// The rows of a part, gathered by series.
struct SeriesSorter {
    /// The series that occur, in block order, with the number of their rows.
    order: Vec<(MetricId, SeriesId, u32)>,
    /// All rows, series after series in that order.
    rows: Vec<Row>,
    taken: usize,
    scratch: Vec<Row>,
}

impl SeriesSorter {
    fn new(pages: &[Arc<Page>], registry: &SeriesRegistry) -> Result<Self, UnknownSeries> {
        let mut counts: Vec<u32> = Vec::new();
        for row in pages.iter().flat_map(|page| page.iter()) {
            let at = row.series.0 as usize;
            if at >= counts.len() {
                counts.resize(at.saturating_add(1), 0);
            }
            if let Some(count) = counts.get_mut(at) {
                *count = count.saturating_add(1);
            }
        }
        let mut order = Vec::new();
        let (mut series, mut metrics) = (Vec::new(), Vec::new());
        for (id, count) in (0u32..).zip(&counts).filter(|(_, count)| **count > 0) {
            series.push(SeriesId(id));
            order.push((MetricId(0), SeriesId(id), *count));
        }
        registry.metrics_of(&series, &mut metrics)?;
        for (place, metric) in order.iter_mut().zip(metrics) {
            place.0 = metric;
        }
        order.sort_unstable_by_key(|(metric, series, _)| (*metric, *series));
        // From here on `counts` says where the next row of a series goes.
        let mut next = 0u32;
        for (_, series, count) in &order {
            if let Some(slot) = counts.get_mut(series.0 as usize) {
                *slot = next;
            }
            next = next.saturating_add(*count);
        }
        let Some(filler) = pages.first().and_then(|page| page.first()) else {
            return Ok(Self {
                order: Vec::new(),
                rows: Vec::new(),
                taken: 0,
                scratch: Vec::new(),
            });
        };
        let mut rows = vec![*filler; next as usize];
        for row in pages.iter().flat_map(|page| page.iter()) {
            if let Some(slot) = counts.get_mut(row.series.0 as usize) {
                if let Some(place) = rows.get_mut(*slot as usize) {
                    *place = *row;
                }
                *slot = slot.saturating_add(1);
            }
        }
        Ok(Self {
            order,
            rows,
            taken: 0,
            scratch: Vec::new(),
        })
    }

    /// The rows of the series at this place of the order, ascending in time, each time once.
    fn series_rows(&mut self, at: usize) -> Option<(MetricId, &[Row])> {
        let (metric, _, count) = *self.order.get(at)?;
        let end = self.taken.saturating_add(count as usize);
        let rows = self.rows.get(self.taken..end)?;
        self.taken = end;
        if rows.is_sorted_by(|a, b| a.time < b.time) {
            return Some((metric, rows));
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(rows);
        self.scratch.sort_by_key(|row| row.time);
        keep_last_of_equal_times(&mut self.scratch);
        Some((metric, &self.scratch))
    }
}

/// A growing in-memory block for each day that the part has rows of.
struct DayBlocks {
    span: Span,
    builders: BTreeMap<Day, BlockBuilder<Vec<u8>>>,
}

impl DayBlocks {
    fn push(&mut self, metric: MetricId, rows: &[Row]) -> Result<(), StoreError> {
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let day = first.timestamp().day();
            let end = day.end().millis();
            let (now, later) = match rest.last() {
                Some(last) if last.time <= end => (rest, &[] as &[Row]),
                _ => rest.split_at(rest.partition_point(|row| row.time <= end)),
            };
            let builder = match self.builders.entry(day) {
                Entry::Occupied(builder) => builder.into_mut(),
                Entry::Vacant(place) => {
                    let meta = block_meta(day, self.span);
                    place.insert(BlockBuilder::new(meta, Packing::Memory, Vec::new())?)
                }
            };
            builder.push(metric, first.series, now)?;
            rest = later;
        }
        Ok(())
    }

    fn finish(self, registry: &SeriesRegistry) -> Result<EncodedPart, StoreError> {
        let mut blocks = BTreeMap::new();
        let mut bytes = 0usize;
        for (day, builder) in self.builders {
            let tenants = registry.tenant_counts(builder.counts());
            let (encoded, _) = builder.finish(tenants)?;
            bytes = bytes.saturating_add(encoded.len());
            let block = Block::open(BlockSource::Memory(Arc::from(encoded)))?;
            blocks.insert(day, Arc::new(block));
        }
        Ok(EncodedPart {
            span: self.span,
            blocks,
            bytes,
        })
    }
}

/// The description of a block that holds rows of these sequences.
pub(crate) const fn block_meta(day: Day, span: Span) -> BlockMeta {
    BlockMeta {
        day,
        first: span.first,
        last: span.last,
        received_first: span.received_first,
        received_last: span.received_last,
        tombstones: span.last,
    }
}
