//! From a hash to a number, where the hashed bytes lie elsewhere.
//!
//! ```text
//!   hash (64 bits)   ssssss ..................... hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh
//!                    shard                        place, and kept beside the number
//!   a shard          │ hash number │ - │ hash number │ hash number │ - │ ...       2^n slots of 8 bytes
//! ```
//!
//! Open addressing with the next slot as the next try: a look-up of a table that is larger than the caches
//! costs one miss, where a table with control bytes of their own costs two. Keeping half the hash means that a
//! table grows without looking at the bytes again, and 64 shards mean that growing moves a 64th of the entries
//! at a time: nobody waits for the move of a million. Nothing is ever removed.

use crate::series::width;

const SHARD_BITS: u32 = 6;

/// A multimap from hashes to numbers; the caller says which number is meant.
#[derive(Debug)]
pub(crate) struct IdTable {
    shards: Vec<Shard>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    /// A power of two, or none yet.
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    number: u32,
}

impl Slot {
    /// No number is as large: it would be the 2^32nd.
    const FREE: Self = Self {
        hash: 0,
        number: u32::MAX,
    };

    const fn is_free(self) -> bool {
        self.number == Self::FREE.number
    }
}

impl IdTable {
    pub(crate) fn new() -> Self {
        Self {
            shards: vec![Shard::default(); 1 << SHARD_BITS],
        }
    }

    /// The number under `hash` that `is_meant`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        self.shards
            .get(shard_of(hash))?
            .find(lower_half(hash), is_meant)
    }

    /// Adds a number that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            let hash = lower_half(hash);
            shard.insert(Slot { hash, number });
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let slots = self.shards.iter().map(|shard| shard.slots.capacity());
        slots.sum::<usize>() * size_of::<Slot>()
    }
}

impl Shard {
    #[inline]
    fn find(&self, hash: u32, mut is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = width::index(hash) & mask;
        // A quarter of the slots is free: this ends.
        loop {
            let slot = self.slots.get(at).filter(|slot| !slot.is_free())?;
            if slot.hash == hash && is_meant(slot.number) {
                return Some(slot.number);
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, slot: Slot) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.place(slot);
        self.used += 1;
    }

    fn grow(&mut self) {
        let larger = vec![Slot::FREE; (self.slots.len() * 2).max(4)];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if !slot.is_free() {
                self.place(slot);
            }
        }
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len().saturating_sub(1);
        let mut at = width::index(slot.hash) & mask;
        while let Some(here) = self.slots.get_mut(at) {
            if here.is_free() {
                *here = slot;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

#[inline]
fn shard_of(hash: u64) -> usize {
    width::index(lower_half(hash >> (u64::BITS - SHARD_BITS)))
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is wanted"
)]
const fn lower_half(hash: u64) -> u32 {
    hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_are_told_apart_by_the_caller() {
        let mut table = IdTable::new();
        assert_eq!(table.find(5, |_| true), None);
        let hash = |number: u32| u64::from(number % 3) << 58 | u64::from(number % 10);
        for number in 0..1_000 {
            table.insert(hash(number), number);
        }
        for number in 0..1_000 {
            assert_eq!(
                table.find(hash(number), |have| have == number),
                Some(number)
            );
        }
        assert_eq!(table.find(5, |_| false), None);
        assert_eq!(table.find(11, |_| true), None);
    }
}
