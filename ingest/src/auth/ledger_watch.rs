//! The ledger's ways in, and the one rule for all of them: only a newer one is taken.
//!
//! ```text
//!   the copy on the data volume ─ at start ──┐
//!   the mounted file ─ at start, on change ──┼─▶ verify ─▶ newer? ─▶ Authenticator ─▶ kept on the data volume
//!   POST /ledger ────────────────────────────┘      │        │ the same: confirmed, nothing else
//!                                                   └────────┴─▶ refused, counted; nothing changes
//! ```
//!
//! The kept copy makes the revision grow across restarts: a mounted file that was set back is refused as long as the
//! data volume lives. A damaged document of any origin leaves the last good ledger in force.
//!
//! A ledger is in force before it is on the disk: a revocation does not wait for a full volume. What could not be kept
//! is tried again at every poll.

mod kept;

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use penstock_tenancy::{
    Checksum, Ledger, LedgerError, Offer, VerifiedLedger, VerifyingKey, accept,
};
use tokio::sync::watch;

use self::kept::KeptLedger;
use super::Authenticator;
use crate::config::LedgerSource;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{LedgerLabels, LedgerOrigin};
use crate::watched_files::WatchedFiles;

/// Takes newer ledgers, keeps the last good one, and says what it has. One in a process.
///
/// Its methods block: verifying a large ledger takes tens of milliseconds, keeping it a sync of the disk.
#[derive(Debug)]
pub struct LedgerWatch {
    authenticator: Arc<Authenticator>,
    metrics: Metrics,
    signed: Option<Signed>,
    kept: KeptLedger,
    state: Mutex<State>,
    confirmed: watch::Sender<bool>,
}

/// What signed ledgers need.
#[derive(Debug)]
struct Signed {
    file: PathBuf,
    verify_keys_file: PathBuf,
    watched: WatchedFiles,
}

#[derive(Debug, Default)]
struct State {
    current: Option<VerifiedLedger>,
    /// Of a ledger that came from the embedding program.
    process_revision: Option<u64>,
    /// Bytes that are in force and not on the data volume yet.
    unkept: Option<Vec<u8>>,
    last_refusal: Option<String>,
}

/// Why a ledger was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LedgerRefusal {
    /// The document is damaged, unsigned, old, or of another signer.
    #[error("the ledger is refused")]
    Ledger(#[from] LedgerError),
    /// The keys that it could have been signed with cannot be read.
    #[error("cannot read the verifying keys in {}", path.display())]
    Keys {
        /// Their file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line of the file of keys is no key.
    #[error("{} line {line}: not a verifying key", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// This server takes its ledger from the program that it is part of.
    #[error("this server takes no signed ledgers")]
    NotSigned,
    /// The embedding program handed over an older one.
    #[error("revision {offered} is older than revision {current}, which is loaded")]
    Stale {
        /// What was handed over.
        offered: u64,
        /// What is loaded.
        current: u64,
    },
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
    /// Why the last refused document was refused, unless a newer one has been taken since.
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
        metrics: Metrics,
        source: &LedgerSource,
        data_directory: &std::path::Path,
    ) -> Self {
        let signed = match source {
            LedgerSource::Signed {
                file,
                verify_keys_file,
                ..
            } => Some(Signed {
                file: file.clone(),
                verify_keys_file: verify_keys_file.clone(),
                watched: WatchedFiles::new([file.clone(), verify_keys_file.clone()]),
            }),
            LedgerSource::InProcess => None,
        };
        Self {
            authenticator,
            metrics,
            signed,
            kept: KeptLedger::new(data_directory),
            state: Mutex::default(),
            confirmed: watch::Sender::new(false),
        }
    }

    /// Loads the newest of the kept and the mounted ledger. Neither need exist.
    pub fn load_at_start(&self) {
        match self.kept.read() {
            Ok(Some(document)) => self.offer_and_report(&document, LedgerOrigin::Kept),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the kept ledger cannot be read"),
        }
        self.poll();
    }

    /// Looks whether the mounted file has changed and takes it if it is newer; keeps what could not be kept before.
    pub fn poll(&self) {
        self.keep_again();
        let Some(signed) = &self.signed else { return };
        if !signed.watched.changed() {
            return;
        }
        match std::fs::read(&signed.file) {
            Ok(document) => self.offer_and_report(&document, LedgerOrigin::File),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(%error, file = %signed.file.display(), "the ledger file cannot be read");
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
            last_refusal: state.last_refusal.clone(),
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
            let error: &dyn std::error::Error = &refusal;
            tracing::warn!(error, ?origin, "a ledger was refused");
        }
    }

    fn offer(&self, document: &[u8], origin: LedgerOrigin) -> Result<Accepted, LedgerRefusal> {
        let mut state = self.state.lock();
        let offer = self
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
            Ok(Offer::AlreadyLoaded) => match &state.current {
                Some(current) => Ok(Accepted::of(current)),
                None => Err(LedgerRefusal::NotSigned),
            },
            Err(refusal) => {
                // The mounted file is older than what was POSTed for as long as kubelet takes: no news.
                let late = matches!(refusal, LedgerRefusal::Ledger(LedgerError::Stale { .. }))
                    && origin == LedgerOrigin::File;
                self.metrics
                    .ledger_rejections
                    .get_or_create(&LedgerLabels { origin })
                    .inc();
                if !late {
                    state.last_refusal = Some(refusal.explain());
                }
                Err(refusal)
            }
        }
    }

    fn put_in_force(&self, ledger: &Ledger, origin: LedgerOrigin) {
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

    fn verify_keys(&self) -> Result<Vec<VerifyingKey>, LedgerRefusal> {
        let path = match &self.signed {
            Some(signed) => &signed.verify_keys_file,
            None => return Err(LedgerRefusal::NotSigned),
        };
        let text = std::fs::read_to_string(path).map_err(|source| LedgerRefusal::Keys {
            path: path.clone(),
            source,
        })?;
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(at, line)| {
                line.parse().map_err(|_| LedgerRefusal::Key {
                    path: path.clone(),
                    line: at + 1,
                })
            })
            .collect()
    }
}

impl Accepted {
    fn of(verified: &VerifiedLedger) -> Self {
        Self {
            revision: verified.ledger().revision,
            checksum: verified.checksum(),
        }
    }
}

impl LedgerRefusal {
    /// The error and all its causes, for people.
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests;
