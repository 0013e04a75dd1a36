//! Some series between two moments, opened one by one in any order, as often as need be and several at once.
//!
//! A [`Scan`](super::Scan) goes through its series once, in the order of their keys. Here the reader decides, and says
//! before in which order ([`Window::expect`]), so that chunks are found some series at a time.

mod gather;
mod readers;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use penstock_model::Timestamp;
use roaring::RoaringBitmap;

pub(crate) use self::readers::ReaderPool;
pub(crate) use self::rows::PackedLane;
pub use self::rows::WindowRows;

use self::gather::{Found, Gathered, Gatherer, Source};
use self::readers::Readers;
use super::copies::CopiedRows;
use super::read_ahead::Range;
use super::snapshot::Snapshot;
use crate::block::BlockError;
use crate::error::StoreError;
use crate::row::{MetricId, Row, SeriesId};
use crate::series::Selection;
use crate::tombstone::HiddenRanges;

/// Series of a [`Snapshot`] that have samples between two moments, in the order in which blocks have them.
#[derive(Debug)]
pub struct Window {
    snapshot: Arc<Snapshot>,
    series: Vec<SeriesId>,
    metrics: Vec<MetricId>,
    range: Range,
    /// What of the range is handed out, if a series has anything there.
    needed: Range,
    /// Blocks that overlap the range, day after day, older first.
    sources: Vec<Source>,
    /// Rows that no block has yet, sorted by series and time.
    unsorted: CopiedRows,
    /// Where those of each place are.
    unsorted_of: Vec<std::ops::Range<usize>>,
    /// The places of the series, in the order of reading.
    order: Vec<usize>,
    /// Where in that order a place comes first, if the order is another than that of the places.
    turns: HashMap<usize, usize>,
    reading: Mutex<Reading>,
}

/// What serves one series after another.
#[derive(Debug)]
struct Reading {
    gatherer: Gatherer,
    gathered: Arc<Gathered>,
    readers: Readers,
}

