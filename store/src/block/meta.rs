//! What a block says of itself.

use penstock_model::{Day, TenantId, Timestamp};
use roaring::RoaringBitmap;

use crate::row::{MetricId, Sequence};

/// What the maker of a block knows of it before the first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// The UTC day that all its samples lie in.
    pub day: Day,
    /// The lowest sequence among its rows.
    pub first: Sequence,
    /// The highest sequence among its rows.
    pub last: Sequence,
    /// When the first of its rows was received.
    pub received_first: Timestamp,
    /// When the last of its rows was received.
    pub received_last: Timestamp,
    /// The highest tombstone that has been applied to its rows; [`Sequence::ZERO`] if none has.
    pub tombstones: Sequence,
}

/// How much of a block belongs to one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantCount {
    /// The tenant.
    pub tenant: TenantId,
    /// Its series in the block.
    pub series: u64,
    /// Its rows in the block.
    pub rows: u64,
}

/// How much of a block belongs to one metric of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricCount {
    /// The metric.
    pub metric: MetricId,
    /// Its series in the block.
    pub series: u64,
    /// Its rows in the block.
    pub rows: u64,
}

/// What a finished block holds.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSummary {
    /// What the maker said.
    pub meta: BlockMeta,
    /// The size of the block.
    pub bytes: u64,
    /// Samples.
    pub rows: u64,
    /// Chunks.
    pub chunks: u64,
    /// The earliest and the latest sample; `None` if there are no rows.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Every series that has a row.
    pub series: RoaringBitmap,
}
