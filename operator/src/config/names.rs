//! The names of an installation's objects, all made from one prefix. Chart and operator must agree on them.

use std::fmt;

use penstock_tenancy::secrets::{PartName, head_secret};

/// The names of the objects that operator and chart share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectNames {
    prefix: String,
}

impl ObjectNames {
    /// The names that begin with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The prefix itself: the value of the label `app.kubernetes.io/instance`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The Lease that one operator holds.
    pub fn lease(&self) -> String {
        self.with("operator")
    }

    /// The Secret with the head of the ledger, and the ledger itself while it is small.
    pub fn ledger_head(&self) -> String {
        head_secret(&self.prefix)
    }

    /// The Secret with one part of a large ledger.
    pub fn ledger_part(&self, part: PartName) -> String {
        part.secret(&self.prefix)
    }

    /// The Secret with the private key that ledgers are signed with. Only the operator reads it.
    pub fn signing_key(&self) -> String {
        self.with("ledger-signing")
    }

    /// The Secret that pods mount beside the ledger: the public keys, and the bearer of `/ledger`.
    pub fn ledger_access(&self) -> String {
        self.with("ledger-access")
    }

    /// The Secret with the authority's private key. Only the operator reads it.
    pub fn authority(&self) -> String {
        self.with("ca")
    }

    /// The Secret with the certificate that ingest pods serve.
    pub fn certificate(&self) -> String {
        self.with("tls")
    }

    /// The Service that clients connect to.
    pub fn data_service(&self) -> String {
        self.prefix.clone()
    }

    /// The headless Service that gives each ingest pod a name.
    pub fn headless_service(&self) -> String {
        self.with("ingest")
    }

    /// The `StatefulSet` of the ingest pods.
    pub fn ingest(&self) -> String {
        self.with("ingest")
    }

    fn with(&self, suffix: impl fmt::Display) -> String {
        format!("{}-{suffix}", self.prefix)
    }
}
