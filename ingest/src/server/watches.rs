//! What is looked at again and again while the server runs: files that change, keys whose time is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::auth::{Authenticator, LedgerWatch};
use crate::listener::tls::Tls;
use crate::telemetry::Metrics;

/// How late the sessions of an expired key may be cut.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(200);

/// Certificate, ledger and expiry.
#[derive(Debug)]
pub(super) struct Watches {
    pub(super) tls: Option<Tls>,
    pub(super) ledger: Arc<LedgerWatch>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) metrics: Metrics,
}

impl Watches {
    /// Looks at the files now. Blocks.
    pub(super) fn look(&self) {
        self.ledger.poll();
        let Some(tls) = &self.tls else { return };
        match tls.reload_if_changed() {
            Ok(false) => {}
            Ok(true) => {
                self.metrics.certificate_end.set(tls.certificate_end());
                tracing::info!(end = tls.certificate_end(), "certificate changed");
            }
            Err(error) => {
                self.metrics.certificate_rejections.inc();
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the changed certificate cannot be served");
            }
        }
    }

    /// Looks at the files on a thread where that may take time.
    pub(super) fn look_soon(self: &Arc<Self>) {
        let this = Arc::clone(self);
        drop(tokio::task::spawn_blocking(move || this.look()));
    }

    /// Looks until the server stops.
    pub(super) async fn run(self: Arc<Self>, interval: Duration, stopping: CancellationToken) {
        let mut files = tokio::time::interval(interval);
        let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
        files.set_missed_tick_behavior(MissedTickBehavior::Delay);
        expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = files.tick() => {
                    let this = Arc::clone(&self);
                    if let Err(error) = tokio::task::spawn_blocking(move || this.look()).await {
                        tracing::error!(%error, "looking at changed files failed");
                    }
                }
                _ = expiry.tick() => self.authenticator.enforce_ends(),
                () = stopping.cancelled() => return,
            }
        }
    }
}
