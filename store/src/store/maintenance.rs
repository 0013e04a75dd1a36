//! The work behind appends: sorting and encoding sealed parts, flushing them, watching the disk.
//!
//! One thread does all of it, and it alone changes the manifest.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use penstock_model::{Timestamp, WithCauses};

use super::layers::{DiskBlock, Layers};
use super::shared::Shared;
use crate::disk::{FileNumber, FileSink, file_names};
use crate::error::{ErrorKind, StoreError};
use crate::flush::job::{FlushJob, remove_files, still_hiding};
use crate::flush::policy::{FlushInputs, is_due};
use crate::manifest::{Edit, Manifest, SeriesRun, Version};
use crate::memtable::UnsortedPart;
use crate::row::Sequence;
use crate::tombstone::Tombstone;
use crate::wal::{DroppedTail, SegmentPool, WalErrorKind};

/// How often age and free space are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Owns the manifest.
#[derive(Debug)]
pub(crate) struct Maintenance {
    manifest: Manifest,
    shared: Arc<Shared>,
    next_file: FileNumber,
    /// The log's free segments; none while it is being replayed.
    segments: Option<Arc<SegmentPool>>,
}

impl Maintenance {
    /// `next_file` is a number that no file has, named or not, nor any higher one.
    pub(crate) fn new(manifest: Manifest, shared: Arc<Shared>, next_file: FileNumber) -> Self {
        Self {
            manifest,
            shared,
            next_file,
            segments: None,
        }
    }

    /// Replay is over: from now on a free segment is kept ready.
    pub(crate) fn keep_segments(&mut self, segments: Arc<SegmentPool>) {
        self.segments = Some(segments);
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
        self.run_until_closed();
        self.shared.log.lock().maintenance_ended = true;
        self.shared.work.notify_one();
    }

