//! The ledger's ways in, and the one rule for all of them: only a newer one is taken.
//!
//! ```text
//!   the copy on the data volume ─ at start ──┐
//!   the mount ────────── at start, on change ┼─▶ verify ─▶ newer? ─▶ Authenticator ─▶ kept on the data volume
//!   POST /ledger ────────────────────────────┘      │        │ the same: confirmed, nothing else
//!                                                   └────────┴─▶ refused, counted; nothing changes
//! ```
//!
//! The kept copy makes the revision grow across restarts: a mount that was set back is refused as long as the data
//! volume lives. A damaged document of any origin leaves the last good ledger in force, and so does a mount whose files
//! do not belong together.
//!
//! A ledger is in force before it is on the disk: a revocation does not wait for a full volume. What could not be kept
//! is tried again at every poll.

mod kept;
mod mounted;
mod refusal;

use std::sync::Arc;

use parking_lot::Mutex;
use penstock_tenancy::{Checksum, Ledger, LedgerError, Offer, VerifiedLedger, accept};
use tokio::sync::watch;

use self::kept::KeptLedger;
pub use self::mounted::MountError;
use self::mounted::MountedLedger;
pub use self::refusal::LedgerRefusal;
use super::Authenticator;
use crate::config::LedgerSource;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{LedgerLabels, LedgerOrigin};
use crate::volumes::Volumes;

/// Takes newer ledgers, keeps the last good one, and says what it has. One in a process.
///
/// Its methods block: verifying a large ledger takes tens of milliseconds, keeping it a sync of the disk.
#[derive(Debug)]
pub struct LedgerWatch {
    authenticator: Arc<Authenticator>,
    volumes: Arc<Volumes>,
    metrics: Metrics,
    mounted: Option<MountedLedger>,
    kept: KeptLedger,
    state: Mutex<State>,
    confirmed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<VerifiedLedger>,
    /// Of a ledger that came from the embedding program.
    process_revision: Option<u64>,
    /// Bytes that are in force and not on the data volume yet.
    unkept: Option<Vec<u8>>,
    last_refusal: Option<(LedgerOrigin, String)>,
}

/// What an accepted document was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The revision in force.
    pub revision: u64,
    /// Its bytes' name.
    pub checksum: Checksum,
}

/// What is in force, for `/ledger`.
#[derive(Debug, Clone)]
pub struct LedgerStatus {
    /// The revision in force, if there is a ledger.
    pub revision: Option<u64>,
    /// Its bytes' name, if it was signed.
    pub checksum: Option<Checksum>,
    /// Why the last refused document was refused, unless a newer one has been taken since, or a good one has come the
    /// same way.
    pub last_refusal: Option<String>,
    /// Tenants whose removal the ledger asks for.
    pub removed_tenants: Vec<penstock_model::TenantId>,
    /// All tenants.
    pub tenants: Vec<penstock_model::TenantId>,
}

impl LedgerWatch {
    /// Prepares to keep ledgers in `data_directory`. Loads nothing yet.
    pub fn new(
        authenticator: Arc<Authenticator>,
        volumes: Arc<Volumes>,
        metrics: Metrics,
        source: &LedgerSource,
        data_directory: &std::path::Path,
    ) -> Self {
        let mounted = match source {
            LedgerSource::Signed {
                path,
                verify_keys_file,
                ..
            } => Some(MountedLedger::new(path.clone(), verify_keys_file.clone())),
            LedgerSource::InProcess => None,
        };
        Self {
            authenticator,
            volumes,
            metrics,
            mounted,
            kept: KeptLedger::new(data_directory),
            state: Mutex::default(),
            confirmed: watch::Sender::new(false),
        }
    }

    /// Loads the newer of the kept and the mounted ledger. Neither need exist.
    pub fn load_at_start(&self) {
        match self.kept.read() {
            Ok(Some(document)) => self.offer_and_report(&document, LedgerOrigin::Kept),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the kept ledger cannot be read"),
        }
        self.poll();
    }

    /// Looks whether the mount has changed and takes its ledger if it is newer; keeps what could not be kept before.
    pub fn poll(&self) {
        self.keep_again();
        let Some(mounted) = &self.mounted else { return };
        if !mounted.changed() {
            return;
        }
        match mounted.read() {
            Ok(Some(document)) => self.offer_and_report(&document, LedgerOrigin::File),
            Ok(None) => {}
            Err(error) => {
                let refusal = LedgerRefusal::from(error);
                self.note_refusal(&mut self.state.lock(), &refusal, LedgerOrigin::File);
                report(&refusal, LedgerOrigin::File);
            }
        }
    }

    /// Takes a document that came by POST. That the operator came, with a newer ledger or with the very one that is
    /// loaded, confirms the ledger: see [`LedgerWatch::confirmed`].
    ///
    /// # Errors
    /// [`LedgerRefusal`]; nothing changed.
    pub fn post(&self, document: &[u8]) -> Result<Accepted, LedgerRefusal> {
        let accepted = self.offer(document, LedgerOrigin::Post)?;
        self.confirmed.send_replace(true);
        Ok(accepted)
    }

    /// Takes a ledger of the embedding program and confirms it. It is not kept: that program makes it again.
    ///
    /// # Errors
    /// [`LedgerRefusal::Stale`].
    pub fn load(&self, ledger: &Ledger) -> Result<(), LedgerRefusal> {
        let mut state = self.state.lock();
        match state.process_revision {
            Some(current) if ledger.revision < current => {
                return Err(LedgerRefusal::Stale {
                    offered: ledger.revision,
                    current,
                });
            }
            _ => state.process_revision = Some(ledger.revision),
        }
        self.put_in_force(ledger, LedgerOrigin::Process);
        drop(state);
        self.confirmed.send_replace(true);
        Ok(())
    }

