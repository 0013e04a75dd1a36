//! What store and loops count, read when somebody scrapes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_store::store::Store;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::write::{EventLoop, WriteCounts};

/// Reads the figures of a store and of the loops that write to it.
pub(super) struct StoreMetrics {
    pub(super) store: Store,
    pub(super) loops: Vec<Arc<EventLoop>>,
}

impl fmt::Debug for StoreMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreMetrics")
            .field("loops", &self.loops.len())
            .finish_non_exhaustive()
    }
}

impl StoreMetrics {
    fn sum(&self, of: fn(&WriteCounts) -> &AtomicU64) -> u64 {
        self.loops
            .iter()
            .map(|events| of(events.counts()).load(Ordering::Relaxed))
            .sum()
    }

    fn encode_writes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut counter = |name, help, value| counter(encoder, name, help, value);
        counter(
            "penstock_write_points_stored",
            "Points appended to the store",
            self.sum(|counts| &counts.points_stored),
        )?;
        counter(
            "penstock_write_points_refused",
            "Points refused for what they are",
            self.sum(|counts| &counts.points_refused_data),
        )?;
        counter(
            "penstock_write_points_over_limit",
            "Points refused by a limit",
            self.sum(|counts| &counts.points_refused_quota),
        )?;
        counter(
            "penstock_write_points_given_up",
            "Points given up because the store pushed back for too long",
            self.sum(|counts| &counts.points_given_up),
        )?;
        counter(
            "penstock_write_lines_unfinished",
            "Last lines of connections that ended without a line feed",
            self.sum(|counts| &counts.lines_unfinished),
        )
    }

    fn encode_store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.store.stats();
        for (name, help, value) in [
            (
                "penstock_store_rows_appended",
                "Rows appended",
                stats.rows_appended,
            ),
            (
                "penstock_store_groups_synced",
                "Groups of records written and synced",
                stats.groups_synced,
            ),
            (
                "penstock_store_log_written_bytes",
                "Bytes written to the log",
                stats.wal_bytes_written,
            ),
            (
                "penstock_store_flushes",
                "Flushes of memory to blocks",
                stats.flushes,
            ),
        ] {
            counter(encoder, name, help, value)?;
        }
        for (name, help, value) in [
            (
                "penstock_store_log_in_use_bytes",
                "Bytes of log that a start would replay",
                stats.wal_bytes_in_use,
            ),
            (
                "penstock_store_log_pending_bytes",
                "Bytes that wait for the disk",
                stats.wal_bytes_pending,
            ),
            (
                "penstock_store_rows_unencoded",
                "Rows in memory that are not encoded yet",
                stats.rows_unencoded,
            ),
            (
                "penstock_store_sealed_bytes",
                "Bytes of encoded parts in memory",
                stats.sealed_bytes,
            ),
            ("penstock_store_blocks", "Blocks on disk", stats.blocks),
            (
                "penstock_store_block_bytes",
                "Bytes of blocks on disk",
                stats.block_bytes,
            ),
            ("penstock_store_series", "Series known", stats.series),
            (
                "penstock_store_tombstones",
                "Deletes not yet applied",
                stats.tombstones,
            ),
        ] {
            gauge(encoder, name, help, value)?;
        }
        self.encode_pressure(encoder, stats.copied_bytes)
    }

    fn encode_pressure(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        copied_bytes: u64,
    ) -> fmt::Result {
        gauge(
            encoder,
            "penstock_store_copied_bytes",
            "Bytes of rows that readers have copied out of memory",
            copied_bytes,
        )?;
        let refusing = u64::from(self.store.pressure().is_some());
        gauge(
            encoder,
            "penstock_store_refusing",
            "Whether the store pushes back now",
            refusing,
        )
    }
}

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_writes(&mut encoder)?;
        self.encode_store(&mut encoder)
    }
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
