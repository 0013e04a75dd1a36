//! Everything that the operator counts, but what the controllers count themselves.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Counters of lease, ledger, propagation and certificates. Clones count into the same cells.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// 1 while this process holds the lease.
    pub leading: Gauge,
    /// The revision of the ledger that was written last.
    pub ledger_revision: Gauge<u64, AtomicU64>,
    /// Its size as a signed document.
    pub ledger_bytes: Gauge<u64, AtomicU64>,
    /// Ledgers written.
    pub ledger_writes: Counter,
    /// Changes that wait for the next revision.
    pub changes_staged: Gauge,
    /// Changes that could not be taken into a ledger.
    pub changes_refused: Counter,
    /// From the moment a change is staged until every pod that it waits for has it.
    pub propagation_seconds: Histogram,
    /// Ingest pods that run.
    pub pods_running: Gauge,
    /// Ingest pods that have the newest revision.
    pub pods_current: Gauge,
    /// Deliveries to a pod that failed and were tried again.
    pub delivery_failures: Counter,
    /// Seconds since 1970 when the certificate of the ingest pods ends; 0 while none is known.
    pub certificate_end: Gauge,
    /// Seconds since 1970 when the authority that signed it ends; 0 while none is known.
    pub authority_end: Gauge,
}

impl Metrics {
    /// Puts all of them into a registry. Its prefix, `penstock_operator`, comes before each name.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            leading: Gauge::default(),
            ledger_revision: Gauge::default(),
            ledger_bytes: Gauge::default(),
            ledger_writes: Counter::default(),
            changes_staged: Gauge::default(),
            changes_refused: Counter::default(),
            propagation_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 14)),
            pods_running: Gauge::default(),
            pods_current: Gauge::default(),
            delivery_failures: Counter::default(),
            certificate_end: Gauge::default(),
            authority_end: Gauge::default(),
        };
        metrics.register_ledger(registry);
        metrics.register_pods(registry);
        registry.register(
            "leading",
            "1 while this process holds the lease",
            metrics.leading.clone(),
        );
        registry.register_with_unit(
            "certificate_end",
            "When the certificate of the ingest pods ends, since 1970",
            Unit::Seconds,
            metrics.certificate_end.clone(),
        );
        registry.register_with_unit(
            "authority_end",
            "When the authority that signed it ends, since 1970",
            Unit::Seconds,
            metrics.authority_end.clone(),
        );
        metrics
    }

    fn register_ledger(&self, registry: &mut Registry) {
        registry.register(
            "ledger_revision",
            "Revision of the ledger that was written last",
            self.ledger_revision.clone(),
        );
        registry.register_with_unit(
            "ledger",
            "Size of the signed ledger",
            Unit::Bytes,
            self.ledger_bytes.clone(),
        );
        registry.register(
            "ledger_writes",
            "Ledgers written",
            self.ledger_writes.clone(),
        );
        registry.register(
            "changes_staged",
            "Changes that wait for the next revision",
            self.changes_staged.clone(),
        );
        registry.register(
            "changes_refused",
            "Changes that could not be taken into a ledger",
            self.changes_refused.clone(),
        );
    }

    fn register_pods(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "propagation",
            "From staging a change until every pod that it waits for has it",
            Unit::Seconds,
            self.propagation_seconds.clone(),
        );
        registry.register(
            "pods_running",
            "Ingest pods that run",
            self.pods_running.clone(),
        );
        registry.register(
            "pods_current",
            "Ingest pods that have the newest ledger",
            self.pods_current.clone(),
        );
        registry.register(
            "delivery_failures",
            "Deliveries of a ledger to a pod that failed and are tried again",
            self.delivery_failures.clone(),
        );
    }
}
