//! Why a ledger was not taken.

use std::path::PathBuf;

use penstock_tenancy::LedgerError;

use super::mounted::MountError;

/// Why a ledger was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LedgerRefusal {
    /// The document is damaged, unsigned, old, or of another signer.
    #[error("the ledger is refused")]
    Ledger(#[from] LedgerError),
    /// There is something in the mount, and it is no document.
    #[error("the mounted ledger cannot be read")]
    Mount(#[from] MountError),
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
