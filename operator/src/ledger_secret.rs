//! The signed ledger in its Secrets: read once by a new leader, then written by it alone.
//!
//! ```text
//!   NAME-ledger              head, and the ledger itself while it is small
//!   NAME-ledger-a0 … b7      its parts when it is large: those of the set that the head does not name are written,
//!                            then the head, which commits
//! ```
//!
//! How a document is cut up is [`penstock_tenancy::secrets`]' to say; pods put it together with the same functions.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::future::try_join_all;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use penstock_tenancy::LedgerError;
use penstock_tenancy::secrets::{HEAD_KEY, LedgerHead, PartName, WHOLE_KEY, join, split};

use crate::cluster::{Fenced, FencedError};
use crate::config::ObjectNames;
use crate::publisher::Document;
use crate::signing::write;

/// The Secrets of the ledger.
#[derive(Debug)]
pub struct LedgerSecrets {
    secrets: Fenced<Secret>,
    names: ObjectNames,
    head: Option<LedgerHead>,
    /// Each Secret as it was last read or written, without its entries.
    versions: HashMap<String, Secret>,
}

/// Why a ledger is not in its Secrets. Both end the process.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// They cannot be written.
    #[error(transparent)]
    Secret(#[from] FencedError),
    /// It cannot be cut up.
    #[error("the ledger cannot be cut up")]
    Ledger(#[from] LedgerError),
}

impl LedgerSecrets {
    /// Reads what is there: `None` if there is no ledger, or only a damaged one, which is said in the log.
    ///
    /// # Errors
    /// [`FencedError`].
    pub async fn open(
        client: Client,
        namespace: &str,
        names: &ObjectNames,
    ) -> Result<(Self, Option<Bytes>), FencedError> {
        let mut secrets = Self {
            secrets: Fenced::new(client, namespace, names.prefix()),
            names: names.clone(),
            head: None,
            versions: HashMap::new(),
        };
        let document = secrets.read().await?;
        Ok((secrets, document.map(Bytes::from)))
    }

    /// Reads every version there is: what is written later is fenced by what is read now.
    async fn read(&mut self) -> Result<Option<Vec<u8>>, FencedError> {
        let name = self.names.ledger_head();
        let mut entries = BTreeMap::new();
        let head = self.secrets.ensure(&name).await?;
        self.keep(name, head, &mut entries);
        let parts = PartName::all().map(|part| self.names.ledger_part(part));
        let secrets = &self.secrets;
        let parts = parts.map(|name| async move { Ok((secrets.get(&name).await?, name)) });
        for (part, name) in try_join_all(parts).await? {
            if let Some(part) = part {
                self.keep(name, part, &mut entries);
            }
        }
        let Some(head) = entries.remove(HEAD_KEY) else {
            return Ok(None);
        };
        self.head = LedgerHead::parse(&head).ok();
        // A file that is not there is as one of the wrong length.
        let read = |file: &str| Ok::<_, Infallible>(entries.remove(file).unwrap_or_default());
        match join(&head, read) {
            Ok(document) => Ok(Some(document)),
            Err(error) => {
                tracing::error!(%error, "the ledger in the Secrets is damaged");
                Ok(None)
            }
        }
    }

    fn keep(&mut self, name: String, mut secret: Secret, to: &mut BTreeMap<String, Vec<u8>>) {
        let data = secret.data.take().unwrap_or_default();
        to.extend(data.into_iter().map(|(key, bytes)| (key, bytes.0)));
        self.versions.insert(name, secret);
    }

    /// Writes a ledger: its parts, then the head.
    ///
    /// # Errors
    /// [`CommitError`]: this process leads no longer, or never could.
    pub async fn commit(&mut self, document: &Document) -> Result<(), CommitError> {
        let cut = split(&document.bytes, document.revision, self.head.as_ref())?;
        let parts = cut
            .parts
            .iter()
            .map(|(part, bytes)| self.put_part(*part, bytes));
        for (name, secret) in try_join_all(parts).await? {
            self.versions.insert(name, secret);
        }
        let mut data = BTreeMap::from([entry(HEAD_KEY, cut.head.to_string().as_bytes())]);
        data.extend(cut.whole.map(|whole| entry(WHOLE_KEY, whole)));
        let (name, secret) = self.put(self.names.ledger_head(), data).await?;
        self.versions.insert(name, secret);
        self.head = Some(cut.head);
        Ok(())
    }

    async fn put_part(
        &self,
        part: PartName,
        bytes: &[u8],
    ) -> Result<(String, Secret), FencedError> {
        let data = BTreeMap::from([entry(&part.to_string(), bytes)]);
        self.put(self.names.ledger_part(part), data).await
    }

    async fn put(
        &self,
        name: String,
        data: BTreeMap<String, ByteString>,
    ) -> Result<(String, Secret), FencedError> {
        let made;
        let read = if let Some(read) = self.versions.get(&name) {
            read
        } else {
            // It was not there when this leader began: whoever has filled it is another.
            made = self.secrets.ensure(&name).await?;
            if made.data.as_ref().is_some_and(|data| !data.is_empty()) {
                return Err(FencedError::Conflict { name });
            }
            &made
        };
        let written = write(&self.secrets, read, data).await?;
        let stripped = Secret {
            data: None,
            ..written
        };
        Ok((name, stripped))
    }
}

fn entry(key: &str, bytes: &[u8]) -> (String, ByteString) {
    (key.to_owned(), ByteString(bytes.to_vec()))
}

#[cfg(test)]
mod tests;
