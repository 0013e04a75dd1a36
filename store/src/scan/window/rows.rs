//! The rows of one series: chunk after chunk, merged where chunks overlap.
//!
//! ```text
//!   chunks by first row    ├──1──┤ ├──2──┤        ├──5──┤
//!                                     ├──3──┤
//!   unsorted rows            . .          . . .
//!   runs                   └─────┘ └────────┘     └─────┘    a run of one chunk needs no merge
//! ```

use std::ops;
use std::sync::Arc;

use super::Window;
use super::gather::{Found, Gathered};
use crate::block::{BlockError, PackedChunk};
use crate::error::StoreError;
use crate::row::{Row, SeriesId};
use crate::scan::merge::{MergedRows, RowSource};
use crate::scan::read_ahead::Range;
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
    /// All rows of it that no block has.
    newest: &'a [Row],
    /// What is left of them.
    unsorted: &'a [Row],
    /// What is handed out.
    range: Range,
    /// Nothing has been yet.
    is_empty: bool,
    merged: Option<MergedRows<'a>>,
}

/// Chunks that overlap one another, and the times of their first and last row.
struct Run {
    places: ops::Range<usize>,
    first: i64,
    last: i64,
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
        let range = self.window.range;
        self.window.unpack(&self.gathered, &found, range, out)?;
        Ok(true)
    }
}

impl<'a> WindowRows<'a> {
    pub(super) fn new(
        window: &'a Window,
        series: SeriesId,
        newest: &'a [Row],
        gathered: Arc<Gathered>,
    ) -> Self {
        let mut rows = Self {
            window,
            series,
            gathered,
            next: 0,
            newest,
            unsorted: newest,
            range: window.range,
            is_empty: true,
            merged: None,
        };
        rows.begin(window.needed);
        rows
    }

    fn begin(&mut self, range: Range) {
        self.next = 0;
        self.merged = None;
        self.range = range;
        let end = self.newest.partition_point(|row| row.time <= range.to);
        let start = self.newest.partition_point(|row| row.time < range.from);
        self.unsorted = self.newest.get(start..end).unwrap_or_default();
    }

    /// Puts the next samples into `out`, in place of what it holds: some thousands at most, but for what a burst has
    /// left in memory. False at the end.
    ///
    /// # Errors
    /// [`StoreError`] if a block is damaged or cannot be read.
    pub fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, StoreError> {
        loop {
            if self.next_rows(out)? {
                self.is_empty = false;
                return Ok(true);
            }
            if !self.is_empty || self.range == self.window.range {
                return Ok(false);
            }
            self.begin(self.window.range);
        }
    }

    fn next_rows(&mut self, out: &mut Vec<Row>) -> Result<bool, StoreError> {
        loop {
            if let Some(merged) = &mut self.merged {
                if merged.next_batch(out)? {
                    return Ok(true);
                }
                self.merged = None;
            }
            out.clear();
            let Some(run) = self.next_run() else {
                return Ok(self.take_unsorted(usize::MAX, out));
            };
            let rows_before = |time| self.unsorted.partition_point(|row| row.time < time);
            let earlier = rows_before(run.first);
            if earlier > 0 {
                return Ok(self.take_unsorted(earlier, out));
            }
            let overlapping = rows_before(run.last.saturating_add(1));
            let unsorted = self.unsorted.get(..overlapping).unwrap_or_default();
            self.next = run.places.end;
            let chunks = self.chunks().get(run.places).unwrap_or_default();
            if let ([found], []) = (chunks, unsorted) {
                let found = *found;
                self.read_alone(&found, out)?;
                if !out.is_empty() {
                    return Ok(true);
                }
            } else {
                self.merged = Some(self.merge(chunks, unsorted));
                self.unsorted = self.unsorted.get(overlapping..).unwrap_or_default();
            }
        }
    }

    /// The last sample of all; only what may hold it is unpacked.
    ///
    /// # Errors
    /// As [`WindowRows::next_batch`].
    pub fn last(mut self) -> Result<Option<Row>, StoreError> {
        self.begin(self.window.range);
        let unsorted = self.unsorted;
        let newest = unsorted.last().copied();
        let mut runs = Vec::new();
        while let Some(run) = self.next_run() {
            self.next = run.places.end;
            runs.push(run);
        }
        let ends = self.chunks().iter().map(|found| found.chunk.times().1);
        if newest.is_some_and(|row| ends.max().is_none_or(|end| row.time >= end)) {
            return Ok(newest);
        }
        let mut batch = Vec::new();
        // All rows of a run may be deleted: then the one before has the last.
        for run in runs.iter().rev() {
            let later = unsorted.partition_point(|row| row.time < run.first);
            let end = run.last.min(self.window.range.to);
            let its_last = Range { from: end, to: end };
            // Nearly always the last row of the run is the one.
            for range in [its_last, self.window.range] {
                (self.next, self.merged, self.range) = (run.places.start, None, range);
                self.unsorted = unsorted.get(later..).unwrap_or_default();
                let mut last = None;
                while self.next_rows(&mut batch)? {
                    last = batch.last().copied();
                }
                if last.is_some() {
                    return Ok(last);
                }
            }
        }
        Ok(newest)
    }

    fn chunks(&self) -> &[Found] {
        self.gathered.chunks(self.series).unwrap_or_default()
    }

    /// The next chunks that overlap one another.
    fn next_run(&self) -> Option<Run> {
        let chunks = self.chunks();
        let start = self.next;
        let (first, mut last) = chunks.get(start)?.chunk.times();
        let mut end = start.saturating_add(1);
        while let Some((begins, ends)) = chunks.get(end).map(|found| found.chunk.times())
            && begins <= last
        {
            last = last.max(ends);
            end = end.saturating_add(1);
        }
        Some(Run {
            places: start..end,
            first,
            last,
        })
    }

    /// Hands out the next of so many unsorted rows. False if there is none.
    fn take_unsorted(&mut self, rows: usize, out: &mut Vec<Row>) -> bool {
        let rows = rows.min(BATCH_ROWS).min(self.unsorted.len());
        let (now, later) = self.unsorted.split_at_checked(rows).unwrap_or_default();
        out.extend_from_slice(now);
        self.unsorted = later;
        !now.is_empty()
    }

    /// The rows of a chunk that overlaps no other.
    fn read_alone(&self, found: &Found, out: &mut Vec<Row>) -> Result<(), StoreError> {
        let range = self.range;
        let (first, last) = found.chunk.times();
        if last < range.from || range.to < first {
            return Ok(());
        }
        self.window.unpack(&self.gathered, found, range, out)?;
        self.hidden(found.source).apply(out);
        Ok(())
    }

    /// A lane for each source, older first; the unsorted rows are the newest.
    fn merge(&self, chunks: &[Found], unsorted: &'a [Row]) -> MergedRows<'a> {
        let range = self.range;
        let overlaps = |found: &&Found| {
            let (first, last) = found.chunk.times();
            first <= range.to && range.from <= last
        };
        let mut chunks: Vec<Found> = chunks.iter().filter(overlaps).copied().collect();
        chunks.sort_by_key(|found| (found.source, found.chunk.times()));
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
