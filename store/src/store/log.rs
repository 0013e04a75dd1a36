//! The one order: what happens under the append lock.
//!
//! A record gets its sequence, its place among the pending WAL bytes and its place in the memtable in one hold
//! of the lock, so log, memory and blocks agree on what came after what. Nothing here waits or touches a file.

use std::sync::Arc;

use penstock_model::Timestamp;

use super::gathering::Gathering;
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
    /// Who waits for what is pending.
    pub(crate) gathering: Gathering,
    /// The committer waits without an end: the next record has to wake it.
    pub(crate) committer_sleeps: bool,
    /// No append any more; what is pending is still written. Definitions may still come.
    pub(crate) closing: bool,
    /// Nobody waits for a flush any more, so the committer may end as soon as nothing is pending.
    pub(crate) maintenance_ended: bool,
}

/// Records that have a sequence and are not in the WAL yet.
#[derive(Debug, Default)]
pub(crate) struct PendingRecords {
    pub(crate) bytes: Vec<u8>,
    /// The end of each record in `bytes`, with its sequence.
    ends: Vec<(usize, Sequence)>,
    /// How many records are in the WAL already: a full disk may stop the writing in between.
    written: usize,
}

impl Log {
    pub(crate) fn new(last: Sequence, active: ActiveRows, layers: Layers) -> Self {
        Self {
            last,
            pending: PendingRecords::default(),
            active,
            layers: Arc::new(layers),
            gathering: Gathering::new(),
            committer_sleeps: false,
            closing: false,
            maintenance_ended: false,
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
    /// The next whole records that are not written, at most `bytes_max` bytes of them (a single larger record is a
    /// group of its own).
    pub(crate) fn next_group(&self, bytes_max: usize) -> Option<PendingGroup<'_>> {
        let start = match self.written.checked_sub(1) {
            Some(before) => self.ends.get(before)?.0,
            None => 0,
        };
        let unwritten = self.ends.get(self.written..)?;
        let fitting = unwritten.partition_point(|(end, _)| end.saturating_sub(start) <= bytes_max);
        let records = fitting.max(1);
        let (end, last) = *unwritten.get(records.checked_sub(1)?)?;
        let (_, first) = *unwritten.first()?;
        Some(PendingGroup {
            records: self.bytes.get(start..end)?,
            count: records,
            first,
            last,
        })
    }

    /// The next so many records are written.
    pub(crate) const fn advance(&mut self, records: usize) {
        self.written = self.written.saturating_add(records);
    }

    /// Whether every record is written.
    pub(crate) const fn is_empty(&self) -> bool {
        self.written >= self.ends.len()
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.written = 0;
    }
}

/// What one sync will cover.
#[derive(Debug)]
pub(crate) struct PendingGroup<'a> {
    pub(crate) records: &'a [u8],
    /// How many there are.
    pub(crate) count: usize,
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
        let mut found = Vec::new();
        while let Some(group) = pending.next_group(100) {
            found.push((group.records.len(), group.first.0, group.last.0));
            let count = group.count;
            pending.advance(count);
        }
        assert_eq!(found, [(80, 1, 2), (30, 3, 3), (200, 4, 4), (10, 5, 5)]);
        assert!(pending.is_empty());
        assert!(PendingRecords::default().next_group(100).is_none());
    }
}
