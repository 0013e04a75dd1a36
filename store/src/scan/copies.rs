//! Rows that readers have copied out of the memtable, counted.
//!
//! A reader holds what it has copied until its client has read the answer. Without a bound, a few clients that do not read
//! would take as much memory as they are many; so all copies of a store have one budget, and who finds no room in it is
//! told to come back.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::StoreError;
use crate::row::Row;

/// What all copies of a store take together. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct CopyBudget {
    taken: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// Some copied rows; dropped, they give their room back.
#[derive(Debug)]
pub(crate) struct CopiedRows {
    rows: Vec<Row>,
    _room: Room,
}

/// A part of a budget.
#[derive(Debug)]
pub(crate) struct Room {
    budget: CopyBudget,
    bytes: usize,
}

impl CopyBudget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            taken: Arc::default(),
            bytes_max,
        }
    }

    /// Bytes that are taken now.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// No room yet.
    pub(crate) fn room(&self) -> Room {
        Room {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Room {
    /// Makes it as large as so many rows.
    ///
    /// # Errors
    /// [`StoreError::CopiesFull`]; it is then as it was.
    pub(crate) fn for_rows(&mut self, rows: usize) -> Result<(), StoreError> {
        let bytes = rows.saturating_mul(size_of::<Row>());
        if bytes <= self.bytes {
            let less = self.bytes.saturating_sub(bytes);
            self.budget.taken.fetch_sub(less, Ordering::Relaxed);
            self.bytes = bytes;
            return Ok(());
        }
        let more = bytes.saturating_sub(self.bytes);
        let taken = self.budget.taken.fetch_add(more, Ordering::Relaxed);
        if taken.saturating_add(more) > self.budget.bytes_max {
            self.budget.taken.fetch_sub(more, Ordering::Relaxed);
            return Err(StoreError::CopiesFull {
                bytes_max: self.budget.bytes_max,
            });
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl CopiedRows {
    /// Rows that have as much of the budget as they take from now on.
    ///
    /// # Errors
    /// As [`Room::for_rows`].
    pub(crate) fn new(mut rows: Vec<Row>, mut room: Room) -> Result<Self, StoreError> {
        if rows.capacity() > rows.len().saturating_mul(2) {
            rows.shrink_to_fit();
        }
        room.for_rows(rows.capacity())?;
        Ok(Self { rows, _room: room })
    }
}

impl Deref for CopiedRows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = CopyBudget::new(10 * size_of::<Row>());
        let mut one = budget.room();
        let mut other = budget.room();
        one.for_rows(6).unwrap();
        let full = other.for_rows(5).unwrap_err();
        assert!(full.to_string().contains("240"), "{full}");
        assert_eq!(budget.taken(), 6 * size_of::<Row>());
        one.for_rows(5).unwrap();
        other.for_rows(5).unwrap();
        drop(one);
        assert_eq!(budget.taken(), 5 * size_of::<Row>());
        let rows = CopiedRows::new(Vec::new(), other).unwrap();
        assert_eq!((rows.len(), budget.taken()), (0, 0));
    }
}
