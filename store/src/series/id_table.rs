//! From a hash to a number, where the hashed bytes lie elsewhere.
//!
//! ```text
//!   hash (64 bits)   ssssss ..................... hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh
//!                    shard                        kept beside the number: 8 bytes + 1 of control
//! ```
//!
//! Keeping half the hash means that a table grows without looking at the bytes again, and 64 shards mean that
//! growing moves a 64th of the entries at a time: nobody waits for the move of a million.

use hashbrown::HashTable;

use crate::series::width;

const SHARD_BITS: u32 = 6;

/// A multimap from hashes to numbers; the caller says which number is meant.
#[derive(Debug)]
pub(crate) struct IdTable {
    shards: Vec<HashTable<Slot>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    id: u32,
}

impl Slot {
    /// hashbrown takes the group from the low bits and the tag from the top seven.
    #[inline]
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

impl IdTable {
    pub(crate) fn new() -> Self {
        Self {
            shards: vec![HashTable::new(); 1 << SHARD_BITS],
        }
    }

    /// The number under `hash` that `is_meant`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        let kept = kept(hash);
        self.shards
            .get(shard(hash))?
            .find(Slot::spread(kept), |slot| {
                slot.hash == kept && is_meant(slot.id)
            })
            .map(|slot| slot.id)
    }

    /// Adds a number that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, id: u32) {
        let hash_kept = kept(hash);
        if let Some(shard) = self.shards.get_mut(shard(hash)) {
            let slot = Slot {
                hash: hash_kept,
                id,
            };
            shard.insert_unique(Slot::spread(hash_kept), slot, |slot| {
                Slot::spread(slot.hash)
            });
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.shards.iter().map(HashTable::allocation_size).sum()
    }
}

#[inline]
fn shard(hash: u64) -> usize {
    width::index(kept(hash >> (u64::BITS - SHARD_BITS)))
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is wanted"
)]
const fn kept(hash: u64) -> u32 {
    hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_are_told_apart_by_the_caller() {
        let mut table = IdTable::new();
        for id in 0..1_000 {
            table.insert(u64::from(id % 10) << 58 | 5, id);
        }
        for id in 0..1_000 {
            assert_eq!(
                table.find(u64::from(id % 10) << 58 | 5, |have| have == id),
                Some(id)
            );
        }
        assert_eq!(table.find(5, |have| have == 1), None);
        assert_eq!(table.find(6, |_| true), None);
    }
}
