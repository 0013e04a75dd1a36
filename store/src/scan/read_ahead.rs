//! Reads in the order of the blocks what a scan hands out in the order of the keys.
//!
//! Short chunks of many series share a page, and neighbours by key are not neighbours in a block: series by
//! series, a page would be unpacked again for each of its series. So some series are read ahead, day after day
//! in block order, and kept until their turn. How many follows from what the last ones held: the rows kept
//! stay near [`ROWS_KEPT`]. A series with more than [`ROWS_PER_SERIES`] is left to be read as a stream.

use std::collections::HashMap;

use penstock_model::Day;

use super::merge::{MergedRows, RowSource};
use super::snapshot::Snapshot;
use crate::block::{Block, ChunkReader};
use crate::error::StoreError;
use crate::row::{MetricId, Row, Sequence, SeriesId};
use crate::tombstone::HiddenRanges;

/// Rows that are kept at most, about: 3 MiB.
const ROWS_KEPT: usize = 128 << 10;
/// Rows of one series that are worth keeping: beyond, the cost of a page is spread thin enough.
const ROWS_PER_SERIES: usize = 4 << 10;
/// Series read ahead at most.
const SERIES_MAX: usize = 32 << 10;
/// Series read ahead first, before anything is known about them.
const SERIES_FIRST: usize = 16;

/// The rows of the next few series.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    ready: HashMap<SeriesId, Vec<Row>>,
    /// How many series to read next time.
    series: usize,
}

/// A moment range, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Range {
    /// Whether a block has a row between the moments, or may have.
    pub(super) fn overlaps(self, block: &Block) -> bool {
        block
            .times()
            .is_some_and(|(first, last)| first.millis() <= self.to && self.from <= last.millis())
    }

    /// What of the range lies in a day.
    pub(crate) fn within(self, day: Day) -> Self {
        Self {
            from: self.from.max(day.start().millis()),
            to: self.to.min(day.end().millis()),
        }
    }
}

impl ReadAhead {
    pub(crate) fn new() -> Self {
        Self {
            ready: HashMap::new(),
            series: SERIES_FIRST,
        }
    }

    /// The rows that blocks hold of a series, if they were read ahead.
    pub(crate) fn take(&mut self, series: SeriesId) -> Option<Vec<Row>> {
        self.ready.remove(&series)
    }

    /// Reads the first few of `upcoming` ahead and says how many.
    ///
    /// # Errors
    /// As the blocks say.
    pub(crate) fn fill(
        &mut self,
        snapshot: &Snapshot,
        upcoming: &[SeriesId],
        range: Range,
    ) -> Result<usize, StoreError> {
        let next = upcoming.get(..self.series).unwrap_or(upcoming);
        let mut order = snapshot.block_order(next)?;
        self.ready = order
            .iter()
            .map(|(_, series)| (*series, Vec::new()))
            .collect();
        let mut kept = 0usize;
        for day in snapshot.days(range.from, range.to) {
            let mut lanes = open_lanes(snapshot, day);
            order.retain(|(_, series)| self.ready.contains_key(series));
            for (metric, series) in &order {
                let Some(rows) = self.ready.get_mut(series) else {
                    continue;
                };
                let before = rows.len();
                read_series(
                    &mut lanes,
                    snapshot,
                    (*metric, *series),
                    range.within(day),
                    rows,
                )?;
                kept = kept.saturating_add(rows.len().saturating_sub(before));
                if rows.len() > ROWS_PER_SERIES || kept > ROWS_KEPT.saturating_mul(2) {
                    kept = kept.saturating_sub(rows.len());
                    self.ready.remove(series);
                }
            }
        }
        self.series = match kept {
            0..ROWS_KEPT => self.series.saturating_mul(2).min(SERIES_MAX),
            _ => (self.series / 2).max(1),
        };
        Ok(next.len())
    }
}

/// A block of the day with a reader that keeps its place.
struct ReadLane<'a> {
    block: &'a Block,
    last: Sequence,
    reader: ChunkReader,
}

fn open_lanes(snapshot: &Snapshot, day: Day) -> Vec<ReadLane<'_>> {
    let open = |(block, last): (_, _)| ReadLane {
        block,
        last,
        reader: Block::reader(block),
    };
    snapshot.blocks_of(day).map(open).collect()
}

/// Appends the rows of one series and day.
fn read_series(
    lanes: &mut [ReadLane<'_>],
    snapshot: &Snapshot,
    (metric, series): (MetricId, SeriesId),
    range: Range,
    rows: &mut Vec<Row>,
) -> Result<(), StoreError> {
    let mut merged = MergedRows::default();
    for lane in lanes
        .iter_mut()
        .filter(|lane| lane.block.series().contains(series.0))
    {
        lane.reader.seek(metric, series, range.from, range.to)?;
        let hidden = HiddenRanges::of(&snapshot.tombstones, series, lane.last);
        merged.add(
            RowSource::Seeked(&mut lane.reader),
            hidden,
            range.from,
            range.to,
        );
    }
    let mut batch = Vec::new();
    while rows.len() <= ROWS_PER_SERIES && merged.next_batch(&mut batch)? {
        rows.append(&mut batch);
    }
    Ok(())
}
