//! Reads a run from front to back, every byte checked before it is believed.

use zstd::bulk::Decompressor;

use crate::codec::checksum::Checksum;
use crate::codec::input::Input;
use crate::disk::DiskFile;
use crate::row::Sequence;
use crate::series::run::page::{self, Senseless};
use crate::series::run::{
    Definition, FOOTER_BYTES, HEADER, PAGE_HEADER_BYTES, PAGE_RAW_BYTES_MAX, RunError, RunSummary,
};

/// What the footer says.
#[derive(Debug)]
struct Footer {
    summary: RunSummary,
    pages: u32,
    checksums: Checksum,
}

/// Reads header and footer alone: what the run says of itself, its definitions unseen.
///
/// # Errors
/// [`RunError`] if the file is no run, has no valid footer, or cannot be read.
pub fn read_summary(file: &dyn DiskFile) -> Result<RunSummary, RunError> {
    read_footer(file).map(|footer| footer.summary)
}

/// Visits every definition in the order of the keys.
pub(crate) fn read_run(
    file: &dyn DiskFile,
    visit: &mut dyn FnMut(Definition<'_>) -> Result<(), RunError>,
) -> Result<RunSummary, RunError> {
    let Footer {
        summary,
        pages,
        checksums,
    } = read_footer(file)?;
    let mut pages_read = Pages::new(file, &summary)?;
    let (mut series, mut key) = (0, Vec::new());
    for _ in 0..pages {
        let offset = pages_read.offset;
        let raw = pages_read.read()?;
        series += page::visit(raw, &mut key, &mut |definition| {
            visit(definition).map_err(PageError::Visit)
        })
        .map_err(|error| match error {
            PageError::Senseless(Senseless(what)) => RunError::Damaged { offset, what },
            PageError::Visit(error) => error,
        })?;
    }
    let what = if pages_read.offset != pages_read.end {
        "there is something between pages and footer"
    } else if Checksum::of(&pages_read.checksums) != checksums {
        "these are not the pages that the footer was written for"
    } else if series != u64::from(summary.series) {
        "the footer counts other definitions"
    } else {
        return Ok(summary);
    };
    let offset = pages_read.offset;
    Err(RunError::Damaged { offset, what })
}

enum PageError {
    Senseless(Senseless),
    Visit(RunError),
}

impl From<Senseless> for PageError {
    fn from(senseless: Senseless) -> Self {
        Self::Senseless(senseless)
    }
}

/// The pages one after the other.
struct Pages<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
    end: u64,
    decompressor: Decompressor<'static>,
    stored: Vec<u8>,
    raw: Vec<u8>,
    checksums: Vec<u8>,
}

impl<'a> Pages<'a> {
    fn new(file: &'a dyn DiskFile, summary: &RunSummary) -> Result<Self, RunError> {
        Ok(Self {
            file,
            offset: bytes(HEADER.len()),
            end: summary.bytes.saturating_sub(bytes(FOOTER_BYTES)),
            decompressor: Decompressor::new()
                .map_err(|source| RunError::Io { offset: 0, source })?,
            stored: Vec::new(),
            raw: Vec::new(),
            checksums: Vec::new(),
        })
    }

    /// The next page, unpacked.
    fn read(&mut self) -> Result<&[u8], RunError> {
        let offset = self.offset;
        let damaged = |what| RunError::Damaged { offset, what };
        let mut header = [0; PAGE_HEADER_BYTES];
        self.fill(&mut header, offset)?;
        let (lengths, checksum) = header.split_at(8);
        let mut input = Input::new(lengths);
        let stored_length = input.u32().map_err(|_| damaged("no page header"))?;
        let raw_length = input.u32().map_err(|_| damaged("no page header"))?;
        let start = offset.saturating_add(bytes(PAGE_HEADER_BYTES));
        let end = start.saturating_add(u64::from(stored_length));
        if end > self.end || raw_length > PAGE_RAW_BYTES_MAX {
            return Err(damaged("a page is longer than can be"));
        }
        let mut stored = std::mem::take(&mut self.stored);
        stored.resize(stored_length.try_into().unwrap_or(usize::MAX), 0);
        self.fill(&mut stored, start)?;
        if Checksum::of_parts(&[lengths, &stored]).to_bytes() != checksum {
            return Err(damaged("the checksum of a page does not fit"));
        }
        self.checksums.extend_from_slice(checksum);
        self.raw.clear();
        let raw_length = raw_length.try_into().unwrap_or(usize::MAX);
        self.raw.reserve_exact(raw_length);
        let unpacked = self
            .decompressor
            .decompress_to_buffer(&stored, &mut self.raw);
        if unpacked.ok() != Some(raw_length) {
            return Err(damaged("a page does not unpack"));
        }
        self.stored = stored;
        self.offset = end;
        Ok(&self.raw)
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> Result<(), RunError> {
        if offset.saturating_add(bytes(buffer.len())) > self.end {
            let what = "a page runs into the footer";
            return Err(RunError::Damaged { offset, what });
        }
        fill(self.file, buffer, offset)
    }
}

fn read_footer(file: &dyn DiskFile) -> Result<Footer, RunError> {
    let length = file
        .len()
        .map_err(|source| RunError::Io { offset: 0, source })?;
    let offset = length.saturating_sub(bytes(FOOTER_BYTES));
    let damaged = |what| RunError::Damaged { offset, what };
    if offset < bytes(HEADER.len()) {
        return Err(damaged("too short for a series run"));
    }
    let mut header = [0; HEADER.len()];
    fill(file, &mut header, 0)?;
    if header != HEADER {
        let what = "not a series run of a known version";
        return Err(RunError::Damaged { offset: 0, what });
    }
    let mut footer = [0; FOOTER_BYTES];
    fill(file, &mut footer, offset)?;
    let (fields, checksum) = footer.split_at(FOOTER_BYTES - 4);
    if Checksum::of_parts(&[&header, fields]).to_bytes() != checksum {
        return Err(damaged("the checksum of the footer does not fit"));
    }
    decode_footer(fields, length).ok_or_else(|| damaged("too short for a footer"))
}

fn decode_footer(fields: &[u8], bytes: u64) -> Option<Footer> {
    let mut input = Input::new(fields);
    let (series, pages) = (input.u32().ok()?, input.u32().ok()?);
    let first = Sequence(input.u64().ok()?);
    let last = Sequence(input.u64().ok()?);
    Some(Footer {
        summary: RunSummary {
            series,
            first,
            last,
            bytes,
        },
        pages,
        checksums: Checksum::from_bytes(input.array().ok()?),
    })
}

fn fill(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> Result<(), RunError> {
    file.read_exact_at(buffer, offset)
        .map_err(|source| RunError::Io { offset, source })
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
