//! Rows in the order of the log, in pages that a scan can share without copying.

use std::sync::Arc;

use penstock_model::Timestamp;

use super::page::{PAGE_ROWS, Page};
use super::sealed::UnsortedPart;
use super::view::{RecordMarks, RowsView, Span};
use crate::row::{Row, Sequence};

/// The rows appended since the last seal. Lives under the append lock.
#[derive(Debug, Default)]
pub(crate) struct ActiveRows {
    pages: Vec<Arc<Page>>,
    tail: Vec<Row>,
    marks: RecordMarks,
    span: Option<Span>,
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
        RowsView::new(pages, self.marks.rows_up_to(durable))
    }
}

#[cfg(test)]
mod tests {
    use roaring::RoaringBitmap;

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
}
