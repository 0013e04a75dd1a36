//! What a page holds once unpacked: columns, so that like stands by like for the compressor.
//!
//! ```text
//!   │ count │ shared ... │ length ... │ series ... │ metric ... │ suffixes │
//!     shared    bytes that the key has in common with the key before; 0 for the first
//!     length    bytes of the key's own suffix
//!     series    id, as the signed difference from the one before; the first from 0
//!     metric    likewise
//! ```
//!
//! All numbers are varints. `suffixes` ends the page to the byte.

use crate::codec::input::{Input, InputError};
use crate::codec::varint::{put_i64, put_u64};
use crate::row::{MetricId, SeriesId};
use crate::series::run::{Definition, PAGE_KEY_BYTES};

/// Collects definitions in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct PageBuilder {
    count: u64,
    shared: Vec<u8>,
    lengths: Vec<u8>,
    series: Vec<u8>,
    metrics: Vec<u8>,
    suffixes: Vec<u8>,
    previous: Vec<u8>,
    last_series: u32,
    last_metric: u32,
}

impl PageBuilder {
    pub(super) fn push(&mut self, definition: Definition<'_>) {
        let (before, key) = (&self.previous, definition.key);
        let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
        let suffix = key.get(shared..).unwrap_or_default();
        put_u64(&mut self.shared, length(shared));
        put_u64(&mut self.lengths, length(suffix.len()));
        self.suffixes.extend_from_slice(suffix);
        let (series, metric) = (definition.series.0, definition.metric.0);
        put_i64(
            &mut self.series,
            i64::from(series) - i64::from(self.last_series),
        );
        put_i64(
            &mut self.metrics,
            i64::from(metric) - i64::from(self.last_metric),
        );
        (self.last_series, self.last_metric) = (series, metric);
        self.previous.truncate(shared);
        self.previous.extend_from_slice(suffix);
        self.count += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.suffixes.len() >= PAGE_KEY_BYTES
    }

    /// Gives the page's bytes and begins the next page.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut raw = Vec::new();
        put_u64(&mut raw, self.count);
        for column in [
            &mut self.shared,
            &mut self.lengths,
            &mut self.series,
            &mut self.metrics,
            &mut self.suffixes,
        ] {
            raw.append(column);
        }
        self.previous.clear();
        (self.count, self.last_series, self.last_metric) = (0, 0, 0);
        raw
    }
}

/// Why a page's bytes make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Senseless(pub(super) &'static str);

impl From<InputError> for Senseless {
    fn from(_: InputError) -> Self {
        Self("a page ends early or has a number that is too large")
    }
}

/// Visits the definitions of a page. `key` holds the last key of the page before, none at first.
pub(super) fn visit<E: From<Senseless>>(
    raw: &[u8],
    key: &mut Vec<u8>,
    visit: &mut dyn FnMut(Definition<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut shared = Input::new(raw);
    let count = shared.varint().map_err(Senseless::from)?;
    let mut lengths = shared;
    skip(&mut lengths, count)?;
    let mut series = lengths;
    skip(&mut series, count)?;
    let mut metrics = series;
    skip(&mut metrics, count)?;
    let mut suffixes = metrics;
    skip(&mut suffixes, count)?;
    let (mut last_series, mut last_metric) = (0, 0);
    for nth in 0..count {
        let common = shared.varint_usize().map_err(Senseless::from)?;
        let own = lengths.varint_usize().map_err(Senseless::from)?;
        let suffix = suffixes.take(own).map_err(Senseless::from)?;
        if nth == 0 && common > 0 || key.get(common..).is_none_or(|before| before >= suffix) {
            return Err(Senseless("keys are not in ascending order").into());
        }
        key.truncate(common);
        key.extend_from_slice(suffix);
        last_series = step(last_series, &mut series)?;
        last_metric = step(last_metric, &mut metrics)?;
        visit(Definition {
            series: SeriesId(last_series),
            metric: MetricId(last_metric),
            key,
        })?;
    }
    if suffixes.is_empty() {
        Ok(count)
    } else {
        Err(Senseless("a page is longer than its definitions").into())
    }
}

fn skip(input: &mut Input<'_>, count: u64) -> Result<(), Senseless> {
    for _ in 0..count {
        input.varint()?;
    }
    Ok(())
}

fn step(last: u32, differences: &mut Input<'_>) -> Result<u32, Senseless> {
    let difference = differences.signed_varint()?;
    let number = i64::from(last).checked_add(difference);
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(Senseless("an id is too large"))
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
