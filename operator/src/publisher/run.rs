//! The loop that writes revisions, and the one that wakes who waits for them.

mod next;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::next::{Next, Request, next};
use super::change::{Change, EntryKey};
use super::committed::Committed;
use super::document::Document;
use super::handle::Publisher;
use super::refused::Refused;
use crate::ledger_secret::{CommitError, LedgerSecrets};
use crate::signing::Signer;

/// A revision waits for company until nothing has been staged for so long.
const QUIET: Duration = Duration::from_millis(25);
/// And at least so long while changes go on coming in.
const COMPANY_MIN: Duration = Duration::from_millis(250);
/// And at most so long.
const COMPANY_MAX: Duration = Duration::from_secs(2);
/// Between the two, so many times as long as the last write took: a large ledger is written less often.
const COMPANY_WRITES: u32 = 4;

/// Writes one revision after another, each with all that is staged.
#[derive(Debug)]
pub struct Writer {
    publisher: Publisher,
    secrets: LedgerSecrets,
    signer: watch::Receiver<Arc<Signer>>,
    last_write: Duration,
}

/// Why nothing more is written. The process must end.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The Secrets cannot be written.
    #[error("the ledger cannot be written")]
    Commit(#[from] CommitError),
    /// What was merged is no ledger: a fault of ours, and nothing of it has been written.
    #[error("the next ledger is inconsistent")]
    Ledger(#[from] penstock_tenancy::LedgerError),
    /// The thread that merges has died.
    #[error("the merge failed")]
    Merge(#[from] tokio::task::JoinError),
}

impl Writer {
    /// The only writer of `secrets`.
    pub fn new(
        publisher: Publisher,
        secrets: LedgerSecrets,
        signer: watch::Receiver<Arc<Signer>>,
    ) -> Self {
        Self {
            publisher,
            secrets,
            signer,
            last_write: Duration::ZERO,
        }
    }

    /// Ends with the reason for which the process must end.
    pub async fn run(mut self) -> WriterError {
        loop {
            if let Err(error) = self.write_once().await {
                return error;
            }
            let shared = Arc::clone(&self.publisher.shared);
            tokio::select! {
                () = shared.work.notified() => self.wait_for_company().await,
                Ok(()) = self.signer.changed() => {}
            }
        }
    }

    async fn wait_for_company(&self) {
        let shared = &self.publisher.shared;
        let most = (self.last_write * COMPANY_WRITES).clamp(COMPANY_MIN, COMPANY_MAX);
        let company = async {
            while !shared.desk.lock().is_urgent() {
                if timeout(QUIET, shared.work.notified()).await.is_err() {
                    break;
                }
            }
        };
        // Whoever comes later is in the next one.
        drop(timeout(most, company).await);
    }

    async fn write_once(&mut self) -> Result<(), WriterError> {
        let shared = Arc::clone(&self.publisher.shared);
        let began = shared.clock.monotonic();
        let signer = Arc::clone(&self.signer.borrow_and_update());
        let Some((entries, request)) = self.request(signer) else {
            return Ok(());
        };
        let Next { written, refused } =
            tokio::task::spawn_blocking(move || next(&request)).await??;
        let refused: Vec<(EntryKey, Refused)> = refused
            .into_iter()
            .filter_map(|(place, reason)| Some((*entries.get(place)?, reason)))
            .collect();
        let committed = match written {
            None => self.publisher.committed(),
            Some((committed, document)) => {
                self.secrets.commit(&document).await?;
                self.last_write = shared.clock.monotonic().saturating_sub(began);
                self.has_written(document);
                Arc::new(committed)
            }
        };
        self.has_settled(committed, refused);
        Ok(())
    }

    /// Everything that the next revision is made of; `None` before anything is known of the service.
    fn request(&self, signer: Arc<Signer>) -> Option<(Vec<EntryKey>, Request)> {
        let shared = &self.publisher.shared;
        let mut desk = shared.desk.lock();
        let service = desk.service.clone()?;
        let (entries, changes): (Vec<EntryKey>, Vec<Change>) = desk.take().into_iter().unzip();
        let newest = shared.newest.borrow().clone();
        let request = Request {
            previous: Arc::clone(desk.committed()),
            changes,
            service,
            reported: *shared.reported.borrow(),
            now: shared.clock.now(),
            is_signed: newest.is_some_and(|document| document.key == signer.key.verifying_key()),
            signer,
        };
        Some((entries, request))
    }

    fn has_written(&self, document: Document) {
        let metrics = &self.publisher.shared.metrics;
        let (revision, bytes) = (document.revision, document.bytes.len());
        metrics.ledger_writes.inc();
        metrics.ledger_revision.set(revision);
        metrics
            .ledger_bytes
            .set(u64::try_from(bytes).unwrap_or(u64::MAX));
        tracing::info!(revision, bytes, "ledger written");
        let newest = &self.publisher.shared.newest;
        newest.send_replace(Some(Arc::new(document)));
    }

    fn has_settled(&self, committed: Arc<Committed>, refused: Vec<(EntryKey, Refused)>) {
        let shared = &self.publisher.shared;
        for (entry, reason) in &refused {
            shared.metrics.changes_refused.inc();
            tracing::warn!(?entry, %reason, "a change was refused");
        }
        let now = shared.clock.monotonic();
        let mut desk = shared.desk.lock();
        let outcome = desk.written(committed, refused, now);
        let staged = i64::try_from(desk.staged()).unwrap_or(i64::MAX);
        drop(desk);
        shared.metrics.changes_staged.set(staged);
        self.publisher.tell(outcome);
        shared.moved.notify_one();
    }
}

impl Publisher {
    /// Wakes whoever waits for pods, when they have come so far or are called missing. Never ends.
    pub async fn settle(self) {
        let shared = self.shared.as_ref();
        loop {
            let rest = self.settle_once();
            let pause = async {
                match rest {
                    Some(rest) => sleep(rest).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shared.moved.notified() => {}
                () = pause => {}
            }
        }
    }

    /// Says when to look again, whatever happens until then.
    fn settle_once(&self) -> Option<Duration> {
        let shared = self.shared.as_ref();
        let now = shared.clock.monotonic();
        let mut desk = shared.desk.lock();
        let outcome = desk.settle(now);
        let (current, running) = desk.roster.counts(desk.committed().revision());
        let deadline = desk.next_deadline(now);
        drop(desk);
        shared.metrics.pods_running.set(i64::from(running));
        shared.metrics.pods_current.set(i64::from(current));
        self.tell(outcome);
        deadline.map(|deadline| deadline.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests;
