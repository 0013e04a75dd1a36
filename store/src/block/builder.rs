//! Sorted rows to a block.

use std::io;

use penstock_model::Timestamp;
use roaring::RoaringBitmap;

use super::HEADER;
use super::footer::{Footer, IndexPage};
use super::index::{Entry, IndexEncoder, Key, Place};
use super::meta::{BlockMeta, BlockSummary, MetricCount, TenantCount};
use super::page::{PageRef, PageWriter};
use crate::chunk::{Encoder, Packing};
use crate::disk::FileSink;
use crate::row::{MetricId, Row, SeriesId};

/// Content of a shared page on disk. Four times as much would take less than 1 % less space, and whoever wants one short
/// series has a whole page unpacked.
const DISK_PAGE_BYTES: usize = 16 << 10;

/// Content of a shared page in memory, where nothing is compressed: one look-up checks no more than this.
const MEMORY_PAGE_BYTES: usize = 8 << 10;

/// From this size on a chunk that pco packed has a page of its own. Below, the page and its index entry would cost
/// more than the chunk: a constant series of a day is 20 bytes.
const OWN_PAGE_BYTES_MIN: usize = 1 << 10;

/// Content of an index page, some 600 entries.
const INDEX_PAGE_BYTES: usize = 4 << 10;

/// Index entries that may wait for their shared page to be written, while long chunks are written past it.
const WAITING_MAX: usize = 4_096;

/// Rows of a chunk. Twice as long they would take 4 % less space, but a chunk is unpacked whole: of a point every ten
/// seconds this is nearly six hours, and mostly one is asked for.
const CHUNK_ROWS: usize = 2_048;

/// A series is cut when it has more rows than this: what is then left is never a short chunk.
const CUT_ROWS: usize = CHUNK_ROWS + CHUNK_ROWS / 8;

/// Where a block is written to, from its first byte to its last.
pub trait BlockSink {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// As the disk says; the block is then lost.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl BlockSink for Vec<u8> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl BlockSink for FileSink {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Self::write_all(self, bytes)
    }
}

/// Why a block cannot be built. The builder is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The sink failed, or zstd did.
    #[error("cannot write the block")]
    Write(#[from] io::Error),
    /// Rows came out of order; a fault of the caller.
    #[error("rows of series {} at {time} are out of order", series.0)]
    Order {
        /// The series that was pushed.
        series: SeriesId,
        /// The time of its first row.
        time: i64,
    },
    /// A row lies outside the day of the block; a fault of the caller.
    #[error("rows of series {} at {time} lie outside the day of the block", series.0)]
    OutsideDay {
        /// The series that was pushed.
        series: SeriesId,
        /// The time of its first row.
        time: i64,
    },
}

/// Builds one block. Holds a page, the rows of a chunk and what the footer needs.
#[derive(Debug)]
pub struct BlockBuilder<S> {
    meta: BlockMeta,
    packing: Packing,
    page_bytes: usize,
    sink: S,
    position: u64,
    encoder: Encoder,
    pages: PageWriter,
    /// The series being pushed, and its last time.
    current: Option<(Key, i64)>,
    /// Rows of it that are not in a chunk yet.
    rows: Vec<Row>,
    /// Chunks of the open shared page.
    shared: Vec<u8>,
    /// Entries in order, from the first whose shared page is still open.
    waiting: Vec<Entry>,
    index: IndexEncoder,
    index_first: Option<Key>,
    /// Ascending by metric.
    counts: Vec<MetricCount>,
    footer: Footer,
}

impl<S: BlockSink> BlockBuilder<S> {
    /// Begins a block and writes its header.
    ///
    /// # Errors
    /// [`BuildError::Write`].
    pub fn new(meta: BlockMeta, packing: Packing, mut sink: S) -> Result<Self, BuildError> {
        sink.write_all(&HEADER)?;
        Ok(Self {
            meta,
            packing,
            page_bytes: match packing {
                Packing::Memory => MEMORY_PAGE_BYTES,
                Packing::Disk => DISK_PAGE_BYTES,
            },
            sink,
            position: HEADER.len() as u64,
            encoder: Encoder::new(packing),
            pages: PageWriter::new(packing)?,
            current: None,
            rows: Vec::new(),
            shared: Vec::new(),
            waiting: Vec::new(),
            index: IndexEncoder::default(),
            index_first: None,
            counts: Vec::new(),
            footer: Footer {
                meta,
                rows: 0,
                chunks: 0,
                times: (i64::MAX, i64::MIN),
                tenants: Vec::new(),
                index: Vec::new(),
                series: RoaringBitmap::new(),
            },
        })
    }

