//! One flush: encoded parts become disk blocks, a day at a time; new series become a run; one manifest edit
//! publishes both.
//!
//! Memory stays bounded whatever the parts hold: a day's blocks are read by cursors, a chunk of each at a time.
//!
//! Most flushes have one day or two. One of thousands of days, as when somebody brings in a history, would spend a minute on
//! syncs: its blocks are made durable together, some at a time, before anything names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_model::{Day, Timestamp, WithCauses};

use crate::block::{Block, BlockBuilder, BlockCursor, BlockSource};
use crate::chunk::Packing;
use crate::disk::{Disk, FileNumber, FileSink, Syncs, file_names};
use crate::error::StoreError;
use crate::manifest::BlockEntry;
use crate::memtable::sealed::block_meta;
use crate::memtable::{EncodedPart, Span};
use crate::row::{MetricId, SeriesId};
use crate::scan::merge::{MergedRows, RowSource};
use crate::series::SeriesRegistry;
use crate::store::layers::DiskBlock;
use crate::tombstone::{HiddenRanges, Tombstone};

/// Days up to which each block is synced by itself.
const DAYS_SYNCED_ALONE: usize = 4;

/// Blocks that one sync covers at most, of about 1 MiB together: a small one takes a page of the disk for itself, its name
/// another.
const BLOCKS_SYNCED_TOGETHER: usize = 128;
const BYTES_SYNCED_TOGETHER: u64 = 1 << 20;

/// Writes the blocks of one flush.
#[derive(Debug)]
pub(crate) struct FlushJob<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    /// Knows whose metric is whose.
    pub(crate) registry: &'a SeriesRegistry,
    /// Older first.
    pub(crate) parts: &'a [Arc<EncodedPart>],
    /// Those that are to be applied.
    pub(crate) tombstones: &'a [Arc<Tombstone>],
    /// The number of the next file.
    pub(crate) next_file: FileNumber,
}

impl FlushJob<'_> {
    /// Writes and syncs a block for each day, and opens them. Nothing names them yet.
    ///
    /// # Errors
    /// [`StoreError`]; the blocks written so far have been removed again, as far as that was possible.
    pub(crate) fn write_blocks(&mut self) -> Result<Vec<DiskBlock>, StoreError> {
        let days: BTreeSet<Day> = self
            .parts
            .iter()
            .flat_map(|part| part.blocks.keys().copied())
            .collect();
        let mut written = Vec::new();
        let syncs = if days.len() > DAYS_SYNCED_ALONE {
            Syncs::Together
        } else {
            Syncs::Each
        };
        let done = self.write_days(&days, syncs, &mut written);
        if let Err(error) = done {
            let paths: Vec<_> = written.iter().map(DiskBlock::path).collect();
            remove_files(self.disk, &paths);
            if syncs == Syncs::Together {
                // Folders stay, and the next flush takes them for durable.
                self.sync_all()?;
            }
            return Err(error);
        }
        Ok(written)
    }

    fn write_days(
        &mut self,
        days: &BTreeSet<Day>,
        syncs: Syncs,
        written: &mut Vec<DiskBlock>,
    ) -> Result<(), StoreError> {
        if syncs == Syncs::Together {
            let folder = Path::new(file_names::BLOCKS);
            self.disk
                .create_dir(folder)
                .map_err(disk_error("create", folder))?;
        }
        let (mut blocks, mut bytes) = (0usize, 0u64);
        for day in days {
            let Some(block) = self.write_day(*day, syncs)? else {
                continue;
            };
            (blocks, bytes) = (blocks + 1, bytes.saturating_add(block.entry.bytes));
            written.push(block);
            let is_enough = blocks >= BLOCKS_SYNCED_TOGETHER || bytes >= BYTES_SYNCED_TOGETHER;
            if syncs == Syncs::Together && is_enough {
                self.sync_all()?;
                (blocks, bytes) = (0, 0);
            }
        }
        if syncs == Syncs::Together {
            self.sync_all()?;
        }
        Ok(())
    }

    fn sync_all(&self) -> Result<(), StoreError> {
        // Whatever it says: the files are written, and nobody knows whether they stay.
        let synced = self.disk.sync_all().map_err(std::io::Error::other);
        synced.map_err(disk_error("sync", Path::new("")))
    }

    /// None if tombstones hide every row of the day.
    fn write_day(&mut self, day: Day, syncs: Syncs) -> Result<Option<DiskBlock>, StoreError> {
        let mut lanes: Vec<Lane> = Vec::new();
        for part in self.parts {
            if let Some(block) = part.blocks.get(&day) {
                lanes.push(Lane::open(block, part.span)?);
            }
        }
        let Some(span) = lanes.iter().map(|lane| lane.span).reduce(Span::union) else {
            return Ok(None);
        };
        let mut output: Option<BlockBuilder<FileSink>> = None;
        let number = self.next_file;
        let path = file_names::block(day, number);
        let mut rows = Vec::new();
        while let Some((metric, series)) = lanes.iter().filter_map(|lane| lane.at).min() {
            let mut merged = merge_series(&mut lanes, (metric, series), self.tombstones);
            while merged.next_batch(&mut rows)? {
                if output.is_none() {
                    output = Some(self.create(day, span, syncs)?);
                }
                if let Some(builder) = &mut output {
                    builder.push(metric, series, &rows)?;
                }
            }
            for lane in lanes
                .iter_mut()
                .filter(|lane| lane.at == Some((metric, series)))
            {
                lane.at = lane.cursor.next_series()?;
            }
        }
        let Some(builder) = output else {
            return Ok(None);
        };
        let tenants = self.registry.tenant_counts(builder.counts());
        let (sink, _) = builder.finish(tenants)?;
        let bytes = sink.publish().map_err(disk_error("publish", &path))?;
        let file = self
            .disk
            .open_seldom(&path)
            .map_err(disk_error("open", &path))?;
        let path = path.as_path().into();
        let block = Block::open(BlockSource::File { file, path })?;
        let entry = BlockEntry {
            day,
            file: number,
            first: span.first,
            last: span.last,
            bytes,
        };
        Ok(Some(DiskBlock { entry, block }))
    }

    fn create(
        &mut self,
        day: Day,
        span: Span,
        syncs: Syncs,
    ) -> Result<BlockBuilder<FileSink>, StoreError> {
        let path = file_names::block(day, self.next_file);
        self.next_file = self.next_file.next();
        let sink =
            FileSink::create_with(self.disk, &path, syncs).map_err(disk_error("create", &path))?;
        Ok(BlockBuilder::new(
            block_meta(day, span),
            Packing::Disk,
            sink,
        )?)
    }
}

