//! What may be seen of rows in the order of the log: those of records that are durable.

use std::collections::VecDeque;
use std::sync::Arc;

use penstock_model::Timestamp;
use roaring::RoaringBitmap;

use super::order::sort_last_wins;
use super::page::Page;
use crate::row::{Row, Sequence};

/// The range of sequences and of receive times of some rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
    pub(crate) received_first: Timestamp,
    pub(crate) received_last: Timestamp,
}

impl Span {
    /// The smallest range that has both.
    #[must_use]
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            received_first: self.received_first.min(other.received_first),
            received_last: self.received_last.max(other.received_last),
        }
    }
}

/// Which rows belong to records that are not durable yet.
#[derive(Debug, Default)]
pub(crate) struct RecordMarks {
    /// Rows of records known to be durable.
    durable_rows: usize,
    /// Per later record its sequence and the number of rows up to its end.
    later: VecDeque<(Sequence, usize)>,
}

impl RecordMarks {
    /// Notes that the rows up to so many are those up to this record.
    pub(crate) fn push(&mut self, sequence: Sequence, rows: usize, durable: Sequence) {
        while let Some((_, rows)) = self
            .later
            .pop_front_if(|(sequence, _)| *sequence <= durable)
        {
            self.durable_rows = rows;
        }
        self.later.push_back((sequence, rows));
    }

    /// How many rows come from records up to `durable`, or a little later if those are durable too.
    pub(crate) fn rows_up_to(&self, durable: Sequence) -> usize {
        let at = self
            .later
            .partition_point(|(sequence, _)| *sequence <= durable);
        match at.checked_sub(1).and_then(|last| self.later.get(last)) {
            Some((_, rows)) => *rows,
            None => self.durable_rows,
        }
    }
}

/// The rows that a scan may see, in the order of the log.
#[derive(Debug, Clone)]
pub(crate) struct RowsView {
    pages: Vec<Arc<Page>>,
    rows: usize,
}

impl RowsView {
    /// A view of the first `rows` rows of the pages.
    pub(crate) const fn new(pages: Vec<Arc<Page>>, rows: usize) -> Self {
        Self { pages, rows }
    }

    /// All rows of the view, in the order of the log.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.pages
            .iter()
            .flat_map(|page| page.iter())
            .take(self.rows)
    }

    /// The rows of some series between two moments, inclusive, sorted by series and time; of several rows
    /// of one series and time only the last. `has_room` is asked page after page whether so many rows may be held: twice
    /// those that are found, since sorting them takes as many again.
    pub(crate) fn select<E>(
        &self,
        series: &RoaringBitmap,
        (from, to): (i64, i64),
        mut has_room: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<Row>, E> {
        let mut rows = Vec::new();
        if series.is_empty() {
            return Ok(rows);
        }
        let mut left = self.rows;
        for page in &self.pages {
            let count = left.min(page.len());
            page.select(count, series, (from, to), &mut rows);
            left = left.saturating_sub(count);
            has_room(rows.len().saturating_mul(2))?;
        }
        sort_last_wins(&mut rows);
        Ok(rows)
    }
}
