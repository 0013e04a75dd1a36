//! The footer: what the block is, and the first key of each index page. All that opening reads.
//!
//! ```text
//!   │ day │ first, last sequence │ received first, last │ tombstones │ rows │ chunks │ first, last time │
//!   │ tenants: count, then (id 16 B, series, rows) each │
//!   │ index pages: count, then (gap, bytes, metric difference, series) each │
//!   │ series: bytes, roaring bitmap in its portable form │
//!   ├─────────────────── trailer, 16 B ──────────────────┤
//!   │ footer bytes u32 │ checksum of all above u32 │ "PSTKEND" and version │
//! ```
//!
//! All fields are varints but where a width stands; moments, the day and the gap (position - end of the index
//! page before) are signed.

use penstock_model::{Day, TenantId, Timestamp};
use roaring::RoaringBitmap;

use super::error::{BlockError, Damage};
use super::index::Key;
use super::meta::{BlockMeta, TenantCount};
use super::page::PageRef;
use super::source::BlockSource;
use super::{END, HEADER};
use crate::codec::checksum::Checksum;
use crate::codec::input::{Input, InputError};
use crate::codec::varint::{put_i64, put_u64};
use crate::row::{MetricId, Sequence, SeriesId};

const TRAILER_BYTES: usize = 16;

/// An index page as the footer lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexPage {
    pub(super) page: PageRef,
    /// The key of its first entry.
    pub(super) first: Key,
}

#[derive(Debug, PartialEq)]
pub(super) struct Footer {
    pub(super) meta: BlockMeta,
    pub(super) rows: u64,
    pub(super) chunks: u64,
    /// First and last time; of no meaning without rows.
    pub(super) times: (i64, i64),
    pub(super) tenants: Vec<TenantCount>,
    pub(super) index: Vec<IndexPage>,
    pub(super) series: RoaringBitmap,
}

impl Footer {
    /// The footer and the trailer.
    pub(super) fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        put_meta(&self.meta, &mut out);
        put_u64(&mut out, self.rows);
        put_u64(&mut out, self.chunks);
        put_i64(&mut out, self.times.0);
        put_i64(&mut out, self.times.1);
        put_u64(&mut out, self.tenants.len() as u64);
        for count in &self.tenants {
            out.extend_from_slice(&count.tenant.to_bytes());
            put_u64(&mut out, count.series);
            put_u64(&mut out, count.rows);
        }
        put_u64(&mut out, self.index.len() as u64);
        let (mut end, mut metric) = (0u64, 0u32);
        for IndexPage { page, first } in &self.index {
            put_i64(&mut out, page.position.wrapping_sub(end).cast_signed());
            put_u64(&mut out, u64::from(page.bytes));
            put_u64(&mut out, u64::from(first.metric.0.wrapping_sub(metric)));
            put_u64(&mut out, u64::from(first.series.0));
            (end, metric) = (page.end(), first.metric.0);
        }
        put_u64(&mut out, self.series.serialized_size() as u64);
        self.series.serialize_into(&mut out)?;
        let bytes = u32::try_from(out.len()).map_err(std::io::Error::other)?;
        out.extend_from_slice(&bytes.to_le_bytes());
        out.extend_from_slice(&Checksum::of(&out).to_bytes());
        out.extend_from_slice(&END);
        Ok(out)
    }

    /// Reads header, trailer and footer of a block of `bytes` bytes.
    pub(super) fn read(source: &BlockSource, bytes: u64) -> Result<Self, BlockError> {
        let too_short = || source.damaged(0, Damage::Length);
        let mut header = [0; HEADER.len()];
        let trailer_at = bytes
            .checked_sub(TRAILER_BYTES as u64)
            .filter(|at| *at >= HEADER.len() as u64)
            .ok_or_else(too_short)?;
        source.read_exact_at(&mut header, 0)?;
        if header != HEADER {
            return Err(source.damaged(0, Damage::Magic));
        }
        let mut trailer = [0; TRAILER_BYTES];
        source.read_exact_at(&mut trailer, trailer_at)?;
        let at_trailer = |damage| source.damaged(trailer_at, damage);
        let (length, checksum) = take_trailer(&mut Input::new(&trailer)).map_err(at_trailer)?;
        let footer_at = trailer_at
            .checked_sub(u64::from(length))
            .filter(|at| *at >= HEADER.len() as u64)
            .ok_or_else(|| at_trailer(Damage::Length))?;
        let footer_bytes = usize::try_from(length).map_err(|_| at_trailer(Damage::Length))?;
        let mut footer = vec![0; footer_bytes];
        source.read_exact_at(&mut footer, footer_at)?;
        if Checksum::of_parts(&[&footer, &length.to_le_bytes()]) != checksum {
            return Err(source.damaged(footer_at, Damage::Checksum));
        }
        Self::decode(&footer).map_err(|damage| source.damaged(footer_at, damage))
    }

    fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut input = Input::new(bytes);
        let footer = Self {
            meta: take_meta(&mut input)?,
            rows: input.varint()?,
            chunks: input.varint()?,
            times: (input.signed_varint()?, input.signed_varint()?),
            tenants: take_tenants(&mut input)?,
            index: take_index(&mut input)?,
            series: take_series(&mut input)?,
        };
        if input.is_empty() {
            Ok(footer)
        } else {
            Err(Damage::Trailing)
        }
    }
}