    /// Turns true when a ledger has been confirmed: by a POST, by the embedding program, or by
    /// [`LedgerWatch::give_up_waiting`].
    pub fn confirmed(&self) -> watch::Receiver<bool> {
        self.confirmed.subscribe()
    }

    /// Nobody has come to confirm the ledger: serve with the one that there is. `false`: there is none.
    pub fn give_up_waiting(&self) -> bool {
        let loaded = self.authenticator.revision().is_some();
        if loaded {
            self.confirmed.send_if_modified(|confirmed| {
                let first = !*confirmed;
                *confirmed = true;
                first
            });
        }
        loaded
    }

    /// What is in force.
    pub fn status(&self) -> LedgerStatus {
        let state = self.state.lock();
        let applications = state
            .current
            .as_ref()
            .map_or(&[][..], |current| &current.ledger().applications);
        LedgerStatus {
            revision: self.authenticator.revision(),
            checksum: state.current.as_ref().map(VerifiedLedger::checksum),
            last_refusal: state.last_refusal.clone().map(|(_, why)| why),
            removed_tenants: applications
                .iter()
                .filter(|application| application.removed)
                .map(|application| application.tenant)
                .collect(),
            tenants: applications
                .iter()
                .map(|application| application.tenant)
                .collect(),
        }
    }

    /// The signed bytes of the ledger in force: hashes only, so that an operator that has lost it can take it up.
    ///
    /// # Errors
    /// The copy on the data volume cannot be read.
    pub fn document(&self) -> std::io::Result<Option<Vec<u8>>> {
        let unkept = self.state.lock().unkept.clone();
        match unkept {
            Some(document) => Ok(Some(document)),
            None => self.kept.read(),
        }
    }

    fn offer_and_report(&self, document: &[u8], origin: LedgerOrigin) {
        if let Err(refusal) = self.offer(document, origin) {
            report(&refusal, origin);
        }
    }

    fn offer(&self, document: &[u8], origin: LedgerOrigin) -> Result<Accepted, LedgerRefusal> {
        let mut state = self.state.lock();
        let mounted = self.mounted.as_ref().ok_or(LedgerRefusal::NotSigned)?;
        let offer = mounted
            .verify_keys()
            .and_then(|keys| Ok(accept(document, &keys, state.current.as_ref())?));
        match offer {
            Ok(Offer::Newer(verified)) => {
                self.put_in_force(verified.ledger(), origin);
                let accepted = Accepted::of(&verified);
                state.current = Some(verified);
                state.last_refusal = None;
                if origin != LedgerOrigin::Kept {
                    state.unkept = Some(document.to_vec());
                }
                drop(state);
                self.keep_again();
                Ok(accepted)
            }
            Ok(Offer::AlreadyLoaded) => {
                state.forgive(origin);
                match &state.current {
                    Some(current) => Ok(Accepted::of(current)),
                    None => Err(LedgerRefusal::NotSigned),
                }
            }
            Err(refusal) => {
                self.note_refusal(&mut state, &refusal, origin);
                Err(refusal)
            }
        }
    }

    fn note_refusal(&self, state: &mut State, refusal: &LedgerRefusal, origin: LedgerOrigin) {
        self.metrics.count_ledger_rejection(origin);
        // The mount is older than what was POSTed for as long as kubelet takes: no news.
        let late = matches!(refusal, LedgerRefusal::Ledger(LedgerError::Stale { .. }))
            && origin == LedgerOrigin::File;
        if late {
            state.forgive(origin);
        } else {
            state.last_refusal = Some((origin, refusal.explain()));
        }
    }

    fn put_in_force(&self, ledger: &Ledger, origin: LedgerOrigin) {
        self.volumes.load(ledger);
        self.authenticator.load(ledger);
        self.metrics.ledger_revision.set(ledger.revision);
        self.metrics
            .ledger_loads
            .get_or_create(&LedgerLabels { origin })
            .inc();
        tracing::info!(
            revision = ledger.revision,
            applications = ledger.applications.len(),
            ?origin,
            "ledger loaded"
        );
    }

    fn keep_again(&self) {
        let Some(document) = self.state.lock().unkept.clone() else {
            return;
        };
        match self.kept.write(&document) {
            Ok(()) => {
                let mut state = self.state.lock();
                // A newer one may have come meanwhile.
                if state.unkept.as_ref() == Some(&document) {
                    state.unkept = None;
                }
            }
            Err(error) => {
                self.metrics.ledger_keep_errors.inc();
                tracing::error!(%error, "the ledger cannot be kept on the data volume; trying again");
            }
        }
    }
}

impl State {
    /// What came this way before was refused, and what comes now is good.
    fn forgive(&mut self, origin: LedgerOrigin) {
        if matches!(&self.last_refusal, Some((refused, _)) if *refused == origin) {
            self.last_refusal = None;
        }
    }
}

fn report(refusal: &LedgerRefusal, origin: LedgerOrigin) {
    let error: &dyn std::error::Error = refusal;
    tracing::warn!(error, ?origin, "a ledger was refused");
}

impl Accepted {
    fn of(verified: &VerifiedLedger) -> Self {
        Self {
            revision: verified.ledger().revision,
            checksum: verified.checksum(),
        }
    }
}

#[cfg(test)]
mod tests;
