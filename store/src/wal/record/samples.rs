//! Samples in columns.
//!
//! ```text
//! body    | rows u16 | time runs | tags: rows bytes | lengths: a nibble a row | payload | shapes | shape count u8 |
//!
//! time    runs of (delta to the time before, zigzag varint | rows with that delta - 1, varint)
//! tag     bits 7..5  which shape; 7 = written out in the payload
//!         bits 4..0  series minus the series before, zigzag: 0..=27 itself, 28..=31 = 1..=4 bytes in the payload
//! length  bytes of the row's bits in the payload: 0..=8, the even row in the low nibble
//! payload row after row: [kind u8, exponent i16] [series delta] [zigzag bits], each only if and as long as told
//! shape   kind u8, exponent i16; at most 7 of them, in the order in which they came
//! ```
//!
//! This runs once for every sample that comes in, so no step of it loops over bits or bytes: each number is
//! stored whole and the cursor moves by what it needs. About 4 bytes a row on devops data.

use super::{RECORD_ROWS_MAX, RecordError};
use crate::codec::input::Input;
use crate::codec::varint::{put_i64, put_u64, unzigzag, zigzag};
use crate::row::{Row, SeriesId, ValueKind};

/// Shapes that a tag can name.
const SHAPES_MAX: u8 = 7;
const SHAPE_EXPLICIT: u8 = 7;
const SHAPE_BYTES: usize = 3;
/// The largest zigzagged series delta that stands in the tag itself.
const DELTA_DIRECT_MAX: u32 = 27;
/// Rows that are encoded on the stack before they are copied out.
const STRIDE: usize = 32;
/// A shape, a series delta and the bits at their longest; and room for the last number to be stored whole.
const STRIDE_PAYLOAD_MAX: usize = STRIDE * (SHAPE_BYTES + 4 + 8) + 8;

/// The body of a samples record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplesRecord<'a> {
    rows: u16,
    columns: &'a [u8],
}

pub(super) fn encode(rows: &[Row], out: &mut Vec<u8>) {
    debug_assert!((1..=RECORD_ROWS_MAX).contains(&rows.len()));
    let count = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_le_bytes());
    encode_times(rows, out);
    let mut columns = Columns::reserve(rows.len(), out);
    for stride in rows.chunks(STRIDE) {
        columns.encode_stride(stride, out);
    }
    columns.shapes.encode(out);
}

fn encode_times(rows: &[Row], out: &mut Vec<u8>) {
    let mut before = 0i64;
    let mut run: Option<(i64, u64)> = None;
    for row in rows {
        let delta = row.time.wrapping_sub(before);
        before = row.time;
        run = match run {
            Some((of, more)) if of == delta => Some((of, more.wrapping_add(1))),
            other => {
                put_run(other, out);
                Some((delta, 0))
            }
        };
    }
    put_run(run, out);
}

fn put_run(run: Option<(i64, u64)>, out: &mut Vec<u8>) {
    if let Some((delta, more)) = run {
        put_i64(out, delta);
        put_u64(out, more);
    }
}

/// Where tags and lengths go while the payload grows behind them.
struct Columns {
    tags_at: usize,
    lengths_at: usize,
    series: SeriesId,
    shapes: Shapes,
}

