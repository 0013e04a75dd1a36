//! Records: what one append puts into the log.
//!
//! ```text
//! | body length u32 | type u8 | sequence u64 | body |
//! ```
//!
//! All numbers are little endian. A record has no checksum: its group's covers it.

pub mod samples;

use penstock_model::{SeriesKey, TenantId};

use crate::row::{MetricId, Row, Sequence, SeriesId};

pub use samples::SamplesRecord;

/// Rows of one record at most.
pub const RECORD_ROWS_MAX: usize = 8_192;

/// Series of one tombstone record at most; a delete of more is several records.
pub const TOMBSTONE_SERIES_MAX: usize = 32_768;

/// What [`Records`] finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Record<'a> {
    /// Samples. In one record the later row wins.
    Samples(SamplesRecord<'a>),
    /// A series gets its number.
    Definition {
        /// The number.
        series: SeriesId,
        /// The number of its metric.
        metric: MetricId,
        /// Its key.
        key: SeriesKey,
    },
    /// Samples go.
    Tombstone(TombstoneRecord),
}

/// A delete of samples of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TombstoneRecord {
    /// Whose samples.
    pub tenant: TenantId,
    /// Of which series: ascending, at most [`TOMBSTONE_SERIES_MAX`].
    pub series: Vec<SeriesId>,
    /// The first millisecond.
    pub from: i64,
    /// The last millisecond.
    pub to: i64,
}

/// A record whose bytes mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged record: {0}")]
pub struct RecordError(pub &'static str);

/// Adds a samples record of 1 to [`RECORD_ROWS_MAX`] rows; its sequence is 0 until [`set_sequence`].
pub fn encode_samples(rows: &[Row], out: &mut Vec<u8>) {
    let _ = (rows, out);
    todo!()
}

/// Adds a definition record; its sequence is 0 until [`set_sequence`].
pub fn encode_definition(series: SeriesId, metric: MetricId, key: &SeriesKey, out: &mut Vec<u8>) {
    let _ = (series, metric, key, out);
    todo!()
}

/// Adds a tombstone record; its sequence is 0 until [`set_sequence`].
pub fn encode_tombstone(tombstone: &TombstoneRecord, out: &mut Vec<u8>) {
    let _ = (tombstone, out);
    todo!()
}

/// Gives the record that starts at `record`'s first byte its sequence.
pub fn set_sequence(record: &mut [u8], sequence: Sequence) {
    let _ = (record, sequence);
    todo!()
}

/// The records in the bytes of a group.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Reads records from these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(Sequence, Record<'a>), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let _ = self.rest;
        todo!()
    }
}
