//! The work behind appends: sorting and encoding sealed parts, flushing them, watching the disk.
//!
//! One thread does all of it, and it alone changes the manifest.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use penstock_model::Timestamp;

use super::layers::{DiskBlock, Layers};
use super::shared::Shared;
use crate::disk::{FileNumber, FileSink, file_names};
use crate::error::{ErrorKind, StoreError, WithCauses};
use crate::flush::job::{FlushJob, remove_block, still_hiding};
use crate::flush::policy::{FlushInputs, is_due};
use crate::manifest::{Edit, Manifest, SeriesRun, Version};
use crate::row::Sequence;
use crate::tombstone::Tombstone;
use crate::wal::DroppedTail;

/// How often age and free space are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Owns the manifest.
#[derive(Debug)]
pub(crate) struct Maintenance {
    manifest: Manifest,
    shared: Arc<Shared>,
    next_file: FileNumber,
}

impl Maintenance {
    pub(crate) fn new(manifest: Manifest, shared: Arc<Shared>) -> Self {
        let next_file = FileNumber(manifest.version().next_file);
        Self {
            manifest,
            shared,
            next_file,
        }
    }

    /// What the manifest says now.
    pub(crate) fn version(&self) -> Arc<Version> {
        self.manifest.version()
    }

    /// Replay only: remembers that the log had a torn end.
    pub(crate) fn record_dropped_tail(
        &mut self,
        tail: Option<DroppedTail>,
    ) -> Result<(), StoreError> {
        self.manifest.publish(Edit {
            dropped_tail: tail,
            ..Edit::default()
        })?;
        Ok(())
    }

    /// The thread: until the store is closed or has failed.
    pub(crate) fn run(mut self) {
        loop {
            let (flush_ticket, closing) = self.wait_for_work();
            if self.shared.is_stopped() {
                return;
            }
            match self.work(flush_ticket.is_some()) {
                Ok(()) => self
                    .shared
                    .disk_full
                    .store(self.disk_is_full(), Ordering::Relaxed),
                Err(error) if error.kind() == ErrorKind::Retry => {
                    tracing::warn!(error = %WithCauses(&error), "no room to flush");
                    self.shared.disk_full.store(true, Ordering::Relaxed);
                }
                Err(error) => return self.shared.fail(error),
            }
            self.report_done(flush_ticket);
            if closing {
                return;
            }
        }
    }

    /// Sleeps until there is something to do, a second at most. Says which flush was asked for.
    fn wait_for_work(&self) -> (Option<u64>, bool) {
        let mut requests = self.shared.maintenance.lock();
        let idle =
            !requests.look && !requests.closing && requests.flush_wanted == requests.flush_done;
        if idle && !self.shared.is_stopped() {
            self.shared
                .maintenance_changed
                .wait_for(&mut requests, TICK);
        }
        requests.look = false;
        let ticket = (requests.flush_wanted > requests.flush_done).then_some(requests.flush_wanted);
        (ticket, requests.closing)
    }

    fn report_done(&self, ticket: Option<u64>) {
        if let Some(ticket) = ticket {
            self.shared.maintenance.lock().flush_done = ticket;
            self.shared.maintenance_changed.notify_all();
        }
    }

