//! The one order: what happens under the append lock.
//!
//! A record gets its sequence, its place among the pending WAL bytes and its place in the memtable in one hold
//! of the lock, so log, memory and blocks agree on what came after what. Nothing here waits or touches a file.

use std::sync::Arc;

use penstock_model::Timestamp;

use super::layers::Layers;
use crate::memtable::ActiveRows;
use crate::row::{Row, Sequence};
use crate::tombstone::Tombstone;
use crate::wal::record;

/// Everything that the append lock guards.
#[derive(Debug)]
pub(crate) struct Log {
    /// The newest sequence given out.
    pub(crate) last: Sequence,
    pub(crate) pending: PendingRecords,
    pub(crate) active: ActiveRows,
    pub(crate) layers: Arc<Layers>,
    /// Somebody waits: write a group as soon as the disk is free.
    pub(crate) sync_wanted: bool,
    /// No append any more; what is pending is still written.
    pub(crate) closing: bool,
}

/// Records that have a sequence and are not in the WAL yet.
#[derive(Debug, Default)]
pub(crate) struct PendingRecords {
    pub(crate) bytes: Vec<u8>,
    /// The end of each record in `bytes`, with its sequence.
    ends: Vec<(usize, Sequence)>,
}

impl Log {
    pub(crate) fn new(last: Sequence, active: ActiveRows, layers: Layers) -> Self {
        Self {
            last,
            pending: PendingRecords::default(),
            active,
            layers: Arc::new(layers),
            sync_wanted: false,
            closing: false,
        }
    }

    /// Gives an encoded record its sequence and queues it for the WAL.
    pub(crate) fn push_record(&mut self, encoded: &mut [u8]) -> Sequence {
        self.last = self.last.next();
        record::set_sequence(encoded, self.last);
        self.pending.bytes.extend_from_slice(encoded);
        self.pending
            .ends
            .push((self.pending.bytes.len(), self.last));
        self.last
    }

    /// Queues a record of samples and makes its rows part of the memtable.
    pub(crate) fn push_samples(
        &mut self,
        encoded: &mut [u8],
        rows: &[Row],
        received: Timestamp,
        durable: Sequence,
    ) -> Sequence {
        let sequence = self.push_record(encoded);
        self.active.append(sequence, received, rows, durable);
        sequence
    }

    /// Seals the rows, so that all of them are older than the tombstone, and takes its sequence.
    pub(crate) fn push_tombstone(
        &mut self,
        encoded: &mut [u8],
        mut tombstone: Tombstone,
    ) -> Sequence {
        self.seal();
        let sequence = self.push_record(encoded);
        tombstone.sequence = sequence;
        self.change_layers(|layers| layers.tombstones.push(Arc::new(tombstone)));
        sequence
    }

    /// Swaps the active rows out into a sealed part. False if there were none.
    pub(crate) fn seal(&mut self) -> bool {
        let Some(part) = self.active.seal(self.last) else {
            return false;
        };
        self.change_layers(|layers| layers.unsorted.push(Arc::new(part)));
        true
    }

    /// Replaces the layers by a changed copy; scans under way keep the old one.
    pub(crate) fn change_layers(&mut self, change: impl FnOnce(&mut Layers)) {
        let mut layers = Layers::clone(&self.layers);
        change(&mut layers);
        self.layers = Arc::new(layers);
    }
}

impl PendingRecords {
    /// Whole records, cut into groups of at most `bytes_max` bytes (a single larger record is a group of its own).
    pub(crate) fn groups(&self, bytes_max: usize) -> Vec<PendingGroup<'_>> {
        let mut groups = Vec::new();
        let (mut start, mut end, mut first) = (0usize, 0usize, None);
        let mut last = Sequence::ZERO;
        for (record_end, sequence) in &self.ends {
            if record_end.saturating_sub(start) > bytes_max && end > start {
                groups.extend(self.group(start, end, first, last));
                start = end;
                first = None;
            }
            first = first.or(Some(*sequence));
            (end, last) = (*record_end, *sequence);
        }
        groups.extend(self.group(start, end, first, last));
        groups
    }

    fn group(
        &self,
        start: usize,
        end: usize,
        first: Option<Sequence>,
        last: Sequence,
    ) -> Option<PendingGroup<'_>> {
        Some(PendingGroup {
            records: self.bytes.get(start..end)?,
            first: first?,
            last,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// What one sync will cover.
#[derive(Debug)]
pub(crate) struct PendingGroup<'a> {
    pub(crate) records: &'a [u8],
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_whole_records_up_to_the_limit() {
        let mut pending = PendingRecords::default();
        for (size, sequence) in [(40, 1), (40, 2), (30, 3), (200, 4), (10, 5)] {
            pending.bytes.resize(pending.bytes.len() + size, 0);
            pending.ends.push((pending.bytes.len(), Sequence(sequence)));
        }
        let found: Vec<_> = pending
            .groups(100)
            .iter()
            .map(|g| (g.records.len(), g.first.0, g.last.0))
            .collect();
        assert_eq!(found, [(80, 1, 2), (30, 3, 3), (200, 4, 4), (10, 5, 5)]);
        assert!(PendingRecords::default().groups(100).is_empty());
    }
}
