//! Records: what one append puts into the log.
//!
//! ```text
//! | body length u32 | type u8 | sequence u64 | body |
//!
//! samples     1   columns, see samples.rs
//! definition  2   | series u32 | metric u32 | key: the rest |
//! tombstone   3   | tenant 16 | from i64 | to i64 | series: varints, each minus the one before minus 1 |
//! ```
//!
//! All numbers are little endian. A record has no checksum: its group's covers it.

pub mod samples;

use penstock_model::{SeriesKey, TenantId};

use crate::codec::input::{Input, InputError};
use crate::codec::varint::put_u64;
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

impl From<InputError> for RecordError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Truncated => Self("it ends too early"),
            InputError::Overlong => Self("a number is too large"),
        }
    }
}

/// The bytes before a record's body.
const HEADER_BYTES: usize = 13;
/// Where in them the sequence stands.
const SEQUENCE_AT: usize = 5;

const SAMPLES: u8 = 1;
const DEFINITION: u8 = 2;
const TOMBSTONE: u8 = 3;

/// Adds a samples record of 1 to [`RECORD_ROWS_MAX`] rows; its sequence is 0 until [`set_sequence`]. It never has
/// more than 256 KiB.
pub fn encode_samples(rows: &[Row], out: &mut Vec<u8>) {
    encode(SAMPLES, out, |out| samples::encode(rows, out));
}

/// Adds a definition record; its sequence is 0 until [`set_sequence`].
pub fn encode_definition(series: SeriesId, metric: MetricId, key: &SeriesKey, out: &mut Vec<u8>) {
    encode(DEFINITION, out, |out| {
        out.extend_from_slice(&series.0.to_le_bytes());
        out.extend_from_slice(&metric.0.to_le_bytes());
        out.extend_from_slice(key.as_bytes());
    });
}

/// Adds a tombstone record; its sequence is 0 until [`set_sequence`].
pub fn encode_tombstone(tombstone: &TombstoneRecord, out: &mut Vec<u8>) {
    debug_assert!(tombstone.series.len() <= TOMBSTONE_SERIES_MAX);
    encode(TOMBSTONE, out, |out| {
        out.extend_from_slice(&tombstone.tenant.to_bytes());
        out.extend_from_slice(&tombstone.from.to_le_bytes());
        out.extend_from_slice(&tombstone.to.to_le_bytes());
        let mut next = 0;
        for series in &tombstone.series {
            put_u64(out, u64::from(series.0.wrapping_sub(next)));
            next = series.0.wrapping_add(1);
        }
    });
}

fn encode(kind: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    body(out);
    let length = out.len() - start - HEADER_BYTES;
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(header) = out.get_mut(start..start + SEQUENCE_AT) {
        let (length_field, kind_field) = header.split_at_mut(length.len());
        length_field.copy_from_slice(&length);
        kind_field.fill(kind);
    }
}

/// The records that were encoded one behind the other, each for [`set_sequence`].
pub fn split_mut(mut records: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    std::iter::from_fn(move || {
        let (length, _) = records.split_first_chunk::<4>()?;
        let body = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let all = std::mem::take(&mut records);
        let (record, rest) = all.split_at_mut_checked(body.checked_add(HEADER_BYTES)?)?;
        records = rest;
        Some(record)
    })
}

/// Gives the record that starts at `record`'s first byte its sequence.
pub fn set_sequence(record: &mut [u8], sequence: Sequence) {
    if let Some(field) = record.get_mut(SEQUENCE_AT..HEADER_BYTES) {
        field.copy_from_slice(&sequence.0.to_le_bytes());
    }
}

/// The records in the bytes of a group. It ends after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    input: Input<'a>,
}

impl<'a> Records<'a> {
    /// Reads records from these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            input: Input::new(bytes),
        }
    }

    fn record(&mut self) -> Result<(Sequence, Record<'a>), RecordError> {
        let length = self.input.u32()?;
        let kind = self.input.u8()?;
        let sequence = Sequence(self.input.u64()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let body = self.input.take(length)?;
        let record = match kind {
            SAMPLES => Record::Samples(SamplesRecord::parse(body)?),
            DEFINITION => definition(Input::new(body))?,
            TOMBSTONE => Record::Tombstone(tombstone(Input::new(body))?),
            _ => return Err(RecordError("a record of no known type")),
        };
        Ok((sequence, record))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(Sequence, Record<'a>), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.input.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.input = Input::new(&[]);
        }
        Some(record)
    }
}

fn definition<'a>(mut body: Input<'_>) -> Result<Record<'a>, RecordError> {
    Ok(Record::Definition {
        series: SeriesId(body.u32()?),
        metric: MetricId(body.u32()?),
        key: SeriesKey::from_bytes(body.rest())
            .map_err(|_| RecordError("not the key of a series"))?,
    })
}

fn tombstone(mut body: Input<'_>) -> Result<TombstoneRecord, RecordError> {
    let mut tombstone = TombstoneRecord {
        tenant: TenantId::from_bytes(body.array()?),
        from: i64::from_le_bytes(body.array()?),
        to: i64::from_le_bytes(body.array()?),
        series: Vec::new(),
    };
    let mut next = 0u64;
    while !body.is_empty() {
        let series = next
            .checked_add(body.varint()?)
            .and_then(|series| u32::try_from(series).ok())
            .ok_or(RecordError("a series number is too large"))?;
        tombstone.series.push(SeriesId(series));
        next = u64::from(series) + 1;
    }
    Ok(tombstone)
}

#[cfg(test)]
mod tests;