    /// Encodes what is sealed, and flushes if that is asked for or due.
    pub(crate) fn work(&mut self, flush_wanted: bool) -> Result<(), StoreError> {
        self.encode_sealed()?;
        if flush_wanted || is_due(self.flush_inputs(), &self.shared.config) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush_inputs(&self) -> FlushInputs {
        let log = self.shared.log.lock();
        let oldest_part = log
            .layers
            .encoded
            .first()
            .map(|part| part.span.received_first);
        let oldest = oldest_part.or_else(|| log.active.oldest());
        FlushInputs {
            sealed_bytes: log.layers.encoded_bytes(),
            wal_bytes: self.shared.wal_bytes.load(Ordering::Relaxed),
            oldest_age: oldest.map_or(Duration::ZERO, |oldest| {
                age(self.shared.clock.now(), oldest)
            }),
        }
    }

    /// Sorts and encodes every sealed part, oldest first, each as soon as it is durable.
    fn encode_sealed(&mut self) -> Result<(), StoreError> {
        loop {
            let oldest = self
                .shared
                .log
                .lock()
                .layers
                .unsorted
                .first()
                .map(Arc::clone);
            let Some(part) = oldest else { return Ok(()) };
            // A block may only hold what the log cannot lose any more.
            if !self.shared.wait_durable(part.span().last) {
                return Err(StoreError::Stopped);
            }
            let encoded = part.encode(&self.shared.registry)?;
            let mut log = self.shared.log.lock();
            log.change_layers(|layers| layers.encoded_oldest(encoded));
            self.count_layers(&log.layers);
        }
    }

    fn count_layers(&self, layers: &Layers) {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.shared
            .unsorted_parts
            .store(count(layers.unsorted.len()), Ordering::Relaxed);
        self.shared
            .sealed_bytes
            .store(count(layers.encoded_bytes()), Ordering::Relaxed);
    }

    /// Writes everything in memory to disk blocks and frees the WAL up to there.
    fn flush(&mut self) -> Result<(), StoreError> {
        let upto = {
            let mut log = self.shared.log.lock();
            log.seal();
            log.last
        };
        if !self.shared.wait_durable(upto) {
            return Err(StoreError::Stopped);
        }
        self.encode_sealed()?;
        if upto <= self.shared.flushed() {
            return Ok(());
        }
        let layers = Arc::clone(&self.shared.log.lock().layers);
        let blocks = self.write_blocks(&layers, upto)?;
        let result = self.publish(&layers, &blocks, upto);
        let tombstones = match result {
            Ok(tombstones) => tombstones,
            Err(error) => {
                if error.kind() == ErrorKind::Retry {
                    for block in &blocks {
                        remove_block(&self.shared.disk, block);
                    }
                }
                return Err(error);
            }
        };
        let mut log = self.shared.log.lock();
        log.change_layers(|layers| {
            for block in blocks {
                layers.add_disk_block(block);
            }
            layers.forget_flushed(upto);
            layers.tombstones.retain(|tombstone| {
                tombstone.sequence > upto
                    || tombstones.iter().any(|kept| Arc::ptr_eq(kept, tombstone))
            });
        });
        self.count_layers(&log.layers);
        drop(log);
        self.shared.flushes.fetch_add(1, Ordering::Relaxed);
        self.shared.publish_flushed(upto);
        Ok(())
    }

    fn write_blocks(
        &mut self,
        layers: &Layers,
        upto: Sequence,
    ) -> Result<Vec<DiskBlock>, StoreError> {
        let parts: Vec<_> = layers
            .encoded
            .iter()
            .filter(|part| part.span.last <= upto)
            .map(Arc::clone)
            .collect();
        let tombstones: Vec<_> = layers
            .tombstones
            .iter()
            .filter(|tombstone| tombstone.sequence <= upto)
            .map(Arc::clone)
            .collect();
        let mut job = FlushJob {
            disk: &self.shared.disk,
            parts: &parts,
            tombstones: &tombstones,
            next_file: self.next_file,
        };
        let blocks = job.write_blocks();
        self.next_file = job.next_file;
        blocks
    }

    /// Writes the new series' run and one manifest edit. Returns the tombstones that are still needed.
    fn publish(
        &mut self,
        layers: &Layers,
        blocks: &[DiskBlock],
        upto: Sequence,
    ) -> Result<Vec<Arc<Tombstone>>, StoreError> {
        let run = self.write_series_run(upto)?;
        let known: Vec<_> = layers
            .tombstones
            .iter()
            .filter(|tombstone| tombstone.sequence <= upto)
            .map(Arc::clone)
            .collect();
        // The new blocks have had them applied; only older ones can still hold hidden rows.
        let kept = still_hiding(&known, &layers.disk);
        let in_manifest = self.manifest.version();
        let is_named = |sequence: Sequence| {
            in_manifest
                .tombstones
                .iter()
                .any(|t| t.sequence == sequence)
        };
        let next = self.shared.registry.next_ids();
        let edit = Edit {
            add_blocks: blocks.iter().map(|block| block.entry).collect(),
            add_runs: run.into_iter().collect(),
            add_tombstones: kept
                .iter()
                .filter(|t| !is_named(t.sequence))
                .map(|t| Tombstone::clone(t))
                .collect(),
            remove_tombstones: in_manifest
                .tombstones
                .iter()
                .map(|tombstone| tombstone.sequence)
                .filter(|sequence| !kept.iter().any(|t| t.sequence == *sequence))
                .collect(),
            flushed: Some(upto),
            next_series: Some(next.series.0),
            next_metric: Some(next.metric.0),
            next_file: Some(self.next_file.0),
            ..Edit::default()
        };
        self.manifest.publish(edit)?;
        self.shared.registry.mark_written(upto);
        Ok(kept)
    }

    /// None if no series is new since the last run.
    fn write_series_run(&mut self, upto: Sequence) -> Result<Option<SeriesRun>, StoreError> {
        let Some(contents) = self.shared.registry.unwritten(upto) else {
            return Ok(None);
        };
        let number = self.next_file;
        self.next_file = self.next_file.next();
        let path = file_names::series_run(number);
        let disk_error = |source| StoreError::Disk {
            operation: "write",
            path: path.clone(),
            source,
        };
        let mut sink = FileSink::create(&self.shared.disk, &path).map_err(disk_error)?;
        let summary = self
            .shared
            .registry
            .write_run(&contents, &mut |bytes| sink.write_all(bytes))
            .map_err(disk_error)?;
        sink.publish().map_err(disk_error)?;
        Ok(Some(SeriesRun {
            file: number,
            series: u64::from(summary.series),
        }))
    }

    fn disk_is_full(&self) -> bool {
        match self.shared.disk.free_space() {
            Ok(space) => {
                let percent = u64::from(self.shared.config.free_space_percent_min);
                space.free < space.total / 100 * percent
            }
            Err(error) => {
                tracing::warn!(
                    error = %WithCauses(&error),
                    "cannot tell the free disk space"
                );
                false
            }
        }
    }
}

fn age(now: Timestamp, then: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.millis().saturating_sub(then.millis())).unwrap_or(0))
}
