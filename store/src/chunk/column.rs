//! One column of a chunk: as many `i64` as the chunk has rows.
//!
//! ```text
//!   codec u8 │ what follows
//!   ─────────┼──────────────────────────────────────────────────────────────
//!   0        │ value                       every number is the same
//!   1        │ first, step                 every number is one step further
//!   2        │ first, runs of 128          bit-packed
//!   3        │ length varint, bytes        pco, level 4
//!
//!   run      │ head u8 │ base │ numbers, `head & 0x7f` bits each
//!            │ head & 0x80 = 0: number - base is the distance to the number before it
//!            │ head & 0x80 = 1: number - base is the number itself
//! ```
//!
//! `value`, `first`, `step` and `base` are signed varints. All arithmetic wraps, so that every `i64` has its
//! place. A run takes whichever of the two readings needs fewer bits: walks and counters the distance, noise
//! the number itself.

use pco::ChunkConfig;
use pco::wrapped::{FileCompressor, FileDecompressor};

use super::ChunkError;
use crate::codec::bits;
use crate::codec::input::Input;
use crate::codec::varint::{put_i64, put_u64};

const CONSTANT: u8 = 0;
const CONSTANT_STEP: u8 = 1;
const PACKED: u8 = 2;
const PCO: u8 = 3;

/// Numbers under one width. Short enough that one outlier spoils little, long enough that the head is cheap.
const RUN: usize = 128;

/// The bit of a run's head that says that the numbers themselves are packed.
const ABSOLUTE: u8 = 0x80;

/// Higher levels gain less than 1 % at twice the time (store design, §5).
const PCO_LEVEL: usize = 4;

/// How a column that is neither constant nor a straight line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Bit-packing.
    Fast,
    /// pco.
    Dense,
}

/// Appends `values`, of which there is at least one.
pub(super) fn encode(values: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    let step = rest.first().unwrap_or(first).wrapping_sub(*first);
    let straight = values
        .iter()
        .zip(rest)
        .all(|(before, value)| value.wrapping_sub(*before) == step);
    if straight && step == 0 {
        out.push(CONSTANT);
        put_i64(out, *first);
    } else if straight {
        out.push(CONSTANT_STEP);
        put_i64(out, *first);
        put_i64(out, step);
    } else if effort == Effort::Fast || encode_pco(values, out).is_err() {
        encode_packed(*first, rest, out);
    }
}

fn encode_packed(first: i64, rest: &[i64], out: &mut Vec<u8>) {
    out.push(PACKED);
    put_i64(out, first);
    let mut before = first;
    for run in rest.chunks(RUN) {
        before = encode_run(before, run, out);
    }
}

/// Appends a run and answers with its last number.
fn encode_run(before: i64, run: &[i64], out: &mut Vec<u8>) -> i64 {
    let mut steps = [0i64; RUN];
    let mut last = before;
    let (mut step_min, mut step_max) = (i64::MAX, i64::MIN);
    let (mut value_min, mut value_max) = (i64::MAX, i64::MIN);
    for (step, value) in steps.iter_mut().zip(run) {
        *step = value.wrapping_sub(last);
        last = *value;
        step_min = step_min.min(*step);
        step_max = step_max.max(*step);
        value_min = value_min.min(*value);
        value_max = value_max.max(*value);
    }
    let step_width = width_between(step_min, step_max);
    let value_width = width_between(value_min, value_max);
    if value_width < step_width {
        write_run(ABSOLUTE, value_min, value_width, run, out);
    } else {
        let steps = steps.get(..run.len()).unwrap_or_default();
        write_run(0, step_min, step_width, steps, out);
    }
    last
}

fn write_run(reading: u8, base: i64, width: u32, numbers: &[i64], out: &mut Vec<u8>) {
    out.push(reading | width.to_le_bytes()[0]);
    put_i64(out, base);
    let distances = numbers
        .iter()
        .map(|number| number.wrapping_sub(base).cast_unsigned());
    bits::pack(distances, width, out);
}

const fn width_between(min: i64, max: i64) -> u32 {
    bits::width_of(max.wrapping_sub(min).cast_unsigned())
}

/// Appends a pco column, or nothing if pco refuses.
fn encode_pco(values: &[i64], out: &mut Vec<u8>) -> Result<(), ChunkError> {
    let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
    let compressor = FileCompressor::default();
    let mut chunk = compressor
        .chunk_compressor(values, &config)
        .map_err(ChunkError::Pco)?;
    let packed = compressor
        .write_header(Vec::with_capacity(
            chunk.meta_size_hint() + chunk.page_size_hint(0) + 16,
        ))
        .and_then(|packed| chunk.write_meta(packed))
        .and_then(|packed| chunk.write_page(0, packed))
        .map_err(ChunkError::Pco)?;
    out.push(PCO);
    put_u64(out, packed.len() as u64);
    out.extend_from_slice(&packed);
    Ok(())
}

/// Reads a column of `rows` numbers into `out`, whose old content goes.
pub(super) fn decode(
    input: &mut Input<'_>,
    rows: usize,
    out: &mut Vec<i64>,
) -> Result<(), ChunkError> {
    out.clear();
    match input.u8()? {
        CONSTANT => {
            let value = input.signed_varint()?;
            out.resize(rows, value);
        }
        CONSTANT_STEP => {
            let (first, step) = (input.signed_varint()?, input.signed_varint()?);
            let mut next = first;
            out.extend((0..rows).map(|_| {
                let value = next;
                next = next.wrapping_add(step);
                value
            }));
        }
        PACKED => decode_packed(input, rows, out)?,
        PCO => decode_pco(input, rows, out)?,
        unknown => return Err(ChunkError::UnknownCodec(unknown)),
    }
    Ok(())
}

fn decode_packed(input: &mut Input<'_>, rows: usize, out: &mut Vec<i64>) -> Result<(), ChunkError> {
    let mut numbers = [0u64; RUN];
    let mut last = input.signed_varint()?;
    out.push(last);
    let mut left = rows.saturating_sub(1);
    while left > 0 {
        let (run, _) = numbers.split_at_mut(left.min(RUN));
        left -= run.len();
        let head = input.u8()?;
        let width = u32::from(head & !ABSOLUTE);
        if width > bits::WIDTH_MAX {
            return Err(ChunkError::Width(width));
        }
        let base = input.signed_varint()?;
        bits::unpack(
            input.take(bits::packed_bytes(run.len(), width))?,
            width,
            run,
        );
        if head & ABSOLUTE == 0 {
            out.extend(run.iter().map(|distance| {
                last = last.wrapping_add(base).wrapping_add(distance.cast_signed());
                last
            }));
        } else {
            out.extend(
                run.iter()
                    .map(|distance| base.wrapping_add(distance.cast_signed())),
            );
            last = *out.last().unwrap_or(&last);
        }
    }
    Ok(())
}

fn decode_pco(input: &mut Input<'_>, rows: usize, out: &mut Vec<i64>) -> Result<(), ChunkError> {
    let length = input.varint_usize()?;
    let packed = input.take(length)?;
    let (file, packed) = FileDecompressor::new(packed).map_err(ChunkError::Pco)?;
    let (mut chunk, packed) = file
        .chunk_decompressor::<i64, _>(packed)
        .map_err(ChunkError::Pco)?;
    let mut page = chunk
        .page_decompressor(packed, rows)
        .map_err(ChunkError::Pco)?;
    out.resize(rows, 0);
    let progress = page.read(out).map_err(ChunkError::Pco)?;
    if progress.n_processed == rows && progress.finished && page.into_src().is_empty() {
        Ok(())
    } else {
        Err(ChunkError::ColumnLength)
    }
}