    /// Adds rows of a series. Series come ascending by (metric, series); a series may be pushed in several
    /// pieces, one after another; its times ascend strictly over all of them and lie in the day of the block.
    /// The rows' own series is not looked at.
    ///
    /// # Errors
    /// [`BuildError::Order`] and [`BuildError::OutsideDay`] for rows that may not come, [`BuildError::Write`]
    /// if the sink failed.
    pub fn push(
        &mut self,
        metric: MetricId,
        series: SeriesId,
        rows: &[Row],
    ) -> Result<(), BuildError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        let key = Key::new(metric, series);
        let out_of_order = BuildError::Order {
            series,
            time: first.time,
        };
        if !rows.is_sorted_by(|a, b| a.time < b.time) {
            return Err(out_of_order);
        }
        let day = self.meta.day;
        if first.time < day.start().millis() || last.time > day.end().millis() {
            return Err(BuildError::OutsideDay {
                series,
                time: first.time,
            });
        }
        match self.current {
            Some((current, _)) if current > key => return Err(out_of_order),
            Some((current, time)) if current == key && time >= first.time => {
                return Err(out_of_order);
            }
            Some((current, _)) if current == key => {}
            _ => {
                self.end_series()?;
                self.footer.series.insert(series.0);
                self.begin_series(metric);
            }
        }
        if let Some(count) = self.counts.last_mut() {
            count.rows += rows.len() as u64;
        }
        self.current = Some((key, last.time));
        self.rows.extend_from_slice(rows);
        self.footer.rows += rows.len() as u64;
        self.footer.times.0 = self.footer.times.0.min(first.time);
        self.footer.times.1 = self.footer.times.1.max(last.time);
        if self.rows.len() > CUT_ROWS {
            self.cut(key)?;
        }
        Ok(())
    }

    fn begin_series(&mut self, metric: MetricId) {
        match self.counts.last_mut() {
            Some(count) if count.metric == metric => count.series += 1,
            _ => self.counts.push(MetricCount {
                metric,
                series: 1,
                rows: 0,
            }),
        }
    }

    /// What has been pushed of each metric.
    pub fn counts(&self) -> &[MetricCount] {
        &self.counts
    }

    /// Writes what is still held, then the footer. `tenants` is kept as it is given.
    ///
    /// # Errors
    /// [`BuildError::Write`].
    pub fn finish(mut self, tenants: Vec<TenantCount>) -> Result<(S, BlockSummary), BuildError> {
        self.end_series()?;
        self.end_shared_page()?;
        self.end_index_page()?;
        self.footer.tenants = tenants;
        let footer = self.footer.encode()?;
        self.sink.write_all(&footer)?;
        let (first, last) = self.footer.times;
        let summary = BlockSummary {
            meta: self.meta,
            bytes: self.position + footer.len() as u64,
            rows: self.footer.rows,
            chunks: self.footer.chunks,
            times: (self.footer.rows > 0)
                .then(|| (Timestamp::from_millis(first), Timestamp::from_millis(last))),
            series: self.footer.series,
        };
        Ok((self.sink, summary))
    }

    /// Turns held rows into whole chunks, but for what one chunk can take.
    fn cut(&mut self, key: Key) -> Result<(), BuildError> {
        let mut rows = std::mem::take(&mut self.rows);
        let mut rest = rows.as_slice();
        while rest.len() > CUT_ROWS
            && let Some((chunk, after)) = rest.split_at_checked(CHUNK_ROWS)
        {
            self.add_chunk(key, chunk)?;
            rest = after;
        }
        let done = rows.len() - rest.len();
        rows.drain(..done);
        self.rows = rows;
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), BuildError> {
        let Some((key, _)) = self.current else {
            return Ok(());
        };
        let mut rows = std::mem::take(&mut self.rows);
        self.add_chunk(key, &rows)?;
        rows.clear();
        self.rows = rows;
        Ok(())
    }

    fn add_chunk(&mut self, key: Key, rows: &[Row]) -> Result<(), BuildError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        let start = self.shared.len();
        self.encoder.encode(rows, &mut self.shared);
        let (_, chunk) = self.shared.split_at(start);
        let mut entry = Entry {
            key,
            page: PageRef::default(),
            place: Place::Own,
            first_time: first.time,
            last_time: last.time,
        };
        if self.packing.is_dense(rows.len()) && chunk.len() >= OWN_PAGE_BYTES_MIN {
            let page = self.pages.plain(chunk)?;
            entry.page = write_page(&mut self.sink, &mut self.position, page)?;
            self.shared.truncate(start);
        } else {
            entry.place = Place::Shared {
                start: length_u32(start)?,
                bytes: length_u32(chunk.len())?,
            };
        }
        self.footer.chunks += 1;
        self.waiting.push(entry);
        if self.shared.len() >= self.page_bytes || self.waiting.len() >= WAITING_MAX {
            self.end_shared_page()?;
        } else if self.shared.is_empty() {
            self.index_waiting(PageRef::default())?;
        }
        Ok(())
    }

    fn end_shared_page(&mut self) -> Result<(), BuildError> {
        let mut at = PageRef::default();
        if !self.shared.is_empty() {
            let page = self.pages.compressed(&self.shared)?;
            at = write_page(&mut self.sink, &mut self.position, page)?;
            self.shared.clear();
        }
        self.index_waiting(at)
    }

    /// Moves the waiting entries to the index; those of the shared page learn that it is at `shared`.
    fn index_waiting(&mut self, shared: PageRef) -> Result<(), BuildError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        for entry in &mut waiting {
            if entry.place != Place::Own {
                entry.page = shared;
            }
            self.index_first.get_or_insert(entry.key);
            self.index.push(entry);
            if self.index.content().len() >= INDEX_PAGE_BYTES {
                self.end_index_page()?;
            }
        }
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    fn end_index_page(&mut self) -> Result<(), BuildError> {
        if let Some(first) = self.index_first.take() {
            let page = self.pages.compressed(self.index.content())?;
            let page = write_page(&mut self.sink, &mut self.position, page)?;
            self.footer.index.push(IndexPage { page, first });
            self.index.clear();
        }
        Ok(())
    }
}

fn write_page(
    sink: &mut impl BlockSink,
    position: &mut u64,
    page: &[u8],
) -> Result<PageRef, BuildError> {
    let at = PageRef {
        position: *position,
        bytes: length_u32(page.len())?,
    };
    sink.write_all(page)?;
    *position = at.end();
    Ok(at)
}

fn length_u32(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}
