//! The newest sample of each of some series, however old: day after day backwards, until every series has one.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use penstock_model::{Day, Timestamp};
use roaring::RoaringBitmap;

use super::snapshot::Snapshot;
use super::window::Window;
use crate::error::StoreError;
use crate::row::{Row, SeriesId};

/// Shows the newest sample, not before `from`, of each of these series that has one, until `show` has seen enough.
/// Those with younger days come first.
///
/// # Errors
/// [`StoreError`] if a block is damaged or cannot be read.
pub fn latest(
    snapshot: &Arc<Snapshot>,
    mut series: RoaringBitmap,
    from: Timestamp,
    show: &mut dyn FnMut(SeriesId, Row) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    for day in days_with_rows(snapshot, &series, from)?.into_iter().rev() {
        if series.is_empty() {
            break;
        }
        let range = (day.start().max(from), day.end());
        let window = Window::of_series(Arc::clone(snapshot), &series, range, usize::MAX)?;
        for (place, id) in window.series().iter().enumerate() {
            if let Some(row) = window.open(place)?.last()? {
                series.remove(id.0);
                if show(*id, row).is_break() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The days for which a block or the memtable may have a row of these series.
fn days_with_rows(
    snapshot: &Snapshot,
    series: &RoaringBitmap,
    from: Timestamp,
) -> Result<BTreeSet<Day>, StoreError> {
    let mut days = snapshot.days(from.millis(), i64::MAX);
    let unsorted = snapshot.unsorted_rows(series, from.millis(), i64::MAX)?;
    days.extend(unsorted.iter().map(|row| row.timestamp().day()));
    Ok(days)
}
