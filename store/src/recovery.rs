//! From files to a running store.
//!
//! ```text
//!   lock ─> manifest ─> series runs ─> block footers ─> WAL, first look ─> unnamed files ─┐ nothing changed so far
//!   ready <─ leftovers removed <─ WAL, replay <────────────────────────────────────────┘
//! ```
//!
//! Damage and gaps are found before anything is changed: the log is read twice, the second time out of the page
//! cache.
//!
//! Replay puts every record where it once went: definitions into the registry, rows into the active rows,
//! deletes into tombstones. It seals, encodes and flushes by the same limits as a running store, so it
//! never needs more memory than running did.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_model::{Clock, Timestamp};
use roaring::RoaringBitmap;

use crate::block::{Block, BlockSource};
use crate::config::StoreConfig;
use crate::disk::{Disk, DiskLock, FileNumber, file_names};
use crate::error::StoreError;
use crate::manifest::orphans::{Orphan, orphans, remove_unfinished};
use crate::manifest::{Manifest, ManifestConfig, Version};
use crate::memtable::ActiveRows;
use crate::row::{MetricId, Row, Sequence, SeriesId};
use crate::series::{NextIds, SeriesRegistry, UnknownSeries, read_summary};
use crate::store::layers::{DiskBlock, Layers};
use crate::store::log::Log;
use crate::store::maintenance::Maintenance;
use crate::store::shared::Shared;
use crate::tombstone::Tombstone;
use crate::wal::record::Record;
use crate::wal::{self, DroppedTail, Wal, WalConfig};

/// What a start found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Rows replayed from the WAL.
    pub rows_replayed: u64,
    /// Series known after the start.
    pub series: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Bytes at the end of the WAL that no sync had covered and that were dropped.
    pub torn_tail_bytes: u64,
    /// Sequences that were left out to salvage a damaged log, first and last of each gap.
    pub sequences_lost: Vec<(Sequence, Sequence)>,
    /// Files that nothing needed any more and that were removed.
    pub removed: Vec<PathBuf>,
}

/// A store that is ready but for its workers.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wal: Wal,
    pub(crate) maintenance: Maintenance,
    pub(crate) lock: Box<dyn DiskLock>,
    pub(crate) report: OpenReport,
}

/// Opens a data directory. Nothing is changed before the log has been looked through without a fault.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    config: StoreConfig,
) -> Result<Opened, StoreError> {
    let lock = lock(&*disk)?;
    let (manifest, version) = Manifest::open(Arc::clone(&disk), ManifestConfig::default())?;
    let registry = load_series(&disk, &version, config.hash_seed)?;
    let layers = open_blocks(&disk, &version)?;
    expect_defined(&registry, &layers)?;
    mark_active(&registry, &layers, clock.now());
    let known = wal::last_sequence(&*disk, version.flushed, config.on_corruption)?;
    let leftovers = Leftovers::find(&disk, &version, known)?;
    let wal_config = WalConfig {
        segment_bytes: config.wal_segment_bytes,
        group_bytes_max: config.group_bytes_max,
        ..WalConfig::default()
    };
    let on_corruption = config.on_corruption;
    let log = Log::new(version.flushed, ActiveRows::default(), layers);
    let shared = Arc::new(Shared::new(
        disk,
        clock,
        config,
        Arc::new(registry),
        log,
        version.flushed,
    ));
    let next_file = leftovers.next_file(version.next_file);
    let maintenance = Maintenance::new(manifest, Arc::clone(&shared), next_file);
    let mut replay = Replay::new(maintenance, Arc::clone(&shared));
    let visit =
        &mut |sequence, received, record: Record<'_>| replay.apply(sequence, received, record);
    let (wal, found) = Wal::open(
        Arc::clone(&shared.disk),
        wal_config,
        version.flushed,
        on_corruption,
        visit,
    )?;
    shared.log.lock().last = wal.last();
    shared.set_replayed(wal.last());
    let mut report = OpenReport {
        torn_tail_bytes: found.dropped_tail.map_or(0, |tail| tail.bytes),
        sequences_lost: found
            .lost
            .iter()
            .map(|lost| (lost.first, lost.last))
            .collect(),
        ..OpenReport::default()
    };
    let mut maintenance = replay.finish(found.dropped_tail, &mut report)?;
    maintenance.keep_segments(wal.pool());
    report.removed = leftovers.remove(&shared.disk)?;
    report.series = u64::try_from(shared.registry.len()).unwrap_or(u64::MAX);
    report.blocks = u64::try_from(maintenance.version().blocks.len()).unwrap_or(u64::MAX);
    Ok(Opened {
        shared,
        wal,
        maintenance,
        lock,
        report,
    })
}

