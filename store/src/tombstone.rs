//! Deletes that are remembered until no block holds what they hide.
//!
//! A delete seals the active rows and takes its sequence in one hold of the append lock, so every part and
//! every block is wholly older or wholly newer than it. It hides what is older at once; flush leaves hidden
//! rows out of the blocks it writes.

use std::sync::Arc;

pub use crate::manifest::Tombstone;
use crate::row::{Row, Sequence, SeriesId};

/// The moments of one series that are hidden in one source.
#[derive(Debug, Default, Clone)]
pub(crate) struct HiddenRanges(Vec<(i64, i64)>);

impl HiddenRanges {
    /// Gathers the tombstones that apply to rows of `series` in a source whose last sequence is `last`.
    pub(crate) fn of(tombstones: &[Arc<Tombstone>], series: SeriesId, last: Sequence) -> Self {
        let hiding = tombstones
            .iter()
            .filter(|tombstone| tombstone.sequence > last && tombstone.series.contains(series.0));
        Self(
            hiding
                .map(|tombstone| (tombstone.from, tombstone.to))
                .collect(),
        )
    }

    /// Removes hidden rows.
    pub(crate) fn apply(&self, rows: &mut Vec<Row>) {
        if !self.0.is_empty() {
            rows.retain(|row| {
                !self
                    .0
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&row.time))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::ValueKind;
    use penstock_model::TenantId;
    use roaring::RoaringBitmap;

    #[test]
    fn only_older_rows_of_its_series_and_moments_are_hidden() {
        let tombstone = Arc::new(Tombstone {
            sequence: Sequence(10),
            tenant: TenantId::from_bytes([1; 16]),
            series: RoaringBitmap::from_iter([3]),
            from: 100,
            to: 200,
        });
        let rows = |times: &[i64]| -> Vec<Row> {
            let row = |time: &i64| Row {
                time: *time,
                bits: 0,
                series: SeriesId(3),
                exponent: 0,
                kind: ValueKind::Integer,
            };
            times.iter().map(row).collect()
        };
        for (series, last, left) in [(3, 9, 2), (3, 10, 5), (4, 9, 5)] {
            let hidden =
                HiddenRanges::of(&[Arc::clone(&tombstone)], SeriesId(series), Sequence(last));
            let mut found = rows(&[99, 100, 150, 200, 201]);
            hidden.apply(&mut found);
            assert_eq!(found.len(), left, "series {series}, last {last}");
        }
    }
}