impl Columns {
    fn reserve(rows: usize, out: &mut Vec<u8>) -> Self {
        let tags_at = out.len();
        let lengths_at = tags_at + rows;
        out.resize(lengths_at + rows.div_ceil(2), 0);
        Self {
            tags_at,
            lengths_at,
            series: SeriesId(0),
            shapes: Shapes::default(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the arrays hold STRIDE rows at their longest; the columns were reserved for all rows"
    )]
    fn encode_stride(&mut self, rows: &[Row], out: &mut Vec<u8>) {
        let mut tags = [0u8; STRIDE];
        let mut lengths = [0u8; STRIDE / 2];
        let mut payload = [0u8; STRIDE_PAYLOAD_MAX];
        let mut end = 0;
        for (at, row) in rows.iter().enumerate() {
            let shape = self.shapes.find(row.kind, row.exponent);
            if shape == SHAPE_EXPLICIT {
                let [low, high] = row.exponent.to_le_bytes();
                payload[end..end + SHAPE_BYTES].copy_from_slice(&[row.kind as u8, low, high]);
                end += SHAPE_BYTES;
            }
            let delta = zigzag_u32(row.series.0.wrapping_sub(self.series.0));
            self.series = row.series;
            let (code, extra) = delta_code(delta);
            payload[end..end + 4].copy_from_slice(&delta.to_le_bytes());
            end += extra;
            let bits = zigzag(row.bits);
            let length = bytes_of(bits);
            payload[end..end + 8].copy_from_slice(&bits.to_le_bytes());
            end += usize::from(length);
            tags[at % STRIDE] = shape << 5 | code;
            lengths[at / 2 % (STRIDE / 2)] |= length << (4 * (at % 2));
        }
        out[self.tags_at..self.tags_at + rows.len()].copy_from_slice(&tags[..rows.len()]);
        self.tags_at += rows.len();
        let nibbles = rows.len().div_ceil(2);
        out[self.lengths_at..self.lengths_at + nibbles].copy_from_slice(&lengths[..nibbles]);
        self.lengths_at += nibbles;
        out.extend_from_slice(&payload[..end]);
    }
}

/// The (kind, exponent) pairs of a record, and a table of 64 places that finds them again at once.
struct Shapes {
    known: [(ValueKind, i16); 8],
    count: u8,
    guess: [u8; 64],
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            known: [(ValueKind::Integer, 0); 8],
            count: 0,
            guess: [SHAPE_EXPLICIT; 64],
        }
    }
}

impl Shapes {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "both numbers are masked")]
    fn find(&mut self, kind: ValueKind, exponent: i16) -> u8 {
        let place = usize::from((kind as u8) << 4 | exponent.to_le_bytes()[0] & 15) & 63;
        let guess = self.guess[place];
        if guess < self.count && self.known[usize::from(guess & 7)] == (kind, exponent) {
            return guess;
        }
        let found = self.search(kind, exponent);
        self.guess[place] = found;
        found
    }

    /// The shape's place, which it is given if there is one left.
    fn search(&mut self, kind: ValueKind, exponent: i16) -> u8 {
        for (at, have) in (0..self.count).zip(&self.known) {
            if *have == (kind, exponent) {
                return at;
            }
        }
        let free = usize::from(self.count);
        match self.known.get_mut(free) {
            Some(place) if self.count < SHAPES_MAX => {
                *place = (kind, exponent);
                self.count += 1;
                self.count - 1
            }
            _ => SHAPE_EXPLICIT,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for (kind, exponent) in self.known.iter().take(usize::from(self.count)) {
            out.push(*kind as u8);
            out.extend_from_slice(&exponent.to_le_bytes());
        }
        out.push(self.count);
    }
}

/// The tag's five bits, and how many bytes of the delta the payload holds.
#[inline]
fn delta_code(delta: u32) -> (u8, usize) {
    if delta <= DELTA_DIRECT_MAX {
        let [low, ..] = delta.to_le_bytes();
        (low, 0)
    } else {
        let extra = bytes_of(u64::from(delta));
        (27 + extra, usize::from(extra))
    }
}

/// How many bytes a number needs: 0 for 0, 8 at most.
#[inline]
fn bytes_of(number: u64) -> u8 {
    let [low, ..] = ((71 - number.leading_zeros()) / 8).to_le_bytes();
    low
}

/// As [`zigzag`], for the difference of two series numbers taken modulo 2^32.
#[inline]
fn zigzag_u32(delta: u32) -> u32 {
    (delta << 1) ^ (delta.cast_signed() >> 31).cast_unsigned()
}

#[inline]
fn unzigzag_u32(delta: u32) -> u32 {
    (delta >> 1) ^ (delta & 1).wrapping_neg()
}

