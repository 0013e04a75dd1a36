//! The series of one metric or tag pair: ascending ids, 4 bytes each. The many pairs that one series alone has
//! (a serial number, a container) need no allocation.

/// An ascending list of series ids.
#[derive(Clone, Debug)]
pub(crate) enum Postings {
    One(u32),
    Many(Vec<u32>),
}

impl Postings {
    pub(crate) const fn new() -> Self {
        Self::Many(Vec::new())
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Appends `id`. False if it broke the order: [`Postings::restore_order`] is due before anybody reads.
    #[must_use]
    pub(crate) fn append(&mut self, id: u32) -> bool {
        let in_order = self.as_slice().last().is_none_or(|last| *last < id);
        match self {
            Self::Many(ids) if ids.capacity() == 0 => *self = Self::One(id),
            Self::Many(ids) => {
                if ids.len() == ids.capacity() {
                    // A quarter more, not twice as much: most lists stop growing soon.
                    ids.reserve_exact((ids.len() / 4).max(4));
                }
                ids.push(id);
            }
            Self::One(first) => {
                let mut ids = Vec::with_capacity(4);
                ids.extend([*first, id]);
                *self = Self::Many(ids);
            }
        }
        in_order
    }

    /// Sorts what [`Postings::append`] took out of order.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "loading leaves one sorted list behind another: the stable sort merges such runs"
    )]
    pub(crate) fn restore_order(&mut self) {
        if let Self::Many(ids) = self {
            ids.sort();
        }
    }

    /// Bytes of memory beyond the value itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many(ids) => ids.capacity() * size_of::<u32>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_ascending_and_out_of_order_ones_are_told() {
        let mut postings = Postings::new();
        assert!(postings.as_slice().is_empty());
        for id in [3, 5, 9, 12, 13, 20] {
            assert!(postings.append(id));
        }
        assert!(!postings.append(4));
        postings.restore_order();
        assert_eq!(postings.as_slice(), [3, 4, 5, 9, 12, 13, 20]);
        assert_eq!(postings.len(), 7);
    }

    #[test]
    fn a_value_is_no_larger_than_a_vector() {
        assert_eq!(size_of::<Postings>(), size_of::<Vec<u32>>());
    }
}
