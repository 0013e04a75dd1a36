//! One ascending stream out of several: of equal times the last source wins.

use crate::block::{BlockCursor, BlockError, ChunkReader};
use crate::row::Row;
use crate::scan::window::PackedLane;
use crate::tombstone::HiddenRanges;

/// Rows of a batch that a merge of several sources hands out.
const BATCH_ROWS: usize = 4_096;

/// Where rows of one series come from, ascending in time within itself.
pub(crate) enum RowSource<'a> {
    /// A block, opened for one series.
    Chunks(Box<ChunkReader>),
    /// A reader that somebody else keeps, standing at the series.
    Seeked(&'a mut ChunkReader),
    /// A block that is read from front to back, standing at the series.
    Cursor(&'a mut BlockCursor),
    /// Chunks of a block that were found before.
    Packed(Box<PackedLane<'a>>),
    /// Rows in memory, handed out once.
    Rows(&'a [Row]),
}

impl std::fmt::Debug for RowSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Chunks(_) => "Chunks",
            Self::Seeked(_) => "Seeked",
            Self::Cursor(_) => "Cursor",
            Self::Packed(_) => "Packed",
            Self::Rows(_) => "Rows",
        })
    }
}

impl RowSource<'_> {
    /// Puts the next chunk into `out` in place of what it holds.
    fn next_chunk(&mut self, out: &mut Vec<Row>) -> Result<bool, BlockError> {
        out.clear();
        match self {
            Self::Chunks(reader) => reader.next_chunk(out),
            Self::Seeked(reader) => reader.next_chunk(out),
            Self::Cursor(cursor) => cursor.next_chunk(out),
            Self::Packed(lane) => lane.next_chunk(out),
            Self::Rows(rows) => {
                out.extend_from_slice(rows);
                *rows = &[];
                Ok(!out.is_empty())
            }
        }
    }
}

/// A source with the chunk that is being handed out.
#[derive(Debug)]
struct Lane<'a> {
    source: RowSource<'a>,
    hidden: HiddenRanges,
    from: i64,
    to: i64,
    rows: Vec<Row>,
    at: usize,
}

impl Lane<'_> {
    fn head(&self) -> Option<&Row> {
        self.rows.get(self.at)
    }

    /// Makes sure that there is a head, if the source has any row left.
    fn refill(&mut self) -> Result<(), BlockError> {
        while self.at >= self.rows.len() {
            self.at = 0;
            if !self.source.next_chunk(&mut self.rows)? {
                self.rows.clear();
                return Ok(());
            }
            self.trim();
            self.hidden.apply(&mut self.rows);
        }
        Ok(())
    }

    /// A chunk overlaps the range; its rows must lie in it.
    fn trim(&mut self) {
        let end = self.rows.partition_point(|row| row.time <= self.to);
        self.rows.truncate(end);
        let start = self.rows.partition_point(|row| row.time < self.from);
        self.rows.drain(..start);
    }
}

/// The rows of one series between two moments, out of all its sources.
#[derive(Debug, Default)]
pub(crate) struct MergedRows<'a> {
    /// Older sources first.
    lanes: Vec<Lane<'a>>,
}

impl<'a> MergedRows<'a> {
    /// Adds a source that is newer than all before it.
    pub(crate) fn add(&mut self, source: RowSource<'a>, hidden: HiddenRanges, from: i64, to: i64) {
        self.lanes.push(Lane {
            source,
            hidden,
            from,
            to,
            rows: Vec::new(),
            at: 0,
        });
    }

    /// Puts the next rows into `out` in place of what it holds. False at the end.
    pub(crate) fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, BlockError> {
        out.clear();
        for lane in &mut self.lanes {
            lane.refill()?;
        }
        self.lanes.retain(|lane| lane.head().is_some());
        if let [lane] = self.lanes.as_mut_slice() {
            if lane.at == 0 {
                std::mem::swap(out, &mut lane.rows);
            } else {
                out.extend_from_slice(lane.rows.get(lane.at..).unwrap_or_default());
            }
            lane.rows.clear();
            lane.at = 0;
            return Ok(true);
        }
        while out.len() < BATCH_ROWS && self.copy_run(out)? {}
        Ok(!out.is_empty())
    }

    /// Copies from the lane with the earliest head all rows before any other lane's head.
    fn copy_run(&mut self, out: &mut Vec<Row>) -> Result<bool, BlockError> {
        let heads = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(i, lane)| Some((lane.head()?.time, i)));
        let Some((earliest, winner)) = heads
            .clone()
            .min_by_key(|(time, i)| (*time, usize::MAX - *i))
        else {
            return Ok(false);
        };
        let others = heads.filter(|(_, i)| *i != winner);
        let bound = others.map(|(time, _)| time).min().unwrap_or(i64::MAX);
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            if i == winner {
                let rest = lane.rows.get(lane.at..).unwrap_or_default();
                // At least the head; the bound may be equal to it, and then the newer lane has won.
                let run = rest.partition_point(|row| row.time < bound).max(1);
                out.extend_from_slice(rest.get(..run).unwrap_or_default());
                lane.at = lane.at.saturating_add(run);
                lane.refill()?;
            } else if lane.head().is_some_and(|row| row.time == earliest) {
                lane.at = lane.at.saturating_add(1);
                lane.refill()?;
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{SeriesId, ValueKind};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn rows(lane: &BTreeMap<i64, i64>) -> Vec<Row> {
        let row = |(time, bits): (&i64, &i64)| Row {
            time: *time,
            bits: *bits,
            series: SeriesId(1),
            exponent: 0,
            kind: ValueKind::Integer,
        };
        lane.iter().map(row).collect()
    }

    proptest! {
        #[test]
        fn later_sources_win_and_times_ascend(
            lanes in proptest::collection::vec(proptest::collection::btree_map(0i64..40, any::<i64>(), 0..30), 0..5),
            from in 0i64..20,
            to in 15i64..45,
        ) {
            let owned: Vec<Vec<Row>> = lanes.iter().map(rows).collect();
            let mut merged = MergedRows::default();
            let mut model: BTreeMap<i64, i64> = BTreeMap::new();
            for (lane, rows) in lanes.iter().zip(&owned) {
                merged.add(RowSource::Rows(rows), HiddenRanges::default(), from, to);
                model.extend(lane.iter().filter(|(time, _)| (from..=to).contains(time)));
            }
            let (mut out, mut found) = (Vec::new(), Vec::new());
            while merged.next_batch(&mut out).unwrap() {
                found.extend(out.iter().map(|row| (row.time, row.bits)));
            }
            prop_assert_eq!(found, model.into_iter().collect::<Vec<_>>());
        }
    }
}
