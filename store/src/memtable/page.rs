//! Rows in the order of the log, some thousands of them, shared with the scans that read them.
//!
//! Whoever looks for some series in a full page would have to look at all its rows. So the first who does writes down
//! the places of the rows by series, 16 to 64 KiB a page; appends never do, and pages that nobody queries have none.

use std::ops::Deref;
use std::sync::OnceLock;

use roaring::RoaringBitmap;

use crate::row::Row;

/// Rows of a page: 192 KiB. A scan copies at most one page under the append lock.
pub(crate) const PAGE_ROWS: usize = 8_192;

/// Some rows, immutable.
#[derive(Debug)]
pub(crate) struct Page {
    rows: Vec<Row>,
    by_series: OnceLock<BySeries>,
}

#[derive(Debug)]
struct BySeries {
    /// Each series that has a row, ascending, and where its places end; they begin where those of the one before end.
    series: Vec<u32>,
    ends: Vec<u16>,
    /// Places of rows, series after series, rows of one series in the order of the log.
    places: Vec<u16>,
    /// The earliest and the latest row.
    times: (i64, i64),
}

impl Page {
    pub(crate) const fn new(rows: Vec<Row>) -> Self {
        Self {
            rows,
            by_series: OnceLock::new(),
        }
    }

    /// Appends those of the first `count` rows that are of these series and between two moments, inclusive. The order is
    /// that of the log within a series.
    pub(crate) fn select(
        &self,
        count: usize,
        series: &RoaringBitmap,
        (from, to): (i64, i64),
        out: &mut Vec<Row>,
    ) {
        if self.rows.len() == PAGE_ROWS {
            let by_series = self.by_series.get_or_init(|| BySeries::of(&self.rows));
            if by_series.times.0 <= to && from <= by_series.times.1 {
                let is_wanted = |place: &u16, row: &Row| {
                    usize::from(*place) < count && (from..=to).contains(&row.time)
                };
                by_series.visit(series, &mut |places| {
                    let rows = places.iter().filter_map(|place| {
                        let row = self.rows.get(usize::from(*place))?;
                        is_wanted(place, row).then_some(*row)
                    });
                    out.extend(rows);
                });
            }
            return;
        }
        let rows = self.rows.get(..count).unwrap_or(&self.rows);
        let is_wanted =
            |row: &&Row| (from..=to).contains(&row.time) && series.contains(row.series.0);
        out.extend(rows.iter().filter(is_wanted));
    }
}

impl Deref for Page {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}

impl BySeries {
    fn of(rows: &[Row]) -> Self {
        let mut keyed: Vec<(u32, u16)> = (0..=u16::MAX)
            .zip(rows)
            .map(|(place, row)| (row.series.0, place))
            .collect();
        keyed.sort_unstable();
        let (mut series, mut ends) = (Vec::new(), Vec::new());
        let mut end = 0u16;
        for run in keyed.chunk_by(|(a, _), (b, _)| a == b) {
            end = end.saturating_add(u16::try_from(run.len()).unwrap_or(u16::MAX));
            series.extend(run.first().map(|(series, _)| *series));
            ends.push(end);
        }
        let times = rows.iter().map(|row| row.time);
        Self {
            series,
            ends,
            places: keyed.into_iter().map(|(_, place)| place).collect(),
            times: (
                times.clone().min().unwrap_or(i64::MAX),
                times.max().unwrap_or(i64::MIN),
            ),
        }
    }

    /// Shows the places of each of these series that has any.
    fn visit(&self, sought: &RoaringBitmap, show: &mut dyn FnMut(&[u16])) {
        let mut at = 0usize;
        for series in sought {
            let rest = self.series.get(at..).unwrap_or_default();
            // Mostly it is one of the next few.
            let near = rest.get(..8).unwrap_or(rest);
            let step = near.iter().take_while(|have| **have < series).count();
            at = at.saturating_add(step);
            if step == near.len() {
                let rest = rest.get(step..).unwrap_or_default();
                at = at.saturating_add(rest.partition_point(|have| *have < series));
            }
            match self.series.get(at) {
                None => return,
                Some(have) if *have == series => show(self.places_at(at)),
                Some(_) => {}
            }
        }
    }

    fn places_at(&self, at: usize) -> &[u16] {
        let end_of = |at: usize| self.ends.get(at).copied().map_or(0, usize::from);
        let start = at.checked_sub(1).map_or(0, end_of);
        self.places.get(start..end_of(at)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{SeriesId, ValueKind};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_page_finds_what_looking_at_every_row_finds(
            step in 1u32..400,
            sought in proptest::collection::btree_set(0u32..400, 0..200),
            count in 0usize..=PAGE_ROWS,
            from in 0i64..9_000,
            length in 0i64..9_000,
        ) {
            let rows: Vec<Row> = (0u32..)
                .take(PAGE_ROWS)
                .map(|at| Row {
                    time: i64::from(at) * 7 % 9_000,
                    bits: i64::from(at),
                    series: SeriesId(at.wrapping_mul(step) % 400),
                    exponent: 0,
                    kind: ValueKind::Integer,
                })
                .collect();
            let range = (from, from + length);
            let expected: Vec<Row> = rows
                .iter()
                .take(count)
                .filter(|row| sought.contains(&row.series.0) && (range.0..=range.1).contains(&row.time))
                .copied()
                .collect();
            let series: RoaringBitmap = sought.into_iter().collect();
            let mut found = Vec::new();
            Page::new(rows).select(count, &series, range, &mut found);
            found.sort_by_key(|row| row.bits);
            prop_assert_eq!(found, expected);
        }
    }
}