    fn run_until_closed(&mut self) {
        loop {
            let (flush_ticket, closing) = self.wait_for_work();
            if self.shared.is_stopped() {
                return;
            }
            match self.work(flush_ticket.is_some()) {
                Err(error) if error.kind() != ErrorKind::Retry => return self.shared.fail(error),
                _ => {}
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

    /// Makes the next segment, encodes what is sealed, and flushes if that is asked for or due.
    ///
    /// # Errors
    /// Of the kind [`ErrorKind::Retry`] if the disk is full; appends are then refused until there is room.
    pub(crate) fn work(&mut self, flush_wanted: bool) -> Result<(), StoreError> {
        let worked = self.try_to_work(flush_wanted);
        let no_room = matches!(&worked, Err(error) if error.kind() == ErrorKind::Retry);
        let is_full = no_room || self.is_reserve_touched();
        if self.shared.disk_is_full.swap(is_full, Ordering::Relaxed) != is_full {
            if let Err(error) = &worked {
                tracing::warn!(error = %WithCauses(error), "no room on the disk");
            } else {
                tracing::warn!(is_full, "free space passed the reserve");
            }
        }
        worked
    }

    fn try_to_work(&mut self, flush_wanted: bool) -> Result<(), StoreError> {
        let segment = match self.segments.as_ref().map(|segments| segments.prepare()) {
            Some(Err(error)) if error.kind() == WalErrorKind::NoSpace => Err(error),
            Some(Err(error)) => return Err(error.into()),
            _ => Ok(()),
        };
        let newest = self.shared.log.lock().last;
        self.encode_sealed(newest)?;
        // A flush lets go of segments, so it is also the way to the next one when none can be made.
        let lacks_segment = segment.is_err() || self.shared.log_lacks_room();
        if flush_wanted || lacks_segment || is_due(self.flush_inputs(), &self.shared.config) {
            self.flush()?;
        }
        Ok(segment?)
    }

    /// Replay only: encodes what is sealed and flushes if that takes too much memory.
    pub(crate) fn make_room(&mut self) -> Result<(), StoreError> {
        let (newest, sealed_max) = {
            let log = self.shared.log.lock();
            (log.last, self.shared.config.sealed_bytes_max)
        };
        self.encode_sealed(newest)?;
        if self.flush_inputs().sealed_bytes >= sealed_max {
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

    /// Sorts and encodes the sealed parts up to a sequence, oldest first, each as soon as it is durable. What
    /// cannot become durable, since the log has no room, stays.
    fn encode_sealed(&self, upto: Sequence) -> Result<(), StoreError> {
        loop {
            let oldest = self.oldest_unsorted();
            let Some(part) = oldest.filter(|part| part.span().last <= upto) else {
                return Ok(());
            };
            // A block may only hold what the log cannot lose any more.
            if !self.shared.wait_durable_while_room(part.span().last)? {
                return Ok(());
            }
            let encoded = part.encode(&self.shared.registry)?;
            self.change_layers(|layers| layers.encoded_oldest(encoded));
        }
    }

    fn oldest_unsorted(&self) -> Option<Arc<UnsortedPart>> {
        let log = self.shared.log.lock();
        log.layers.unsorted.first().map(Arc::clone)
    }

    fn change_layers(&self, change: impl FnOnce(&mut Layers)) {
        let mut log = self.shared.log.lock();
        log.change_layers(change);
        self.shared.measure(&log);
    }

    /// Writes everything in memory to disk blocks and frees the WAL up to there.
    fn flush(&mut self) -> Result<(), StoreError> {
        let target = {
            let mut log = self.shared.log.lock();
            log.seal();
            self.shared.measure(&log);
            log.last
        };
        let is_durable = self.shared.wait_durable_while_room(target)?;
        self.encode_sealed(target)?;
        if is_durable {
            return self.flush_encoded(target);
        }
        // The log has no room for the rest. What it has can go to blocks, and then its segments can be used again.
        let encoded = {
            let log = self.shared.log.lock();
            log.layers.encoded.last().map(|part| part.span.last)
        };
        encoded.map_or(Ok(()), |upto| self.flush_encoded(upto))
    }

    /// Writes the encoded parts up to a sequence to disk blocks, and the definitions and deletes with them.
    fn flush_encoded(&mut self, upto: Sequence) -> Result<(), StoreError> {
        if upto <= self.shared.flushed() {
            return Ok(());
        }
        let layers = Arc::clone(&self.shared.log.lock().layers);
        let blocks = self.write_blocks(&layers, upto)?;
        let mut unnamed: Vec<PathBuf> = blocks.iter().map(DiskBlock::path).collect();
        let published = self.write_series_run(upto).and_then(|run| {
            unnamed.extend(run.map(|run| file_names::series_run(run.file)));
            self.publish(&layers, &blocks, run, upto)
        });
        let kept = match published {
            Err(error) if error.kind() == ErrorKind::Retry => {
                remove_files(&self.shared.disk, &unnamed);
                return Err(error);
            }
            published => published?,
        };
        self.change_layers(|layers| {
            for block in blocks {
                layers.add_disk_block(block);
            }
            layers.forget_flushed(upto);
            layers.tombstones.retain(|tombstone| {
                tombstone.sequence > upto || kept.iter().any(|kept| Arc::ptr_eq(kept, tombstone))
            });
        });
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
            registry: &self.shared.registry,
            parts: &parts,
            tombstones: &tombstones,
            next_file: self.next_file,
        };
        let blocks = job.write_blocks();
        self.next_file = job.next_file;
        blocks
    }

    /// Makes blocks and run part of the store, in one edit. Returns the tombstones that are still needed.
    fn publish(
        &mut self,
        layers: &Layers,
        blocks: &[DiskBlock],
        run: Option<SeriesRun>,
        upto: Sequence,
    ) -> Result<Vec<Arc<Tombstone>>, StoreError> {
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

    /// Whether less is free than appends must leave.
    fn is_reserve_touched(&self) -> bool {
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
