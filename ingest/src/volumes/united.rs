//! Rows of one series from several volumes, as one.
//!
//! A time that several volumes have is taken once, from the volume whose name is last. Which of two servers took a point
//! later nobody knows; so the rule is one that gives the same answer every time. A point that is to be changed is deleted
//! first, or sent to one server.

use penstock_query::Point;
use penstock_store::row::Row;

/// Rows that one call hands out at most, about.
const BATCH_ROWS: usize = 4_096;

/// Gives the next rows of a source, ascending, in place of what the buffer holds; `false` at the end.
pub type Refill<'a, T, E> = dyn FnMut(&mut Vec<T>) -> Result<bool, E> + 'a;

/// Something at a time.
pub trait Timed: Copy {
    /// When, in milliseconds.
    fn millis(&self) -> i64;
}

impl Timed for Row {
    fn millis(&self) -> i64 {
        self.time
    }
}

impl Timed for Point {
    fn millis(&self) -> i64 {
        self.time
    }
}

/// The rows of one series from several sources, each time once.
#[derive(Debug)]
pub struct RowMerge<T> {
    lanes: Vec<Lane<T>>,
}

#[derive(Debug)]
struct Lane<T> {
    rows: Vec<T>,
    at: usize,
    ended: bool,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            at: 0,
            ended: false,
        }
    }
}

impl<T> Default for RowMerge<T> {
    fn default() -> Self {
        Self { lanes: Vec::new() }
    }
}

impl<T: Timed> Lane<T> {
    fn time(&self) -> Option<i64> {
        self.rows.get(self.at).map(Timed::millis)
    }

    fn refill<E>(&mut self, refill: &mut Refill<'_, T, E>) -> Result<(), E> {
        while !self.ended && self.at >= self.rows.len() {
            self.at = 0;
            self.ended = !refill(&mut self.rows)?;
            if self.ended {
                self.rows.clear();
            }
        }
        Ok(())
    }
}

impl<T: Timed> RowMerge<T> {
    /// Begins another series. The buffers are kept.
    pub fn begin(&mut self, sources: usize) {
        self.lanes.resize_with(sources, Lane::default);
        for lane in &mut self.lanes {
            lane.rows.clear();
            (lane.at, lane.ended) = (0, false);
        }
    }

    /// Puts the next rows into `out`, in place of what it holds; `false` at the end. `sources` are always the same, in the
    /// order of their volumes' names.
    ///
    /// # Errors
    /// What a source says.
    pub fn next_batch<E>(
        &mut self,
        sources: &mut [&mut Refill<'_, T, E>],
        out: &mut Vec<T>,
    ) -> Result<bool, E> {
        out.clear();
        if let ([lane], [refill]) = (self.lanes.as_mut_slice(), &mut *sources) {
            // At its end it is not asked again: it may have gone on to the next series.
            lane.ended = lane.ended || !refill(out)?;
            return Ok(!lane.ended);
        }
        while out.len() < BATCH_ROWS {
            let mut first: Option<i64> = None;
            for (lane, refill) in self.lanes.iter_mut().zip(sources.iter_mut()) {
                lane.refill(*refill)?;
                first = match (first, lane.time()) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            let Some(first) = first else { break };
            let mut last_wins = None;
            for lane in &mut self.lanes {
                if lane.time() == Some(first) {
                    last_wins = lane.rows.get(lane.at).copied();
                    lane.at += 1;
                }
            }
            out.extend(last_wins);
        }
        Ok(!out.is_empty())
    }
}

#[cfg(test)]
mod tests;
