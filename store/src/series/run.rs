//! Series definitions on disk: sorted by key, compressed, never changed. The file is drawn in
//! `docs/formats/series.md`.
//!
//! ```text
//!   │ "PSTKSER" 1 │ page │ page │ ... │ footer 32 B │
//!                   page = lengths, checksum, zstd of: counts, ids, metrics, front-coded keys
//! ```
//!
//! Only what cannot be derived is kept: key, series id, metric id. Postings and the pair dictionary are built
//! while loading, which takes less time than reading them would save.

use std::io;

use crate::row::{MetricId, Sequence, SeriesId};
use crate::series::registry::SeriesConflict;

mod page;
pub(crate) mod reader;
pub(crate) mod writer;

/// What the file begins with: its name and version.
const HEADER: [u8; 8] = *b"PSTKSER\x01";
const FOOTER_BYTES: usize = 32;
/// Stored length, raw length, checksum.
const PAGE_HEADER_BYTES: usize = 12;
/// A page is closed when its keys' suffixes have come to this.
const PAGE_KEY_BYTES: usize = 64 << 10;
/// No page is larger, unpacked: a closed page and one more definition, which had to fit a group of the log.
const PAGE_RAW_BYTES_MAX: u32 = 4 << 20;

/// What one run will hold: which series, in the order of their keys, and the definitions' range of sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunContents {
    /// The series in the order of their keys, never empty.
    pub series: Vec<SeriesId>,
    /// The sequence of the earliest definition.
    pub first: Sequence,
    /// The sequence of the latest definition.
    pub last: Sequence,
}

/// What a run says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// How many definitions it holds.
    pub series: u32,
    /// The sequence of the earliest definition.
    pub first: Sequence,
    /// The sequence of the latest definition.
    pub last: Sequence,
    /// The length of the file.
    pub bytes: u64,
}

/// Why a run cannot be read. Whatever it is: do not go on with this directory.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The disk failed.
    #[error("cannot read the series run at byte {offset}")]
    Io {
        /// Where in the file.
        offset: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error("the series run is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where the damaged page or footer begins.
        offset: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A good run that contradicts other definitions.
    #[error("the series run contradicts another definition")]
    Conflict(#[source] SeriesConflict),
}

/// One definition of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) series: SeriesId,
    pub(crate) metric: MetricId,
    /// Canonical.
    pub(crate) key: &'a [u8],
}

#[cfg(test)]
pub(crate) mod tests;
