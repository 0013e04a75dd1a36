//! Writes a run from front to back.

use std::io;

use zstd::bulk::Compressor;

use crate::codec::checksum::Checksum;
use crate::row::Sequence;
use crate::series::run::page::PageBuilder;
use crate::series::run::{Definition, HEADER, PAGE_RAW_BYTES_MAX, RunSummary};

const COMPRESSION_LEVEL: i32 = 1;

/// Takes definitions in the order of their keys.
pub(crate) struct RunWriter<'a> {
    sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    compressor: Compressor<'static>,
    page: PageBuilder,
    /// Of each page so far.
    checksums: Vec<u8>,
    pages: u32,
    series: u32,
    bytes: u64,
}

impl<'a> RunWriter<'a> {
    pub(crate) fn new(sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Self> {
        let mut writer = Self {
            sink,
            compressor: Compressor::new(COMPRESSION_LEVEL)?,
            page: PageBuilder::default(),
            checksums: Vec::new(),
            pages: 0,
            series: 0,
            bytes: 0,
        };
        writer.put(&HEADER)?;
        Ok(writer)
    }

    pub(crate) fn push(&mut self, definition: Definition<'_>) -> io::Result<()> {
        self.page.push(definition);
        self.series += 1;
        if self.page.is_full() {
            self.close_page()?;
        }
        Ok(())
    }

    /// Writes what is left and the footer.
    pub(crate) fn finish(mut self, first: Sequence, last: Sequence) -> io::Result<RunSummary> {
        if !self.page.is_empty() {
            self.close_page()?;
        }
        let mut footer = Vec::new();
        footer.extend_from_slice(&self.series.to_le_bytes());
        footer.extend_from_slice(&self.pages.to_le_bytes());
        footer.extend_from_slice(&first.0.to_le_bytes());
        footer.extend_from_slice(&last.0.to_le_bytes());
        footer.extend_from_slice(&Checksum::of(&self.checksums).to_bytes());
        footer.extend_from_slice(&Checksum::of_parts(&[&HEADER, &footer]).to_bytes());
        self.put(&footer)?;
        Ok(RunSummary {
            series: self.series,
            first,
            last,
            bytes: self.bytes,
        })
    }

    fn close_page(&mut self) -> io::Result<()> {
        let raw = self.page.take();
        let stored = self.compressor.compress(&raw)?;
        let raw_length = page_length(raw.len())?.to_le_bytes();
        let stored_length = page_length(stored.len())?.to_le_bytes();
        let checksum = Checksum::of_parts(&[&stored_length, &raw_length, &stored]).to_bytes();
        self.checksums.extend_from_slice(&checksum);
        self.pages += 1;
        for part in [&stored_length[..], &raw_length, &checksum, &stored] {
            self.put(part)?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or_default();
        (self.sink)(bytes)
    }
}

/// A page that no reader would take is not written.
fn page_length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes)
        .ok()
        .filter(|length| *length <= PAGE_RAW_BYTES_MAX)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a series key is too long"))
}
