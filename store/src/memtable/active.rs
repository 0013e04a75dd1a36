//! Rows in the order of the log, in pages that a scan can share without copying.

use std::collections::VecDeque;
use std::sync::Arc;

use penstock_model::Timestamp;
use roaring::RoaringBitmap;

use super::page::{PAGE_ROWS, Page};
use super::sealed::UnsortedPart;
use crate::row::{Row, Sequence};

/// The rows appended since the last seal. Lives under the append lock.
#[derive(Debug, Default)]
pub(crate) struct ActiveRows {
    pages: Vec<Arc<Page>>,
    tail: Vec<Row>,
    marks: RecordMarks,
    span: Option<Span>,
}

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

impl ActiveRows {
    /// Adds the rows of one record. `durable` only lets it forget which record older rows belong to.
    pub(crate) fn append(
        &mut self,
        sequence: Sequence,
        received: Timestamp,
        rows: &[Row],
        durable: Sequence,
    ) {
        let mut rest = rows;
        while !rest.is_empty() {
            if self.tail.capacity() == 0 {
                self.tail.reserve_exact(PAGE_ROWS);
            }
            let room = PAGE_ROWS.saturating_sub(self.tail.len()).min(rest.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.tail.extend_from_slice(now);
            rest = later;
            if self.tail.len() >= PAGE_ROWS {
                let full = Page::new(std::mem::take(&mut self.tail));
                self.pages.push(Arc::new(full));
            }
        }
        let span = Span {
            first: sequence,
            last: sequence,
            received_first: received,
            received_last: received,
        };
        self.span = Some(self.span.map_or(span, |have| have.union(span)));
        self.marks.push(sequence, self.len(), durable);
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.pages
            .len()
            .saturating_mul(PAGE_ROWS)
            .saturating_add(self.tail.len())
    }

    /// When the oldest row was received.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.span.map(|span| span.received_first)
    }

    /// Swaps all rows out. `last` is the newest sequence of the log, whatever record has it: the part then
    /// speaks for every sequence up to it.
    pub(crate) fn seal(&mut self, last: Sequence) -> Option<UnsortedPart> {
        let span = self.span.take()?;
        let mut sealed = std::mem::take(self);
        if !sealed.tail.is_empty() {
            // Deletes seal parts of a few rows: they must not hold a page each.
            sealed.tail.shrink_to_fit();
            sealed.pages.push(Arc::new(Page::new(sealed.tail)));
        }
        let span = Span {
            last: last.max(span.last),
            ..span
        };
        Some(UnsortedPart::new(span, sealed.pages, sealed.marks))
    }

