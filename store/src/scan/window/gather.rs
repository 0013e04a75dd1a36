//! The chunks of some series, found block after block and kept packed until their series is read.
//!
//! ```text
//!   in the order of reading      series 7   series 2   series 9 ...
//!   blocks, older first      a   chunk      chunk      chunk          one walk through each block,
//!                            b   chunk                 chunk          in its own order
//! ```
//!
//! Short chunks of many series share a page. Read series by series, every page would be unpacked again for each of
//! them; so some series are taken together, as many as fit [`BYTES_KEPT`] packed.

use std::collections::HashMap;

use crate::block::{Block, BlockError, ChunkReader, PackedChunk};
use crate::row::{MetricId, Sequence, SeriesId};

use super::super::read_ahead::Range;

/// Packed chunks that are kept at most, about, with what is known of them.
const BYTES_KEPT: usize = 8 << 20;
/// Series that are taken together first, before anything is known about them.
const SERIES_FIRST: usize = 64;
/// Series that are taken together at most.
const SERIES_MAX: usize = 64 << 10;

/// A block that overlaps the moments asked for.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) block: Block,
    /// The last sequence that it speaks for.
    pub(super) last: Sequence,
}

/// A chunk and the source that has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) source: usize,
    pub(super) chunk: PackedChunk,
}

/// What was found for some series.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    chunks: HashMap<SeriesId, Vec<Found>>,
    /// The bytes of the chunks that share pages.
    pub(super) kept: Vec<u8>,
}

/// Finds chunks, and learns how many series to take together.
#[derive(Debug)]
pub(super) struct Gatherer {
    series: usize,
}

impl Gathered {
    /// The chunks of a series by the times of their first rows; `None` if it is not one of those that were taken.
    pub(super) fn chunks(&self, series: SeriesId) -> Option<&[Found]> {
        self.chunks.get(&series).map(Vec::as_slice)
    }
}

impl Gatherer {
    pub(super) const fn new() -> Self {
        Self {
            series: SERIES_FIRST,
        }
    }

    /// How many series to take next.
    pub(super) const fn series(&self) -> usize {
        self.series
    }

    /// Finds the chunks of these series with a reader, which it makes if there is none yet.
    ///
    /// # Errors
    /// As the blocks say.
    pub(super) fn gather(
        &mut self,
        reader: &mut Option<ChunkReader>,
        sources: &[Source],
        mut series: Vec<(MetricId, SeriesId)>,
        range: Range,
    ) -> Result<Gathered, BlockError> {
        series.sort_unstable();
        series.dedup();
        let mut gathered = Gathered::default();
        gathered
            .chunks
            .extend(series.iter().map(|(_, series)| (*series, Vec::new())));
        for (number, source) in sources.iter().enumerate() {
            let reader = match &mut *reader {
                Some(reader) => {
                    reader.move_to(&source.block);
                    reader
                }
                none => none.insert(source.block.reader()),
            };
            for (metric, series) in &series {
                if !source.block.series().contains(series.0) {
                    continue;
                }
                reader.seek(*metric, *series, range.from, range.to)?;
                while let Some(chunk) = reader.next_packed(&mut gathered.kept)? {
                    let found = Found {
                        source: number,
                        chunk,
                    };
                    gathered.chunks.entry(*series).or_default().push(found);
                }
            }
        }
        let mut chunks = 0usize;
        for found in gathered.chunks.values_mut() {
            chunks = chunks.saturating_add(found.len());
            // Stable: of chunks that begin together the older comes first.
            found.sort_by_key(|found| found.chunk.times().0);
        }
        self.learn(&gathered, chunks, series.len());
        Ok(gathered)
    }

    fn learn(&mut self, gathered: &Gathered, chunks: usize, series: usize) {
        let bytes = chunks
            .saturating_mul(size_of::<Found>())
            .saturating_add(gathered.kept.len());
        let bytes_each = bytes.checked_div(series).unwrap_or_default().max(1);
        self.series = (BYTES_KEPT / bytes_each).clamp(1, SERIES_MAX);
    }
}