impl Window {
    /// Finds the series of a selection that have samples from `from` to `to`, both included; no more than `most` of
    /// them.
    ///
    /// # Errors
    /// [`StoreError`] if the store's files contradict each other, or readers have copied as much as they may.
    pub fn new(
        snapshot: Arc<Snapshot>,
        selection: &Selection,
        range: (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Self, StoreError> {
        let wanted = snapshot.registry.find(selection);
        Self::of_series(snapshot, &wanted, range, most)
    }

    /// The same for series by their numbers.
    ///
    /// # Errors
    /// As [`Window::new`].
    pub fn of_series(
        snapshot: Arc<Snapshot>,
        wanted: &RoaringBitmap,
        (from, to): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Self, StoreError> {
        let range = Range {
            from: from.millis(),
            to: to.millis(),
        };
        let sources = sources(&snapshot, range);
        let unsorted = snapshot.unsorted_rows(wanted, range.from, range.to)?;
        let runs = runs_of(&unsorted);
        let mut present: RoaringBitmap = runs.keys().map(|series| series.0).collect();
        for source in &sources {
            present |= source.block.series() & wanted;
        }
        let found: Vec<SeriesId> = present.iter().take(most).map(SeriesId).collect();
        let (metrics, series): (Vec<_>, Vec<_>) = snapshot.block_order(&found)?.into_iter().unzip();
        let readers = snapshot.layers.readers.take();
        let run = |series| runs.get(series).cloned().unwrap_or_default();
        Ok(Self {
            snapshot,
            order: (0..found.len()).collect(),
            turns: HashMap::new(),
            unsorted_of: series.iter().map(run).collect(),
            series,
            metrics,
            range,
            needed: range,
            sources,
            unsorted,
            reading: Mutex::new(Reading {
                gatherer: Gatherer::new(),
                gathered: Arc::default(),
                readers,
            }),
        })
    }

    /// The series; [`Window::open`] takes their places.
    pub fn series(&self) -> &[SeriesId] {
        &self.series
    }

    /// From now on only samples between these moments are handed out, but for series that have none there: of those all.
    pub fn narrow(&mut self, (from, to): (Timestamp, Timestamp)) {
        self.needed = Range {
            from: from.millis().max(self.range.from),
            to: to.millis().min(self.range.to),
        };
    }

    /// Says in which order series will be opened. Any order is right; the one that was said is cheapest.
    pub fn expect(&mut self, places: Vec<usize>) {
        self.turns.clear();
        for (turn, place) in places.iter().enumerate() {
            self.turns.entry(*place).or_insert(turn);
        }
        self.order = places;
    }

    /// The samples of the series at a place, from the first on; none for a place where there is no series.
    ///
    /// # Errors
    /// [`StoreError`] if a block is damaged or cannot be read.
    pub fn open(&self, place: usize) -> Result<WindowRows<'_>, StoreError> {
        let Some(series) = self.series.get(place).copied() else {
            let nobody = SeriesId(u32::MAX);
            return Ok(WindowRows::new(self, nobody, &[], Arc::default()));
        };
        let mut reading = self.reading.lock();
        if reading.gathered.chunks(series).is_none() {
            let Reading {
                gatherer,
                gathered,
                readers,
            } = &mut *reading;
            let series = self.upcoming(place, gatherer.series());
            let chunks = &mut readers.chunks;
            *gathered = Arc::new(gatherer.gather(chunks, &self.sources, series, self.range)?);
        }
        let unsorted = self.unsorted_of.get(place).cloned().unwrap_or_default();
        let unsorted = self.unsorted.get(unsorted).unwrap_or_default();
        let gathered = Arc::clone(&reading.gathered);
        Ok(WindowRows::new(self, series, unsorted, gathered))
    }

    /// The series at a place and those that will be opened after it.
    fn upcoming(&self, place: usize, most: usize) -> Vec<(MetricId, SeriesId)> {
        let turn = self.turns.get(&place).copied().unwrap_or(place);
        let order = self.order.get(turn..).unwrap_or_default();
        let at = |place: usize| Some((*self.metrics.get(place)?, *self.series.get(place)?));
        std::iter::once(place)
            .chain(order.iter().copied().take(most))
            .filter_map(at)
            .collect()
    }

    fn unpack(
        &self,
        gathered: &Gathered,
        found: &Found,
        between: Range,
        out: &mut Vec<Row>,
    ) -> Result<(), BlockError> {
        let Some(source) = self.sources.get(found.source) else {
            return Ok(());
        };
        let between = (between.from, between.to);
        let unpacker = &mut self.reading.lock().readers.unpacker;
        unpacker.unpack(&source.block, &found.chunk, &gathered.kept, between, out)
    }

    /// What of a source's rows of a series is deleted.
    fn hidden(&self, series: SeriesId, source: usize) -> HiddenRanges {
        let Some(source) = self.sources.get(source) else {
            return HiddenRanges::default();
        };
        HiddenRanges::of(&self.snapshot.tombstones, series, source.last)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let readers = std::mem::take(&mut self.reading.get_mut().readers);
        self.snapshot.layers.readers.give_back(readers);
    }
}

fn sources(snapshot: &Snapshot, range: Range) -> Vec<Source> {
    let days = snapshot.days(range.from, range.to);
    let blocks = days.into_iter().flat_map(|day| snapshot.blocks_of(day));
    blocks
        .filter(|(block, _)| range.overlaps(block))
        .map(|(block, last)| Source {
            block: block.clone(),
            last,
        })
        .collect()
}

/// Where the rows of each series are among rows that are sorted by series.
fn runs_of(rows: &[Row]) -> HashMap<SeriesId, std::ops::Range<usize>> {
    let mut start = 0usize;
    rows.chunk_by(|a, b| a.series == b.series)
        .filter_map(|run| {
            let end = start.saturating_add(run.len());
            let place = std::mem::replace(&mut start, end)..end;
            Some((run.first()?.series, place))
        })
        .collect()
}

/// The rows of one series among rows that are sorted by series.
pub(super) fn rows_of(rows: &[Row], series: SeriesId) -> &[Row] {
    let start = rows.partition_point(|row| row.series < series);
    let rest = rows.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|row| row.series == series))
        .unwrap_or_default()
}