fn disk_error(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::Disk {
        operation,
        path: path.to_path_buf(),
        source,
    }
}

/// One part's block of the day, read from front to back.
#[derive(Debug)]
struct Lane {
    span: Span,
    cursor: BlockCursor,
    /// The series that the cursor stands at.
    at: Option<(MetricId, SeriesId)>,
}

impl Lane {
    fn open(block: &Arc<Block>, span: Span) -> Result<Self, StoreError> {
        let mut cursor = block.cursor();
        let at = cursor.next_series()?;
        Ok(Self { span, cursor, at })
    }
}

/// The rows of one series out of all lanes that stand at it, without what the tombstones hide.
fn merge_series<'a>(
    lanes: &'a mut [Lane],
    (metric, series): (MetricId, SeriesId),
    tombstones: &[Arc<Tombstone>],
) -> MergedRows<'a> {
    let mut merged = MergedRows::default();
    for lane in lanes
        .iter_mut()
        .filter(|lane| lane.at == Some((metric, series)))
    {
        let hidden = HiddenRanges::of(tombstones, series, lane.span.last);
        merged.add(
            RowSource::Cursor(&mut lane.cursor),
            hidden,
            i64::MIN,
            i64::MAX,
        );
    }
    merged
}

/// Takes files away again that no manifest names. Best effort: the next start removes what stays.
pub(crate) fn remove_files(disk: &Arc<dyn Disk>, paths: &[PathBuf]) {
    for path in paths {
        if let Err(error) = disk.remove(path) {
            tracing::warn!(error = %WithCauses(&error), path = %path.display(), "cannot remove file");
        }
    }
}

/// The tombstones that still hide something in blocks on disk that are older than they are.
pub(crate) fn still_hiding(
    tombstones: &[Arc<Tombstone>],
    disk: &BTreeMap<Day, Vec<Arc<DiskBlock>>>,
) -> Vec<Arc<Tombstone>> {
    let hides_in = |tombstone: &Tombstone, block: &DiskBlock| {
        tombstone.sequence > block.entry.last && !tombstone.series.is_disjoint(block.block.series())
    };
    let hides = |tombstone: &&Arc<Tombstone>| {
        let first = Timestamp::from_millis(tombstone.from).day();
        let last = Timestamp::from_millis(tombstone.to).day();
        first <= last
            && disk
                .range(first..=last)
                .any(|(_, blocks)| blocks.iter().any(|b| hides_in(tombstone, b)))
    };
    tombstones.iter().filter(hides).map(Arc::clone).collect()
}

#[cfg(test)]
mod tests {
    // A flush as a whole is tested through the store: tests/store/crash.rs compares histories with a map in memory.
    use super::*;

    #[test]
    fn a_tombstone_without_older_blocks_is_forgotten() {
        let tombstone = Arc::new(Tombstone {
            sequence: crate::row::Sequence(5),
            tenant: penstock_model::TenantId::from_bytes([0; 16]),
            series: roaring::RoaringBitmap::from_iter([1]),
            from: 0,
            to: 10,
        });
        assert!(still_hiding(&[tombstone], &BTreeMap::new()).is_empty());
    }
}
