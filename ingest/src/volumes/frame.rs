//! Series and their rows between two servers, as bytes.
//!
//! ```text
//!   ┌──────┬────────┬─────────┐
//!   │ kind │ length │ content │   kind u8, length u32 little endian, at most 1 MiB
//!   └──────┴────────┴─────────┘
//!
//!   1  series   its canonical key; those of one answer ascend
//!   2  rows     of the series before: count u32, then for each row
//!               time varint (zigzag, difference to the row before)
//!               flags u8: 0-2 the kind of value, 4 another exponent than the row before
//!               [exponent varint (zigzag)]
//!               integer, decimal: mantissa varint (zigzag, difference to the row before)
//!               double: 8 bytes
//!   3  end      series u64. An answer without it broke off
//! ```
//!
//! The rows of each frame begin anew: time, exponent and mantissa before the first are 0. No file holds this; servers of
//! one installation may differ by a version, so a change of meaning gets a new kind.

use penstock_store::row::{Row, SeriesId, ValueKind};

/// Rows of one frame at most.
pub const ROWS_MAX: usize = 4_096;
/// Bytes of a frame's content at most: [`ROWS_MAX`] rows have at most 31 bytes each.
const CONTENT_MAX: usize = 1 << 20;
const HEAD_BYTES: usize = 5;

const SERIES: u8 = 1;
const ROWS: u8 = 2;
const END: u8 = 3;

const OTHER_EXPONENT: u8 = 4;

/// One frame as it is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The canonical key of the series whose rows follow.
    Series(&'a [u8]),
    /// Its next rows were put where the reader asked for them.
    Rows,
    /// There are no more; so many series came.
    End(u64),
}

/// The bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rows that it sends are damaged")]
pub struct FrameError;

/// Appends a series.
pub fn put_series(key: &[u8], out: &mut Vec<u8>) {
    put_frame(SERIES, out, |out| out.extend_from_slice(key));
}

/// Appends rows of the series before: as many frames as they need.
pub fn put_rows(rows: &[Row], out: &mut Vec<u8>) {
    for rows in rows.chunks(ROWS_MAX) {
        put_frame(ROWS, out, |out| {
            out.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
            let mut before = Before::default();
            for row in rows {
                before.put(row, out);
            }
        });
    }
}

/// Appends the end.
pub fn put_end(series: u64, out: &mut Vec<u8>) {
    put_frame(END, out, |out| out.extend_from_slice(&series.to_le_bytes()));
}

/// How many bytes the first frame of `bytes` has; `None` if more must be read to know. Then [`read`] takes them.
///
/// # Errors
/// [`FrameError`] for one that is too long.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some((_, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let Some(content) = rest.first_chunk::<4>() else {
        return Ok(None);
    };
    let content = usize::try_from(u32::from_le_bytes(*content)).map_err(|_| FrameError)?;
    if content > CONTENT_MAX {
        return Err(FrameError);
    }
    Ok(Some(HEAD_BYTES + content))
}

/// Reads one whole frame. Rows take the place of what `rows` holds; their series is 0.
///
/// # Errors
/// [`FrameError`].
pub fn read<'a>(frame: &'a [u8], rows: &mut Vec<Row>) -> Result<Frame<'a>, FrameError> {
    let (head, content) = frame.split_at_checked(HEAD_BYTES).ok_or(FrameError)?;
    match head.first() {
        Some(&SERIES) => Ok(Frame::Series(content)),
        Some(&ROWS) => read_rows(content, rows).map(|()| Frame::Rows),
        Some(&END) => {
            let series = content.try_into().map_err(|_| FrameError)?;
            Ok(Frame::End(u64::from_le_bytes(series)))
        }
        _ => Err(FrameError),
    }
}

fn put_frame(kind: u8, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn read_rows(content: &[u8], rows: &mut Vec<Row>) -> Result<(), FrameError> {
    rows.clear();
    let (count, mut rest) = content.split_first_chunk().ok_or(FrameError)?;
    let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| FrameError)?;
    if count > ROWS_MAX {
        return Err(FrameError);
    }
    rows.reserve(count);
    let mut before = Before::default();
    for _ in 0..count {
        rows.push(before.take(&mut rest)?);
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(FrameError)
    }
}

/// What the next row is written as a difference to.
#[derive(Default)]
struct Before {
    time: i64,
    mantissa: i64,
    exponent: i16,
}

impl Before {
    fn put(&mut self, row: &Row, out: &mut Vec<u8>) {
        put_signed(row.time.wrapping_sub(self.time), out);
        self.time = row.time;
        let other = row.exponent != self.exponent;
        out.push(row.kind as u8 | if other { OTHER_EXPONENT } else { 0 });
        if other {
            put_signed(i64::from(row.exponent), out);
            self.exponent = row.exponent;
        }
        if row.kind == ValueKind::Double {
            out.extend_from_slice(&row.bits.to_le_bytes());
        } else {
            put_signed(row.bits.wrapping_sub(self.mantissa), out);
            self.mantissa = row.bits;
        }
    }

    fn take(&mut self, from: &mut &[u8]) -> Result<Row, FrameError> {
        self.time = self.time.wrapping_add(take_signed(from)?);
        let (flags, rest) = from.split_first().ok_or(FrameError)?;
        *from = rest;
        let kind = ValueKind::from_number(flags & !OTHER_EXPONENT).ok_or(FrameError)?;
        if flags & OTHER_EXPONENT != 0 {
            self.exponent = i16::try_from(take_signed(from)?).map_err(|_| FrameError)?;
        }
        let bits = if kind == ValueKind::Double {
            let (bits, rest) = from.split_first_chunk().ok_or(FrameError)?;
            *from = rest;
            i64::from_le_bytes(*bits)
        } else {
            self.mantissa = self.mantissa.wrapping_add(take_signed(from)?);
            self.mantissa
        };
        Ok(Row {
            time: self.time,
            bits,
            series: SeriesId(0),
            exponent: self.exponent,
            kind,
        })
    }
}

fn put_signed(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_byte(rest));
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

fn take_signed(from: &mut &[u8]) -> Result<i64, FrameError> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().ok_or(FrameError)?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err(FrameError)
}

#[cfg(test)]
mod tests;
