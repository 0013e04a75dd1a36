//! Every on-disk name.
//!
//! ```text
//! LOCK
//! manifest/0000000001           the newest number is the manifest
//! wal/0000000007                a segment
//! series/0000000012             a run of the series index
//! blocks/20261125/0000000013    a block of that UTC day
//! ```
//!
//! A name with [`TEMPORARY`] at its end is a file that was never finished.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use penstock_model::Day;

/// Held while a store has the data directory open.
pub const LOCK: &str = "LOCK";
/// The directory of the manifest.
pub const MANIFEST: &str = "manifest";
/// The directory of the log's segments.
pub const WAL: &str = "wal";
/// The directory of the series runs.
pub const SERIES: &str = "series";
/// The directory of the days' directories of blocks.
pub const BLOCKS: &str = "blocks";
/// Ends the name of a file that is being written.
pub const TEMPORARY: &str = ".tmp";

/// The number that is a file's name. Blocks and series runs share one count, so a number names one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileNumber(pub u64);

impl FileNumber {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number that a file's name stands for; none if no number makes this name.
    pub fn parse(name: &str) -> Option<Self> {
        let number = Self(name.parse().ok()?);
        (number.to_string() == name).then_some(number)
    }
}

impl fmt::Display for FileNumber {
    /// Ten digits at least, so that names sort as numbers do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

/// Where a manifest lies.
pub fn manifest(number: FileNumber) -> PathBuf {
    Path::new(MANIFEST).join(number.to_string())
}

/// Where a segment of the log lies.
pub fn wal_segment(number: FileNumber) -> PathBuf {
    Path::new(WAL).join(number.to_string())
}

/// Where a run of the series index lies.
pub fn series_run(number: FileNumber) -> PathBuf {
    Path::new(SERIES).join(number.to_string())
}

/// The directory of a day's blocks.
pub fn day(day: Day) -> PathBuf {
    Path::new(BLOCKS).join(day.to_string())
}

/// Where a block lies.
pub fn block(day: Day, number: FileNumber) -> PathBuf {
    self::day(day).join(number.to_string())
}

/// The name that a file has until it is whole.
pub fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsStr::to_owned).unwrap_or_default();
    name.push(TEMPORARY);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart_into_their_numbers() {
        let number = FileNumber(13);
        assert_eq!(FileNumber::parse(&number.to_string()), Some(number));
        assert_eq!(
            FileNumber::parse(&FileNumber(u64::MAX).to_string()),
            Some(FileNumber(u64::MAX))
        );
        for name in ["", "13", "+000000013", "0000000013.tmp", "00000000013"] {
            assert_eq!(FileNumber::parse(name), None, "{name}");
        }
    }

    #[test]
    fn every_file_has_its_place() {
        let today = Day::from_number(20_782);
        assert_eq!(
            block(today, FileNumber(13)),
            Path::new("blocks/20261125/0000000013")
        );
        assert_eq!(
            temporary(&series_run(FileNumber(2))),
            Path::new("series/0000000002.tmp")
        );
    }
}