impl<'a> SamplesRecord<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RecordError> {
        let mut input = Input::new(body);
        let rows = input.u16()?;
        if (1..=RECORD_ROWS_MAX).contains(&usize::from(rows)) {
            Ok(Self {
                rows,
                columns: input.rest(),
            })
        } else {
            Err(RecordError("a samples record of no or too many rows"))
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        usize::from(self.rows)
    }

    /// Adds the rows to `out`, in the order in which they were encoded.
    ///
    /// # Errors
    /// [`RecordError`] if the bytes are damaged; `out` may then have some rows more.
    pub fn decode(&self, out: &mut Vec<Row>) -> Result<(), RecordError> {
        let mut input = Input::new(self.columns);
        let start = out.len();
        self.decode_times(&mut input, out)?;
        let tags = input.take(self.rows())?;
        let lengths = input.take(self.rows().div_ceil(2))?;
        let (payload, shapes) = decode_shapes(input.rest())?;
        let mut payload = Payload {
            bytes: payload,
            at: 0,
        };
        let mut series = 0u32;
        let rows = out.iter_mut().skip(start).zip(tags).enumerate();
        for (at, (row, tag)) in rows {
            (row.kind, row.exponent) = match shapes.get(usize::from(tag >> 5)) {
                Some(Some(shape)) => *shape,
                _ if tag >> 5 == SHAPE_EXPLICIT => payload.shape()?,
                _ => return Err(RecordError("a row of a shape that is not there")),
            };
            let code = u32::from(tag & 31);
            let delta = match code.checked_sub(DELTA_DIRECT_MAX) {
                None | Some(0) => code,
                Some(extra) => payload.series_delta(extra)?,
            };
            series = series.wrapping_add(unzigzag_u32(delta));
            row.series = SeriesId(series);
            let pair = lengths.get(at / 2).copied().unwrap_or_default();
            row.bits = unzigzag(payload.number(u32::from(pair >> (4 * (at % 2)) & 15))?);
        }
        if payload.at == payload.bytes.len() {
            Ok(())
        } else {
            Err(RecordError("bytes behind the last row"))
        }
    }

    /// Adds rows that have their time and nothing else.
    fn decode_times(&self, input: &mut Input<'_>, out: &mut Vec<Row>) -> Result<(), RecordError> {
        let mut left = u64::from(self.rows);
        let mut time = 0i64;
        out.reserve(self.rows());
        while left > 0 {
            let delta = input.signed_varint()?;
            let more = input.varint()?;
            left = (left - 1)
                .checked_sub(more)
                .ok_or(RecordError("more times than rows"))?;
            for _ in 0..=more {
                time = time.wrapping_add(delta);
                out.push(Row {
                    time,
                    bits: 0,
                    series: SeriesId(0),
                    exponent: 0,
                    kind: ValueKind::Integer,
                });
            }
        }
        Ok(())
    }
}

type ShapeTable = [Option<(ValueKind, i16)>; SHAPES_MAX as usize];

/// Splits the payload from the shapes behind it.
fn decode_shapes(bytes: &[u8]) -> Result<(&[u8], ShapeTable), RecordError> {
    let (count, bytes) = bytes.split_last().ok_or(RecordError("it ends too early"))?;
    let length = usize::from(*count) * SHAPE_BYTES;
    let (payload, shapes) = bytes
        .len()
        .checked_sub(length)
        .and_then(|at| bytes.split_at_checked(at))
        .filter(|_| *count <= SHAPES_MAX)
        .ok_or(RecordError("more shapes than there is room for"))?;
    let mut table = ShapeTable::default();
    let mut input = Input::new(shapes);
    for place in table.iter_mut().take(usize::from(*count)) {
        *place = Some(shape(input.array()?)?);
    }
    Ok((payload, table))
}

fn shape([kind, low, high]: [u8; SHAPE_BYTES]) -> Result<(ValueKind, i16), RecordError> {
    let kind = ValueKind::from_number(kind).ok_or(RecordError("a value of no known kind"))?;
    Ok((kind, i16::from_le_bytes([low, high])))
}

struct Payload<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Payload<'_> {
    /// The next `length` bytes as a number.
    #[inline]
    fn number(&mut self, length: u32) -> Result<u64, RecordError> {
        if length > 8 {
            return Err(RecordError("a number of more than 8 bytes"));
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += length as usize;
        if let Some(whole) = rest.first_chunk::<8>() {
            let mask = u64::MAX.checked_shr(64 - 8 * length).unwrap_or(0);
            return Ok(u64::from_le_bytes(*whole) & mask);
        }
        let tail = rest
            .get(..length as usize)
            .ok_or(RecordError("it ends too early"))?;
        let number = tail.iter().rev();
        Ok(number.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A series delta of `length` bytes, which are 4 at most.
    #[inline]
    fn series_delta(&mut self, length: u32) -> Result<u32, RecordError> {
        let [a, b, c, d, ..] = self.number(length)?.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    fn shape(&mut self) -> Result<(ValueKind, i16), RecordError> {
        let [kind, low, high, ..] = self.number(3)?.to_le_bytes();
        shape([kind, low, high])
    }
}
