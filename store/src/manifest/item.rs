//! What a frame of the manifest consists of: one changed thing each.
//!
//! ```text
//! type u8 | fields
//!  1 add block         | day i32 | file u64 | first u64 | last u64 | bytes u64 |
//!  2 remove block      | file u64 |
//!  3 add run           | file u64 | series u64 |
//!  4 remove run        | file u64 |
//!  5 add tombstone     | sequence u64 | tenant 16 | from i64 | to i64 | length u32 | roaring bitmap |
//!  6 remove tombstone  | sequence u64 |
//!  7 flushed           | sequence u64 |
//!  8 next series       | number u32 |
//!  9 next metric       | number u32 |
//! 10 next file         | number u64 |
//! 11 dropped tails     | count u64 | bytes u64 | last group u64 |
//! ```
//!
//! An edit and a whole version are lists of the same items.

use std::sync::Arc;

use penstock_model::{Day, TenantId};
use roaring::RoaringBitmap;

use crate::codec::input::{Input, InputError};
use crate::disk::FileNumber;
use crate::row::Sequence;

use super::entry::{BlockEntry, DroppedTails, SeriesRun, Tombstone};

/// One changed thing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    AddBlock(BlockEntry),
    RemoveBlock(FileNumber),
    AddRun(SeriesRun),
    RemoveRun(FileNumber),
    AddTombstone(Arc<Tombstone>),
    RemoveTombstone(Sequence),
    Flushed(Sequence),
    NextSeries(u32),
    NextMetric(u32),
    NextFile(u64),
    Dropped(DroppedTails),
}

impl Item {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::AddBlock(block) => {
                out.push(1);
                out.extend_from_slice(&block.day.number().to_le_bytes());
                put_all(
                    out,
                    [block.file.0, block.first.0, block.last.0, block.bytes],
                );
            }
            Self::RemoveBlock(file) => put(out, 2, [file.0]),
            Self::AddRun(run) => put(out, 3, [run.file.0, run.series]),
            Self::RemoveRun(file) => put(out, 4, [file.0]),
            Self::AddTombstone(tombstone) => encode_tombstone(tombstone, out),
            Self::RemoveTombstone(sequence) => put(out, 6, [sequence.0]),
            Self::Flushed(sequence) => put(out, 7, [sequence.0]),
            Self::NextSeries(number) => {
                out.push(8);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::NextMetric(number) => {
                out.push(9);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::NextFile(number) => put(out, 10, [*number]),
            Self::Dropped(tails) => put(out, 11, [tails.count, tails.bytes, tails.last_group]),
        }
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Result<Self, &'static str> {
        let kind = input.u8().map_err(|_| "an item ends too early")?;
        let item = match kind {
            1 => block(input).map(Self::AddBlock),
            2 => number(input).map(Self::RemoveBlock),
            3 => run(input).map(Self::AddRun),
            4 => number(input).map(Self::RemoveRun),
            5 => return tombstone(input).map(|t| Self::AddTombstone(Arc::new(t))),
            6 => sequence(input).map(Self::RemoveTombstone),
            7 => sequence(input).map(Self::Flushed),
            8 => input.u32().map(Self::NextSeries),
            9 => input.u32().map(Self::NextMetric),
            10 => input.u64().map(Self::NextFile),
            11 => dropped(input).map(Self::Dropped),
            _ => return Err("an item of no known type"),
        };
        item.map_err(|_| "an item ends too early")
    }
}

fn put<const N: usize>(out: &mut Vec<u8>, kind: u8, numbers: [u64; N]) {
    out.push(kind);
    put_all(out, numbers);
}

fn put_all<const N: usize>(out: &mut Vec<u8>, numbers: [u64; N]) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn encode_tombstone(tombstone: &Tombstone, out: &mut Vec<u8>) {
    put(out, 5, [tombstone.sequence.0]);
    out.extend_from_slice(&tombstone.tenant.to_bytes());
    out.extend_from_slice(&tombstone.from.to_le_bytes());
    out.extend_from_slice(&tombstone.to.to_le_bytes());
    let bitmap = bitmap_bytes(&tombstone.series);
    let length = u32::try_from(bitmap.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&bitmap);
}

/// The bitmap in roaring's portable format.
fn bitmap_bytes(series: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(series.serialized_size());
    if let Err(error) = series.serialize_into(&mut bytes) {
        // A Vec takes every byte; a bitmap cut short would be refused when it is read.
        tracing::error!(%error, "a tombstone's series could not be encoded");
    }
    bytes
}

fn sequence(input: &mut Input<'_>) -> Result<Sequence, InputError> {
    input.u64().map(Sequence)
}

fn number(input: &mut Input<'_>) -> Result<FileNumber, InputError> {
    input.u64().map(FileNumber)
}

fn block(input: &mut Input<'_>) -> Result<BlockEntry, InputError> {
    Ok(BlockEntry {
        day: Day::from_number(i32::from_le_bytes(input.array()?)),
        file: number(input)?,
        first: sequence(input)?,
        last: sequence(input)?,
        bytes: input.u64()?,
    })
}

fn run(input: &mut Input<'_>) -> Result<SeriesRun, InputError> {
    Ok(SeriesRun {
        file: number(input)?,
        series: input.u64()?,
    })
}

fn dropped(input: &mut Input<'_>) -> Result<DroppedTails, InputError> {
    Ok(DroppedTails {
        count: input.u64()?,
        bytes: input.u64()?,
        last_group: input.u64()?,
    })
}

fn tombstone(input: &mut Input<'_>) -> Result<Tombstone, &'static str> {
    let (mut tombstone, bitmap) =
        tombstone_fields(input).map_err(|_| "a tombstone ends too early")?;
    let mut rest = bitmap;
    tombstone.series = RoaringBitmap::deserialize_from(&mut rest)
        .ok()
        .filter(|_| rest.is_empty())
        .ok_or("the series of a tombstone cannot be read")?;
    Ok(tombstone)
}

fn tombstone_fields<'a>(input: &mut Input<'a>) -> Result<(Tombstone, &'a [u8]), InputError> {
    let tombstone = Tombstone {
        sequence: sequence(input)?,
        tenant: TenantId::from_bytes(input.array()?),
        from: i64::from_le_bytes(input.array()?),
        to: i64::from_le_bytes(input.array()?),
        series: RoaringBitmap::new(),
    };
    let length = usize::try_from(input.u32()?).unwrap_or(usize::MAX);
    Ok((tombstone, input.take(length)?))
}
