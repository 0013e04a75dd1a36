//! A set of numbers, one bit each from the least to the greatest. For ids, which are dense; not for sparse or lasting sets
//! of few.

use crate::series::width;

/// A growing bit set.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdBits {
    /// Words of zeros that are left out in front: one series of a million must not cost what all of them do.
    left_out: usize,
    words: Vec<u64>,
}

impl IdBits {
    /// Adds `id`; false if it was there.
    #[inline]
    pub(crate) fn insert(&mut self, id: u32) -> bool {
        let (at, bit) = place(id);
        if self.words.is_empty() {
            self.left_out = at;
        }
        if at < self.left_out {
            let before = std::iter::repeat_n(0, self.left_out - at);
            self.words.splice(0..0, before);
            self.left_out = at;
        }
        let at = at - self.left_out;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let Some(word) = self.words.get_mut(at) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether `id` is in the set.
    #[inline]
    pub(crate) fn contains(&self, id: u32) -> bool {
        let (at, bit) = place(id);
        let at = at.checked_sub(self.left_out);
        let word = at.and_then(|at| self.words.get(at));
        word.is_some_and(|word| word & bit != 0)
    }

    /// Removes all, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The members, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let words = (self.left_out..).zip(&self.words);
        words.flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    width::id(at) * u64::BITS + bit
                })
            })
        })
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[inline]
fn place(id: u32) -> (usize, u64) {
    (width::index(id / u64::BITS), 1 << (id % u64::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_in_order_and_once() {
        let mut bits = IdBits::default();
        assert!(!bits.contains(7));
        for id in [700, 64, 0, 63, 700] {
            bits.insert(id);
        }
        assert!(!bits.insert(64) && bits.insert(65));
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 65, 700]);
        assert!(bits.contains(700) && !bits.contains(701) && !bits.contains(70_000));
        bits.clear();
        assert_eq!(bits.iter().next(), None);
        assert!(!bits.contains(0) && bits.insert(0) && bits.contains(0));
    }

    #[test]
    fn what_lies_before_the_least_takes_no_memory() {
        let mut bits = IdBits::default();
        bits.insert(1_000_000);
        assert!(!bits.contains(0) && bits.contains(1_000_000));
        assert!(bits.memory_bytes() < 100);
        bits.insert(999_000);
        assert!(bits.insert(1_000_001) && !bits.insert(1_000_000));
        assert_eq!(
            bits.iter().collect::<Vec<_>>(),
            [999_000, 1_000_000, 1_000_001]
        );
    }
}