fn lock(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, StoreError> {
    let path = Path::new(file_names::LOCK);
    disk.lock(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => StoreError::Locked,
        _ => disk_error("lock", path)(source),
    })
}

/// Puts replayed records where they once went.
struct Replay {
    shared: Arc<Shared>,
    maintenance: Maintenance,
    rows: Vec<Row>,
    active_today: RoaringBitmap,
    rows_replayed: u64,
}

impl Replay {
    fn new(maintenance: Maintenance, shared: Arc<Shared>) -> Self {
        Self {
            maintenance,
            shared,
            rows: Vec::new(),
            active_today: RoaringBitmap::new(),
            rows_replayed: 0,
        }
    }

    fn apply(
        &mut self,
        sequence: Sequence,
        received: Timestamp,
        record: Record<'_>,
    ) -> Result<(), StoreError> {
        match record {
            Record::Definition {
                series,
                metric,
                key,
            } => {
                self.shared
                    .registry
                    .insert_replayed(series, metric, &key, sequence)?;
                self.shared.log.lock().last = sequence;
            }
            Record::Samples(samples) => {
                self.rows.clear();
                samples.decode(&mut self.rows)?;
                self.append(sequence, received)?;
            }
            Record::Tombstone(record) => {
                let tombstone = Tombstone {
                    sequence,
                    tenant: record.tenant,
                    series: record.series.iter().map(|series| series.0).collect(),
                    from: record.from,
                    to: record.to,
                };
                let mut log = self.shared.log.lock();
                log.seal();
                log.last = sequence;
                log.change_layers(|layers| layers.tombstones.push(Arc::new(tombstone)));
            }
        }
        // What is replayed will be synced before the first append, and blocks are synced by themselves.
        self.shared.set_replayed(sequence);
        let is_full = {
            let mut log = self.shared.log.lock();
            let rows = log.active.len().saturating_add(log.layers.unsorted_rows());
            let is_full = rows >= self.shared.config.sealed_rows;
            if is_full {
                log.seal();
            }
            is_full
        };
        if is_full {
            self.maintenance.make_room()?;
        }
        Ok(())
    }

    fn append(&mut self, sequence: Sequence, received: Timestamp) -> Result<(), StoreError> {
        let registry = &self.shared.registry;
        registry.expect_known(self.rows.iter().map(|row| row.series))?;
        let today = self.shared.clock.now().day();
        for row in &self.rows {
            if row.timestamp().day() == today {
                self.active_today.insert(row.series.0);
            }
        }
        self.rows_replayed = self
            .rows_replayed
            .saturating_add(u64::try_from(self.rows.len()).unwrap_or(0));
        let mut log = self.shared.log.lock();
        log.active.append(sequence, received, &self.rows, sequence);
        log.last = sequence;
        Ok(())
    }

    /// Counts what is active today and remembers a torn tail.
    fn finish(
        mut self,
        tail: Option<DroppedTail>,
        report: &mut OpenReport,
    ) -> Result<Maintenance, StoreError> {
        let today = self.shared.clock.now().day();
        let active = self.active_today.iter().map(SeriesId);
        self.shared.registry.mark_active(active, today, today);
        report.rows_replayed = self.rows_replayed;
        if tail.is_some() {
            self.maintenance.record_dropped_tail(tail)?;
        }
        Ok(self.maintenance)
    }
}

fn load_series(
    disk: &Arc<dyn Disk>,
    version: &Version,
    hash_seed: u64,
) -> Result<SeriesRegistry, StoreError> {
    let next = NextIds {
        series: SeriesId(version.next_series),
        metric: MetricId(version.next_metric),
    };
    let registry = SeriesRegistry::new(hash_seed, next);
    for run in &version.series_runs {
        let path = file_names::series_run(run.file);
        let file = disk.open(&path).map_err(disk_error("open", &path))?;
        registry
            .load_run(&*file)
            .map_err(|source| StoreError::SeriesRun { path, source })?;
    }
    Ok(registry)
}

