//! Index pages: where each chunk is and when it begins and ends.
//!
//! ```text
//!   entry │ flags u8 │ metric? │ series? │ page? │ length? │ first time │ span │
//!
//!   flags & 3   0 in the shared page stated last, behind the chunk before
//!               1 in a shared page that is stated here: page gap, page bytes, start of the chunk
//!               2 in a page of its own, stated here: page gap, page bytes; no length
//!   flags & 4   another metric than the entry before: metric difference, then the series itself
//!   flags & 8   another series of the same metric: series difference
//! ```
//!
//! All fields but the flags are varints, differences to the entry before: first time, span (last time - first
//! time) and page gap (position - end of the page stated last) are signed. A page starts from zeros, so that it
//! can be read alone.

use super::error::Damage;
use super::page::PageRef;
use crate::codec::input::{Input, InputError};
use crate::codec::varint::{put_i64, put_u64};
use crate::row::{MetricId, SeriesId};

const PLACE: u8 = 3;
const PLACE_BEHIND: u8 = 0;
const PLACE_SHARED: u8 = 1;
const PLACE_OWN: u8 = 2;
const NEW_METRIC: u8 = 4;
const NEW_SERIES: u8 = 8;

/// What blocks are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) metric: MetricId,
    pub(super) series: SeriesId,
}

impl Key {
    pub(super) const fn new(metric: MetricId, series: SeriesId) -> Self {
        Self { metric, series }
    }
}

/// The place of a chunk within its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The page is this chunk.
    Own,
    /// One of several chunks.
    Shared { start: u32, bytes: u32 },
}

/// One chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) page: PageRef,
    pub(super) place: Place,
    pub(super) first_time: i64,
    pub(super) last_time: i64,
}

/// What an entry is told apart from: the entry before, or zeros at the start of a page.
#[derive(Debug, Default)]
struct Before {
    metric: u32,
    series: u32,
    first_time: i64,
    span: i64,
    /// End of the page stated last.
    page_end: u64,
    /// The shared page stated last, and the end of its last chunk.
    shared: Option<(PageRef, u32)>,
}

/// Writes the entries of one index page after another.
#[derive(Debug, Default)]
pub(super) struct IndexEncoder {
    before: Before,
    content: Vec<u8>,
}

impl IndexEncoder {
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    /// Begins the next page.
    pub(super) fn clear(&mut self) {
        self.content.clear();
        self.before = Before::default();
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        let before = &mut self.before;
        let out = &mut self.content;
        let behind = match (entry.place, before.shared) {
            (Place::Shared { start, .. }, Some((page, end))) => {
                page.position == entry.page.position && start == end
            }
            _ => false,
        };
        let place = match entry.place {
            Place::Shared { .. } if behind => PLACE_BEHIND,
            Place::Shared { .. } => PLACE_SHARED,
            Place::Own => PLACE_OWN,
        };
        let (metric, series) = (entry.key.metric.0, entry.key.series.0);
        if metric != before.metric {
            out.push(place | NEW_METRIC);
            put_u64(out, u64::from(metric.wrapping_sub(before.metric)));
            put_u64(out, u64::from(series));
        } else if series != before.series {
            out.push(place | NEW_SERIES);
            put_u64(out, u64::from(series.wrapping_sub(before.series)));
        } else {
            out.push(place);
        }
        if place != PLACE_BEHIND {
            put_i64(
                out,
                entry
                    .page
                    .position
                    .wrapping_sub(before.page_end)
                    .cast_signed(),
            );
            put_u64(out, u64::from(entry.page.bytes));
            before.page_end = entry.page.end();
        }
        if let Place::Shared { start, bytes } = entry.place {
            if place == PLACE_SHARED {
                put_u64(out, u64::from(start));
            }
            put_u64(out, u64::from(bytes));
            before.shared = Some((entry.page, start.saturating_add(bytes)));
        }
        let span = entry.last_time.wrapping_sub(entry.first_time);
        put_i64(out, entry.first_time.wrapping_sub(before.first_time));
        put_i64(out, span.wrapping_sub(before.span));
        (before.metric, before.series) = (metric, series);
        (before.first_time, before.span) = (entry.first_time, span);
    }
}

/// Reads all entries of an index page into `out`, whose old content goes.
pub(super) fn decode(content: &[u8], out: &mut Vec<Entry>) -> Result<(), Damage> {
    out.clear();
    let mut input = Input::new(content);
    let mut before = Before::default();
    while !input.is_empty() {
        let entry = take_entry(&mut input, &mut before)?;
        let ascends = out
            .last()
            .is_none_or(|last| (last.key, last.last_time) < (entry.key, entry.first_time));
        if !ascends {
            return Err(Damage::Order);
        }
        out.push(entry);
    }
    Ok(())
}

fn take_entry(input: &mut Input<'_>, before: &mut Before) -> Result<Entry, Damage> {
    let flags = input.u8()?;
    match flags & !PLACE {
        0 => {}
        NEW_METRIC => {
            before.metric = take_sum(before.metric, input)?;
            before.series = input.varint_u32()?;
        }
        NEW_SERIES => before.series = take_sum(before.series, input)?,
        _ => return Err(Damage::IndexEntry),
    }
    let (page, place) = take_place(flags & PLACE, input, before)?;
    before.first_time = before.first_time.wrapping_add(input.signed_varint()?);
    before.span = before.span.wrapping_add(input.signed_varint()?);
    Ok(Entry {
        key: Key::new(MetricId(before.metric), SeriesId(before.series)),
        page,
        place,
        first_time: before.first_time,
        last_time: before.first_time.wrapping_add(before.span),
    })
}

fn take_place(
    place: u8,
    input: &mut Input<'_>,
    before: &mut Before,
) -> Result<(PageRef, Place), Damage> {
    let (page, start) = match place {
        PLACE_BEHIND => before.shared.ok_or(Damage::IndexEntry)?,
        PLACE_SHARED => (take_page(input, before)?, input.varint_u32()?),
        PLACE_OWN => return Ok((take_page(input, before)?, Place::Own)),
        _ => return Err(Damage::IndexEntry),
    };
    let bytes = input.varint_u32()?;
    let end = start.checked_add(bytes).ok_or(Damage::IndexEntry)?;
    before.shared = Some((page, end));
    Ok((page, Place::Shared { start, bytes }))
}

fn take_page(input: &mut Input<'_>, before: &mut Before) -> Result<PageRef, Damage> {
    let gap = input.signed_varint()?;
    let page = PageRef {
        position: before
            .page_end
            .checked_add_signed(gap)
            .ok_or(Damage::IndexEntry)?,
        bytes: input.varint_u32()?,
    };
    before.page_end = page.end();
    Ok(page)
}

fn take_sum(before: u32, input: &mut Input<'_>) -> Result<u32, InputError> {
    before
        .checked_add(input.varint_u32()?)
        .ok_or(InputError::Overlong)
}