    /// The rows of records up to `durable`. Copies at most a page.
    pub(crate) fn view(&self, durable: Sequence) -> RowsView {
        let mut pages = self.pages.clone();
        pages.push(Arc::new(Page::new(self.tail.clone())));
        RowsView {
            pages,
            rows: self.marks.rows_up_to(durable),
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
    fn push(&mut self, sequence: Sequence, rows: usize, durable: Sequence) {
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

/// Sorts rows by series and time. Of rows that agree in both only the last is kept.
pub(crate) fn sort_last_wins(rows: &mut Vec<Row>) {
    gather_by_series(rows);
    for rows in rows.chunk_by_mut(|a, b| a.series == b.series) {
        if !rows.is_sorted_by_key(|row| row.time) {
            rows.sort_by_key(|row| row.time);
        }
    }
    keep_last_of_equal_times(rows);
}

/// Sorts rows by series and leaves those of one series in their order. Many rows of series that lie close together,
/// as those of one metric mostly do, are counted and put in their places.
fn gather_by_series(rows: &mut Vec<Row>) {
    /// Fewer are sorted faster than counted.
    const COUNTED_MIN: usize = 1_024;
    if rows.is_sorted_by_key(|row| row.series) {
        return;
    }
    let series = rows.iter().map(|row| row.series.0);
    let (first, last) = (series.clone().min(), series.max());
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let span = (last.saturating_sub(first) as usize).saturating_add(1);
    if rows.len() < COUNTED_MIN || span > rows.len().saturating_mul(4) {
        rows.sort_by_key(|row| row.series);
        return;
    }
    let slot = |row: &Row| row.series.0.saturating_sub(first) as usize;
    let mut next = vec![0usize; span];
    for row in rows.iter() {
        if let Some(count) = next.get_mut(slot(row)) {
            *count = count.saturating_add(1);
        }
    }
    let mut start = 0usize;
    for place in &mut next {
        let count = std::mem::replace(place, start);
        start = start.saturating_add(count);
    }
    let mut gathered = rows.clone();
    for row in rows.iter() {
        if let Some(place) = next.get_mut(slot(row)) {
            if let Some(to) = gathered.get_mut(*place) {
                *to = *row;
            }
            *place = place.saturating_add(1);
        }
    }
    *rows = gathered;
}

/// Of neighbours with the same series and time keeps the last.
pub(crate) fn keep_last_of_equal_times(rows: &mut Vec<Row>) {
    rows.dedup_by(|later, kept| {
        let same = later.series == kept.series && later.time == kept.time;
        if same {
            *kept = *later;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{SeriesId, ValueKind};

    fn row(series: u32, time: i64, bits: i64) -> Row {
        Row {
            time,
            bits,
            series: SeriesId(series),
            exponent: 0,
            kind: ValueKind::Integer,
        }
    }

    #[test]
    fn a_view_ends_with_the_last_durable_record() {
        let mut active = ActiveRows::default();
        let received = Timestamp::from_millis(1);
        active.append(
            Sequence(1),
            received,
            &[row(1, 1, 1), row(1, 2, 2)],
            Sequence(0),
        );
        active.append(Sequence(2), received, &[row(1, 3, 3)], Sequence(0));
        active.append(Sequence(5), received, &[row(1, 4, 4)], Sequence(1));
        for (durable, rows) in [(1, 2), (2, 3), (4, 3), (5, 4), (9, 4)] {
            assert_eq!(
                active.view(Sequence(durable)).iter().count(),
                rows,
                "durable {durable}"
            );
        }
        let part = active.seal(Sequence(7)).unwrap();
        assert_eq!(
            (part.span().first, part.span().last),
            (Sequence(1), Sequence(7))
        );
        assert_eq!(part.view(Sequence(2)).iter().count(), 3);
        assert_eq!(active.len(), 0);
        assert!(active.seal(Sequence(8)).is_none());
    }

    #[test]
    fn rows_cross_pages_in_order() {
        let mut active = ActiveRows::default();
        let rows: Vec<Row> = (0..20_000).map(|i| row(i % 7, i64::from(i), 0)).collect();
        active.append(Sequence(1), Timestamp::from_millis(1), &rows, Sequence(0));
        assert_eq!(active.len(), 20_000);
        let view = active.view(Sequence(1));
        assert!(view.iter().eq(rows.iter()));
        let wanted = RoaringBitmap::from_iter([3]);
        let selected = view.select(&wanted, (10_000, 20_000), |_| Ok::<(), ()>(()));
        let selected = selected.unwrap();
        assert!(selected.iter().all(|r| r.series.0 == 3 && r.time >= 10_000));
        assert!(selected.is_sorted_by_key(|r| r.time));
        let refused = view.select(&wanted, (10_000, 20_000), |rows| match rows {
            0..2_000 => Ok(()),
            more => Err(more),
        });
        assert_eq!(refused.unwrap_err(), 2 * selected.len());
    }

    #[test]
    fn many_rows_are_gathered_as_few_are() {
        let rows: Vec<Row> = (0u32..5_000)
            .map(|i| row(700 + i * 31 % 90, i64::from(i * 17 % 400), i64::from(i)))
            .collect();
        let mut sorted = rows.clone();
        sorted.sort_by_key(|row| (row.series, row.time));
        keep_last_of_equal_times(&mut sorted);
        let mut gathered = rows;
        sort_last_wins(&mut gathered);
        assert_eq!(gathered, sorted);
    }

    #[test]
    fn of_one_time_the_last_row_wins() {
        let mut rows = vec![
            row(1, 5, 1),
            row(0, 5, 2),
            row(1, 5, 3),
            row(1, 4, 4),
            row(1, 5, 5),
        ];
        sort_last_wins(&mut rows);
        assert_eq!(rows, [row(0, 5, 2), row(1, 4, 4), row(1, 5, 5)]);
    }
}
