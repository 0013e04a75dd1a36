//! Rows in the order of the log, some thousands of them, shared with the scans that read them.
//!
//! Whoever looks for a few series in a full page would have to look at all its rows. So the first who does writes down
//! the places of the rows by series, 16 KiB a page; appends never do, and pages that nobody queries have none.

use std::ops::Deref;
use std::sync::OnceLock;

use roaring::RoaringBitmap;

use crate::row::Row;

/// Rows of a page: 192 KiB. A scan copies at most one page under the append lock.
pub(crate) const PAGE_ROWS: usize = 8_192;

/// With more series than these, looking at every row is cheaper.
const SERIES_SOUGHT_MAX: u64 = 256;

/// Some rows, immutable.
#[derive(Debug)]
pub(crate) struct Page {
    rows: Vec<Row>,
    by_series: OnceLock<BySeries>,
}

#[derive(Debug)]
struct BySeries {
    /// Places of rows, ascending by series, rows of one series in the order of the log.
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
        if self.rows.len() == PAGE_ROWS && series.len() <= SERIES_SOUGHT_MAX {
            let by_series = self.by_series.get_or_init(|| BySeries::of(&self.rows));
            if by_series.times.0 <= to && from <= by_series.times.1 {
                for series in series {
                    let rows = by_series.rows_of(&self.rows, count, series);
                    out.extend(rows.filter(|row| (from..=to).contains(&row.time)));
                }
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
        let times = rows.iter().map(|row| row.time);
        Self {
            places: keyed.into_iter().map(|(_, place)| place).collect(),
            times: (
                times.clone().min().unwrap_or(i64::MAX),
                times.max().unwrap_or(i64::MIN),
            ),
        }
    }

    /// The rows of a series among the first `count`.
    fn rows_of<'a>(
        &'a self,
        rows: &'a [Row],
        count: usize,
        series: u32,
    ) -> impl Iterator<Item = Row> + 'a {
        let row = |place: &u16| rows.get(usize::from(*place));
        let start = self
            .places
            .partition_point(|place| row(place).is_some_and(|row| row.series.0 < series));
        let places = self.places.get(start..).unwrap_or_default();
        places
            .iter()
            .map_while(move |place| Some((*place, *row(place).filter(|r| r.series.0 == series)?)))
            .filter(move |(place, _)| usize::from(*place) < count)
            .map(|(_, row)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{SeriesId, ValueKind};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Few series are found by their places, many by looking: both find the same.
        #[test]
        fn a_page_finds_what_looking_at_every_row_finds(
            step in 1u32..400,
            sought in proptest::collection::btree_set(0u32..400, 1..6),
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
