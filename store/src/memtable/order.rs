//! Rows from the order of the log to that of series and time.

use crate::row::Row;

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
