//! The rows of one series: chunk after chunk, merged where chunks overlap.
//!
//! ```text
//!   chunks by first row    ├──1──┤ ├──2──┤        ├──5──┤
//!                                     ├──3──┤
//!   unsorted rows            . .          . . .
//!   runs                   └─────┘ └────────┘     └─────┘    a run of one chunk needs no merge
//! ```

use std::ops::Range as Places;
use std::sync::Arc;

use super::Window;
use super::gather::{Found, Gathered};
use crate::block::{BlockError, PackedChunk};
use crate::error::StoreError;
use crate::row::{Row, SeriesId};
use crate::scan::merge::{MergedRows, RowSource};
use crate::tombstone::HiddenRanges;

/// Unsorted rows that are handed out at once where no chunk is.
const BATCH_ROWS: usize = 4_096;

/// The samples of one series of a [`Window`], in order of time.
#[derive(Debug)]
pub struct WindowRows<'a> {
    window: &'a Window,
    series: SeriesId,
    gathered: Arc<Gathered>,
    /// The next of the series' chunks.
    next: usize,
    /// What is left of the rows that no block has.
    unsorted: &'a [Row],
    merged: Option<MergedRows<'a>>,
}

/// Chunks of one block that are unpacked when their turn comes.
pub(crate) struct PackedLane<'a> {
    window: &'a Window,
    gathered: Arc<Gathered>,
    source: usize,
    chunks: std::vec::IntoIter<PackedChunk>,
}

impl PackedLane<'_> {
    /// Appends the rows of the next chunk to `out`.
    pub(crate) fn next_chunk(&mut self, out: &mut Vec<Row>) -> Result<bool, BlockError> {
        let Some(chunk) = self.chunks.next() else {
            return Ok(false);
        };
        let found = Found {
            source: self.source,
            chunk,
        };
        self.window.unpack(&self.gathered, &found, out)?;
        Ok(true)
    }
}

impl<'a> WindowRows<'a> {
    pub(super) fn new(window: &'a Window, series: SeriesId, gathered: Arc<Gathered>) -> Self {
        Self {
            window,
            series,
            gathered,
            next: 0,
            unsorted: window.unsorted_of(series),
            merged: None,
        }
    }

    /// Puts the next samples into `out`, in place of what it holds: some thousands at most, but for what a burst has
    /// left in memory. False at the end.
    ///
    /// # Errors
    /// [`StoreError`] if a block is damaged or cannot be read.
    pub fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, StoreError> {
        loop {
            if let Some(merged) = &mut self.merged {
                if merged.next_batch(out)? {
                    return Ok(true);
                }
                self.merged = None;
            }
            let (run, bound) = self.next_run();
            self.next = run.end;
            let split = self.unsorted.partition_point(|row| row.time < bound);
            let unsorted = self.unsorted.get(..split).unwrap_or_default();
            let chunks = self.chunks().get(run).unwrap_or_default();
            out.clear();
            match (chunks, unsorted) {
                ([], []) => return Ok(false),
                ([], rows) => {
                    let rows = rows.get(..BATCH_ROWS).unwrap_or(rows);
                    out.extend_from_slice(rows);
                    self.take_unsorted(rows.len());
                    return Ok(true);
                }
                ([found], []) => {
                    let found = *found;
                    self.read_alone(&found, out)?;
                    if !out.is_empty() {
                        return Ok(true);
                    }
                }
                (chunks, rows) => {
                    let merged = self.merge(chunks, rows);
                    self.take_unsorted(split);
                    self.merged = Some(merged);
                }
            }
        }
    }

    /// The last sample of all; only what may hold it is unpacked.
    ///
    /// # Errors
    /// As [`WindowRows::next_batch`].
    pub fn last(mut self) -> Result<Option<Row>, StoreError> {
        let unsorted = self.unsorted;
        let newest = unsorted.last().copied();
        let mut starts = Vec::new();
        self.next = 0;
        loop {
            let (run, _) = self.next_run();
            if run.is_empty() {
                break;
            }
            starts.push(run.start);
            self.next = run.end;
        }
        let ends = self.chunks().iter().map(|found| found.chunk.times().1);
        if newest.is_some_and(|row| ends.max().is_none_or(|end| row.time >= end)) {
            return Ok(newest);
        }
        let mut batch = Vec::new();
        // All rows of a run may be deleted: then the one before has the last.
        for start in starts.into_iter().rev() {
            let first = self
                .chunks()
                .get(start)
                .map_or(i64::MIN, |found| found.chunk.times().0);
            let later = unsorted.partition_point(|row| row.time < first);
            (self.next, self.merged) = (start, None);
            self.unsorted = unsorted.get(later..).unwrap_or_default();
            let mut last = None;
            while self.next_batch(&mut batch)? {
                last = batch.last().copied();
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(newest)
    }

    fn chunks(&self) -> &[Found] {
        self.gathered.chunks(self.series).unwrap_or_default()
    }

    /// The next chunks that overlap one another, and the first moment behind them that is another run's.
    fn next_run(&self) -> (Places<usize>, i64) {
        let chunks = self.chunks();
        let start = self.next;
        let Some(first) = chunks.get(start) else {
            return (start..start, i64::MAX);
        };
        let (_, mut end) = first.chunk.times();
        let mut at = start;
        loop {
            at = at.saturating_add(1);
            match chunks.get(at).map(|found| found.chunk.times()) {
                Some((begins, ends)) if begins <= end => end = end.max(ends),
                Some((begins, _)) => return (start..at, begins),
                None => return (start..at, i64::MAX),
            }
        }
    }

    fn take_unsorted(&mut self, rows: usize) {
        self.unsorted = self.unsorted.get(rows..).unwrap_or_default();
    }

    /// The rows of a chunk that overlaps no other.
    fn read_alone(&self, found: &Found, out: &mut Vec<Row>) -> Result<(), StoreError> {
        self.window.unpack(&self.gathered, found, out)?;
        let range = self.window.range;
        let end = out.partition_point(|row| row.time <= range.to);
        out.truncate(end);
        let start = out.partition_point(|row| row.time < range.from);
        out.drain(..start);
        self.hidden(found.source).apply(out);
        Ok(())
    }

    /// A lane for each source, older first; the unsorted rows are the newest.
    fn merge(&self, chunks: &[Found], unsorted: &'a [Row]) -> MergedRows<'a> {
        let mut chunks = chunks.to_vec();
        chunks.sort_by_key(|found| (found.source, found.chunk.times()));
        let range = self.window.range;
        let mut merged = MergedRows::default();
        for lane in chunks.chunk_by(|a, b| a.source == b.source) {
            let Some(first) = lane.first() else { continue };
            let packed = PackedLane {
                window: self.window,
                gathered: Arc::clone(&self.gathered),
                source: first.source,
                chunks: lane
                    .iter()
                    .map(|found| found.chunk)
                    .collect::<Vec<_>>()
                    .into_iter(),
            };
            let hidden = self.hidden(first.source);
            merged.add(
                RowSource::Packed(Box::new(packed)),
                hidden,
                range.from,
                range.to,
            );
        }
        if !unsorted.is_empty() {
            // Hidden rows were left out when they were selected.
            let hidden = HiddenRanges::default();
            merged.add(RowSource::Rows(unsorted), hidden, range.from, range.to);
        }
        merged
    }

    fn hidden(&self, source: usize) -> HiddenRanges {
        self.window.hidden(self.series, source)
    }
}
