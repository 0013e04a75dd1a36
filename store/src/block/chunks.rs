//! The way from a block's footer through its index to its chunks.

use std::sync::Arc;

use super::error::{BlockError, Damage};
use super::footer::Footer;
use super::index::{self, Entry, Key, Place};
use super::page::{PageReader, PageRef};
use super::source::BlockSource;
use crate::chunk::Decoder;
use crate::row::Row;

/// What all readers of one block share.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) source: BlockSource,
    /// The block's size.
    pub(super) bytes: u64,
    pub(super) footer: Footer,
}

/// The way through the index and the pages. Holds one index page, one shared page and one page of a long chunk,
/// so that whoever walks in order reads each page once.
#[derive(Debug)]
pub(super) struct Chunks {
    block: Arc<Opened>,
    pages: PageReader,
    decoder: Decoder,
    /// The index page that `entries` are of.
    index_page: Option<usize>,
    /// The index page behind it.
    next_page: usize,
    entries: Vec<Entry>,
    /// The next of `entries`.
    next: usize,
    /// Content of an index page on its way to `entries`.
    index: Vec<u8>,
    shared_at: Option<PageRef>,
    shared: Vec<u8>,
    own: Vec<u8>,
}

impl Chunks {
    pub(super) fn new(block: Arc<Opened>) -> Self {
        Self {
            block,
            pages: PageReader::default(),
            decoder: Decoder::new(),
            index_page: None,
            next_page: 0,
            entries: Vec::new(),
            next: 0,
            index: Vec::new(),
            shared_at: None,
            shared: Vec::new(),
            own: Vec::new(),
        }
    }

    /// Stands before the first chunk whose key is not less than `key`.
    pub(super) fn seek(&mut self, key: Key) -> Result<(), BlockError> {
        let pages = &self.block.footer.index;
        // The page before the first that begins at or behind the key: chunks of the key may begin in it.
        let number = pages
            .partition_point(|page| page.first < key)
            .saturating_sub(1);
        if number < pages.len() && self.index_page != Some(number) {
            self.load_index_page(number)?;
        }
        self.next = self.entries.partition_point(|entry| entry.key < key);
        Ok(())
    }

    /// The next chunk's entry, left where it is.
    pub(super) fn peek(&mut self) -> Result<Option<Entry>, BlockError> {
        if self.next >= self.entries.len() {
            if self.next_page >= self.block.footer.index.len() {
                return Ok(None);
            }
            self.load_index_page(self.next_page)?;
        }
        Ok(self.entries.get(self.next).copied())
    }

    /// Goes behind the entry that [`Self::peek`] found.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    fn load_index_page(&mut self, number: usize) -> Result<(), BlockError> {
        let block = Arc::clone(&self.block);
        let Some(listed) = block.footer.index.get(number) else {
            return Ok(());
        };
        // If the page cannot be read, who goes on goes on behind it.
        self.index_page = None;
        self.next_page = number + 1;
        self.next = 0;
        self.entries.clear();
        self.read_page(listed.page, |chunks| &mut chunks.index)?;
        let decoded = index::decode(&self.index, &mut self.entries).and_then(|()| {
            match self.entries.first() {
                Some(entry) if entry.key == listed.first => Ok(()),
                _ => Err(Damage::Order),
            }
        });
        if let Err(damage) = decoded {
            self.entries.clear();
            return Err(block.source.damaged(listed.page.position, damage));
        }
        self.index_page = Some(number);
        Ok(())
    }

    /// Appends the rows of a chunk that lie between two moments, both included, to `out`.
    pub(super) fn decode(
        &mut self,
        entry: &Entry,
        between: (i64, i64),
        out: &mut Vec<Row>,
    ) -> Result<(), BlockError> {
        let bytes = match entry.place {
            Place::Own => {
                self.read_page(entry.page, |chunks| &mut chunks.own)?;
                self.own.as_slice()
            }
            Place::Shared { start, bytes } => {
                self.load_shared(entry.page)?;
                chunk_of(&self.block.source, &self.shared, start, bytes, entry.page)?
            }
        };
        unpack(
            &mut self.decoder,
            &self.block.source,
            entry,
            bytes,
            between,
            out,
        )
    }

    /// Appends the packed bytes of a chunk to `out`; none of a chunk that has a page of its own.
    pub(super) fn copy(&mut self, entry: &Entry, out: &mut Vec<u8>) -> Result<(), BlockError> {
        if let Place::Shared { start, bytes } = entry.place {
            self.load_shared(entry.page)?;
            out.extend_from_slice(chunk_of(
                &self.block.source,
                &self.shared,
                start,
                bytes,
                entry.page,
            )?);
        }
        Ok(())
    }

    /// Goes to a block and keeps the buffers, of the same block also what is in them.
    pub(super) fn move_to(&mut self, block: &Arc<Opened>) {
        if Arc::ptr_eq(&self.block, block) {
            return;
        }
        self.block = Arc::clone(block);
        self.index_page = None;
        self.next_page = 0;
        self.entries.clear();
        self.next = 0;
        self.shared_at = None;
    }

    fn load_shared(&mut self, at: PageRef) -> Result<(), BlockError> {
        if self.shared_at != Some(at) {
            self.shared_at = None;
            self.read_page(at, |chunks| &mut chunks.shared)?;
            self.shared_at = Some(at);
        }
        Ok(())
    }

    fn read_page(
        &mut self,
        at: PageRef,
        content: impl Fn(&mut Self) -> &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let mut taken = std::mem::take(content(self));
        let read = self.pages.read(&self.block.source, at, &mut taken);
        *content(self) = taken;
        read
    }
}

fn chunk_of<'a>(
    source: &BlockSource,
    page: &'a [u8],
    start: u32,
    bytes: u32,
    at: PageRef,
) -> Result<&'a [u8], BlockError> {
    let chunk = || {
        let start = usize::try_from(start).ok()?;
        let bytes = usize::try_from(bytes).ok()?;
        page.get(start..)?.get(..bytes)
    };
    chunk().ok_or_else(|| source.damaged(at.position, Damage::Length))
}

/// Appends the rows of a chunk, whose bytes these are, that lie between two moments to `out`, which stays as it was if they
/// are damaged.
pub(super) fn unpack(
    decoder: &mut Decoder,
    source: &BlockSource,
    entry: &Entry,
    bytes: &[u8],
    between: (i64, i64),
    out: &mut Vec<Row>,
) -> Result<(), BlockError> {
    let damaged = |damage: Damage| source.damaged(entry.page.position, damage);
    let before = out.len();
    let times = decoder
        .decode_between(bytes, entry.key.series, between, out)
        .map_err(|error| damaged(error.into()))?;
    if times == (entry.first_time, entry.last_time) {
        Ok(())
    } else {
        out.truncate(before);
        Err(damaged(Damage::ChunkTimes))
    }
}