fn take_trailer(input: &mut Input<'_>) -> Result<(u32, Checksum), Damage> {
    let length = input.u32()?;
    let checksum = Checksum::from_bytes(input.array()?);
    if input.rest() == END {
        Ok((length, checksum))
    } else {
        Err(Damage::Magic)
    }
}

fn put_meta(meta: &BlockMeta, out: &mut Vec<u8>) {
    put_i64(out, i64::from(meta.day.number()));
    put_u64(out, meta.first.0);
    put_u64(out, meta.last.0);
    put_i64(out, meta.received_first.millis());
    put_i64(out, meta.received_last.millis());
    put_u64(out, meta.tombstones.0);
}

fn take_meta(input: &mut Input<'_>) -> Result<BlockMeta, Damage> {
    let day = i32::try_from(input.signed_varint()?).map_err(|_| InputError::Overlong)?;
    Ok(BlockMeta {
        day: Day::from_number(day),
        first: Sequence(input.varint()?),
        last: Sequence(input.varint()?),
        received_first: Timestamp::from_millis(input.signed_varint()?),
        received_last: Timestamp::from_millis(input.signed_varint()?),
        tombstones: Sequence(input.varint()?),
    })
}

fn take_tenants(input: &mut Input<'_>) -> Result<Vec<TenantCount>, Damage> {
    let count = input.varint()?;
    // Grows as entries are found: a wrong count ends with the bytes, not with the memory.
    let mut tenants = Vec::new();
    for _ in 0..count {
        tenants.push(TenantCount {
            tenant: TenantId::from_bytes(input.array()?),
            series: input.varint()?,
            rows: input.varint()?,
        });
    }
    Ok(tenants)
}

fn take_index(input: &mut Input<'_>) -> Result<Vec<IndexPage>, Damage> {
    let count = input.varint()?;
    let mut index: Vec<IndexPage> = Vec::new();
    let (mut end, mut metric) = (0u64, 0u32);
    for _ in 0..count {
        let gap = input.signed_varint()?;
        let page = PageRef {
            position: end.checked_add_signed(gap).ok_or(Damage::Length)?,
            bytes: input.varint_u32()?,
        };
        end = page.end();
        metric = metric
            .checked_add(input.varint_u32()?)
            .ok_or(Damage::Order)?;
        let first = Key::new(MetricId(metric), SeriesId(input.varint_u32()?));
        if index.last().is_some_and(|before| before.first > first) {
            return Err(Damage::Order);
        }
        index.push(IndexPage { page, first });
    }
    Ok(index)
}

fn take_series(input: &mut Input<'_>) -> Result<RoaringBitmap, Damage> {
    let length = input.varint_usize()?;
    let mut bytes = input.take(length)?;
    let series = RoaringBitmap::deserialize_from(&mut bytes).map_err(Damage::Series)?;
    if bytes.is_empty() {
        Ok(series)
    } else {
        Err(Damage::Trailing)
    }
}