fn open_blocks(disk: &Arc<dyn Disk>, version: &Version) -> Result<Layers, StoreError> {
    let mut layers = Layers {
        tombstones: version.tombstones.clone(),
        ..Layers::default()
    };
    for entry in &version.blocks {
        let path = file_names::block(entry.day, entry.file);
        let file = disk.open_seldom(&path).map_err(disk_error("open", &path))?;
        let path = path.as_path().into();
        let block = Block::open(BlockSource::File { file, path })?;
        layers.add_disk_block(DiskBlock {
            entry: *entry,
            block,
        });
    }
    Ok(layers)
}

/// Counts the series that blocks of the current day have.
fn mark_active(registry: &SeriesRegistry, layers: &Layers, now: Timestamp) {
    let today = now.day();
    for block in layers.disk.get(&today).into_iter().flatten() {
        registry.mark_active(block.block.series().iter().map(SeriesId), today, today);
    }
}

/// Blocks may have rows of defined series only: the definitions came into runs with them, in one edit.
fn expect_defined(registry: &SeriesRegistry, layers: &Layers) -> Result<(), UnknownSeries> {
    let mut named = RoaringBitmap::new();
    for block in layers.disk.values().flatten() {
        named |= block.block.series();
    }
    registry.expect_known(named.iter().map(SeriesId))
}

/// Whole files that no version names, and whose contents are elsewhere.
struct Leftovers {
    paths: Vec<PathBuf>,
    /// The highest number among them.
    last: Option<FileNumber>,
}

impl Leftovers {
    /// Changes nothing.
    fn find(disk: &Arc<dyn Disk>, version: &Version, known: Sequence) -> Result<Self, StoreError> {
        let root = Path::new("");
        let mut leftovers = Self {
            paths: Vec::new(),
            last: None,
        };
        for orphan in orphans(&**disk, version).map_err(disk_error("list", root))? {
            let (path, number, last) = match orphan {
                Orphan::Block { path, file } => {
                    let last = block_last(disk, &path);
                    (path, file, last)
                }
                Orphan::SeriesRun { path, file } => {
                    let last = run_last(disk, &path);
                    (path, file, last)
                }
                Orphan::Unknown { path } => {
                    tracing::warn!(path = %path.display(), "a file of an unknown name lies in the data directory");
                    continue;
                }
            };
            if let Some(last) = last.filter(|last| *last > known) {
                return Err(StoreError::LostEdit { path, last, known });
            }
            leftovers.paths.push(path);
            leftovers.last = leftovers.last.max(Some(number));
        }
        Ok(leftovers)
    }

    /// The next number that no file has: a replay that flushes must not write over one of them.
    fn next_file(&self, of_version: u64) -> FileNumber {
        let next = FileNumber(of_version);
        self.last.map_or(next, |last| next.max(last.next()))
    }

    /// Removes them, and unfinished files. Answers which.
    fn remove(self, disk: &Arc<dyn Disk>) -> Result<Vec<PathBuf>, StoreError> {
        let mut removed = remove_unfinished(&**disk).map_err(disk_error("clean", Path::new("")))?;
        for path in self.paths {
            disk.remove(&path).map_err(disk_error("remove", &path))?;
            removed.push(path);
        }
        Ok(removed)
    }
}

/// The last sequence of a whole block; None for anything else.
fn block_last(disk: &Arc<dyn Disk>, path: &Path) -> Option<Sequence> {
    let file = disk.open(path).ok()?;
    let path = path.into();
    let block = Block::open(BlockSource::File { file, path }).ok()?;
    Some(block.meta().last)
}

/// The same for a series run.
fn run_last(disk: &Arc<dyn Disk>, path: &Path) -> Option<Sequence> {
    let file = disk.open(path).ok()?;
    Some(read_summary(&*file).ok()?.last)
}

fn disk_error(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| StoreError::Disk {
        operation,
        path,
        source,
    }
}
