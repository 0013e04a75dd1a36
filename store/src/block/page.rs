//! A page: the unit that is read, checked and unpacked as a whole.
//!
//! ```text
//!   │ checksum u32 │ codec u8 │ content length u32 │ content, perhaps compressed │
//!                  └────────────── the checksum covers this ────────────────────┘
//!   codec 0 plain, 1 zstd
//! ```
//!
//! How long a page is on disk stands where it is pointed to: in the index entry or in the footer.

use std::fmt;
use std::io;

use super::error::{BlockError, Damage};
use super::source::BlockSource;
use crate::chunk::Packing;
use crate::codec::checksum::Checksum;
use crate::codec::input::Input;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const ZSTD_LEVEL: i32 = 1;
const PAGE_HEADER_BYTES: usize = 9;

/// No page holds more: the longest chunk, 8,192 rows that nothing compresses, is a fifth of it. What claims more
/// is damaged, and is refused before anything is allocated.
pub(super) const CONTENT_BYTES_MAX: usize = 1 << 20;

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct PageRef {
    pub(super) position: u64,
    /// Header and content as they lie on disk.
    pub(super) bytes: u32,
}

impl PageRef {
    pub(super) fn end(self) -> u64 {
        self.position.saturating_add(u64::from(self.bytes))
    }
}

/// Makes pages; keeps the compressor and its buffers.
pub(super) struct PageWriter {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    compressed: Vec<u8>,
    page: Vec<u8>,
}

impl fmt::Debug for PageWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageWriter").finish_non_exhaustive()
    }
}

impl PageWriter {
    pub(super) fn new(packing: Packing) -> io::Result<Self> {
        let compressor = match packing {
            Packing::Memory => None,
            Packing::Disk => Some(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        Ok(Self {
            compressor,
            compressed: Vec::new(),
            page: Vec::new(),
        })
    }

    /// A page whose content is worth compressing: many short chunks, or index entries.
    pub(super) fn compressed(&mut self, content: &[u8]) -> io::Result<&[u8]> {
        if let Some(compressor) = &mut self.compressor {
            self.compressed.clear();
            self.compressed
                .reserve(zstd::zstd_safe::compress_bound(content.len()));
            compressor.compress_to_buffer(content, &mut self.compressed)?;
            if self.compressed.len() < content.len() {
                let stored = std::mem::take(&mut self.compressed);
                self.fill(ZSTD, content.len(), &stored)?;
                self.compressed = stored;
                return Ok(&self.page);
            }
        }
        self.plain(content)
    }

    /// A page whose content is dense already.
    pub(super) fn plain(&mut self, content: &[u8]) -> io::Result<&[u8]> {
        self.fill(PLAIN, content.len(), content)?;
        Ok(&self.page)
    }

    fn fill(&mut self, codec: u8, content_bytes: usize, stored: &[u8]) -> io::Result<()> {
        let content_bytes = u32::try_from(content_bytes).map_err(io::Error::other)?;
        self.page.clear();
        self.page.extend_from_slice(&[0; 4]);
        self.page.push(codec);
        self.page.extend_from_slice(&content_bytes.to_le_bytes());
        self.page.extend_from_slice(stored);
        if let Some((checksum, covered)) = self.page.split_first_chunk_mut::<4>() {
            *checksum = Checksum::of(covered).to_bytes();
        }
        Ok(())
    }
}

/// Reads pages; keeps the decompressor and its buffer.
#[derive(Default)]
pub(super) struct PageReader {
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    page: Vec<u8>,
}

impl fmt::Debug for PageReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageReader").finish_non_exhaustive()
    }
}

impl PageReader {
    /// Reads, checks and unpacks a page into `content`, whose old bytes go.
    pub(super) fn read(
        &mut self,
        source: &BlockSource,
        at: PageRef,
        content: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let bytes = usize::try_from(at.bytes).unwrap_or(usize::MAX);
        if bytes > CONTENT_BYTES_MAX + PAGE_HEADER_BYTES {
            return Err(source.damaged(at.position, Damage::Length));
        }
        self.page.resize(bytes, 0);
        source.read_exact_at(&mut self.page, at.position)?;
        self.unpack(content)
            .map_err(|damage| source.damaged(at.position, damage))
    }

    fn unpack(&mut self, content: &mut Vec<u8>) -> Result<(), Damage> {
        content.clear();
        let mut input = Input::new(&self.page);
        let checksum = Checksum::from_bytes(input.array()?);
        if Checksum::of(input.rest()) != checksum {
            return Err(Damage::Checksum);
        }
        let codec = input.u8()?;
        let content_bytes = usize::try_from(input.u32()?).unwrap_or(usize::MAX);
        if content_bytes > CONTENT_BYTES_MAX {
            return Err(Damage::Length);
        }
        match codec {
            PLAIN => content.extend_from_slice(input.rest()),
            ZSTD => {
                let decompressor = match &mut self.decompressor {
                    Some(decompressor) => decompressor,
                    none => {
                        none.insert(zstd::bulk::Decompressor::new().map_err(Damage::Decompress)?)
                    }
                };
                content.reserve(content_bytes);
                decompressor
                    .decompress_to_buffer(input.rest(), content)
                    .map_err(Damage::Decompress)?;
            }
            unknown => return Err(Damage::PageCodec(unknown)),
        }
        if content.len() == content_bytes {
            Ok(())
        } else {
            Err(Damage::Length)
        }
    }
}
