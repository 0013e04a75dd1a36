//! The key that ledgers are signed with, and what pods need to believe them.
//!
//! ```text
//!   NAME-ledger-signing   key                private key, read by the operator alone
//!                         next, next-since   the key that will follow it
//!                         previous, previous-since   the public half of the one before
//!                         replaced-for       the annotation that the last replacement was made for
//!   NAME-ledger-access    verify-keys        the public halves, mounted by every pod
//!                         bearer             what `GET /ledger` of a pod asks for
//! ```
//!
//! It is made once and replaced when somebody puts another value into the annotation `penstock.dev/replace-key` of its
//! Secret. Pods read a change of their mount within two minutes, so the public half of the new key is there
//! [`MOUNTED_AFTER`] before anything is signed with it, and that of the old one stays for [`FORGOTTEN_AFTER`].

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt};
use penstock_model::Clock;
use penstock_tenancy::secrets::{BEARER_KEY, VERIFY_KEYS_KEY};
use penstock_tenancy::signed::LedgerKeyError;
use penstock_tenancy::{SigningKey, VerifyingKey};
use rand::CryptoRng;
use rand::distr::{Alphanumeric, SampleString as _};
use tokio::sync::watch;

pub use self::plan::{FORGOTTEN_AFTER, MOUNTED_AFTER};
use self::plan::{Keys, KeysError};
use crate::cluster::{Fenced, FencedError};
use crate::config::ObjectNames;

/// Put another value here, in the Secret of the signing key, to have the key replaced.
pub const REPLACE_KEY: &str = "penstock.dev/replace-key";

/// How often it is looked whether a replacement is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Letters and digits of a bearer: 256 bits.
const BEARER_LENGTH: usize = 43;

/// The signing key and the Secrets that it is kept and shown in.
pub struct Signing {
    secrets: Fenced<Secret>,
    names: ObjectNames,
    clock: Arc<dyn Clock>,
    bearer: String,
    signer: watch::Sender<Arc<Signer>>,
}

/// What signs, and what else is believed.
#[derive(Debug)]
pub struct Signer {
    /// Signs every new ledger.
    pub key: SigningKey,
    /// All public keys that pods are to know, that of `key` among them.
    pub believed: Vec<VerifyingKey>,
}

/// Why there is no key to sign with. All of them end the process.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The Secrets cannot be read or written.
    #[error(transparent)]
    Secret(#[from] FencedError),
    /// Somebody has changed it. It is never overwritten: pods would believe nothing any more.
    #[error("the Secret {name} is damaged: restore it, or remove it to have a new key made")]
    Damaged {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: KeysError,
    },
    /// The crypto library refuses to make a key.
    #[error("cannot make a key")]
    Draw(#[from] LedgerKeyError),
}

impl Signing {
    /// Reads the keys, or makes them, and shows their public halves to the pods.
    ///
    /// # Errors
    /// [`SigningError`].
    pub async fn open<R: CryptoRng + Send>(
        client: Client,
        namespace: &str,
        names: &ObjectNames,
        clock: Arc<dyn Clock>,
        rng: &mut R,
    ) -> Result<Self, SigningError> {
        let secrets = Fenced::new(client, namespace, names.prefix());
        let (_, keys) = read_or_make(&secrets, &names.signing_key(), rng).await?;
        let bearer = show(&secrets, &names.ledger_access(), &keys, rng).await?;
        Ok(Self {
            secrets,
            names: names.clone(),
            clock,
            bearer,
            signer: watch::Sender::new(Arc::new(keys.into_signer())),
        })
    }

    /// What `GET /ledger` of a pod asks for.
    pub fn bearer(&self) -> &str {
        &self.bearer
    }

    /// What signs now, and every change of it.
    pub fn signer(&self) -> watch::Receiver<Arc<Signer>> {
        self.signer.subscribe()
    }

    /// Carries out replacements. Ends with the reason for which the process must end.
    pub async fn keep<R: CryptoRng + Send>(self, mut rng: R) -> SigningError {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.step(&mut rng).await {
                return error;
            }
        }
    }

    /// One look, and what follows from it.
    ///
    /// # Errors
    /// [`SigningError`].
    pub async fn step<R: CryptoRng + Send>(&self, rng: &mut R) -> Result<(), SigningError> {
        let name = self.names.signing_key();
        let (secret, keys) = read_or_make(&self.secrets, &name, rng).await?;
        let wish = secret.annotations().get(REPLACE_KEY).map(String::as_str);
        let Some(keys) = keys.step(wish, self.clock.now(), || SigningKey::draw(rng))? else {
            return Ok(());
        };
        // Kept before it is shown, shown before it signs.
        write(&self.secrets, &secret, keys.to_data()).await?;
        show(&self.secrets, &self.names.ledger_access(), &keys, rng).await?;
        tracing::info!(key = keys.key.verifying_key().id(), "signing keys changed");
        self.signer.send_replace(Arc::new(keys.into_signer()));
        Ok(())
    }
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signing({:?}, bearer redacted)", self.signer.borrow())
    }
}

async fn read_or_make<R: CryptoRng + Send>(
    secrets: &Fenced<Secret>,
    name: &str,
    rng: &mut R,
) -> Result<(Secret, Keys), SigningError> {
    let secret = secrets.ensure(name).await?;
    let damaged = |source| SigningError::Damaged {
        name: name.to_owned(),
        source,
    };
    if let Some(data) = secret.data.as_ref().filter(|data| !data.is_empty()) {
        let keys = Keys::from_data(data).map_err(damaged)?;
        return Ok((secret, keys));
    }
    let keys = Keys::new(SigningKey::draw(rng)?);
    let secret = write(secrets, &secret, keys.to_data()).await?;
    tracing::info!(key = keys.key.verifying_key().id(), "signing key made");
    Ok((secret, keys))
}

/// Writes what pods mount, if it says anything else, and gives the bearer.
async fn show<R: CryptoRng + Send>(
    secrets: &Fenced<Secret>,
    name: &str,
    keys: &Keys,
    rng: &mut R,
) -> Result<String, SigningError> {
    let secret = secrets.ensure(name).await?;
    let entry = |key: &str| {
        let bytes = &secret.data.as_ref()?.get(key)?.0;
        String::from_utf8(bytes.clone()).ok()
    };
    let verify_keys = keys.verify_keys();
    let kept = entry(BEARER_KEY).filter(|bearer| bearer.len() >= BEARER_LENGTH);
    let is_shown = kept.is_some() && entry(VERIFY_KEYS_KEY).as_ref() == Some(&verify_keys);
    let bearer = kept.unwrap_or_else(|| Alphanumeric.sample_string(rng, BEARER_LENGTH));
    if !is_shown {
        let data = BTreeMap::from([
            (
                VERIFY_KEYS_KEY.to_owned(),
                ByteString(verify_keys.into_bytes()),
            ),
            (
                BEARER_KEY.to_owned(),
                ByteString(bearer.clone().into_bytes()),
            ),
        ]);
        write(secrets, &secret, data).await?;
    }
    Ok(bearer)
}

/// Replaces all entries of a Secret that was read.
pub(crate) async fn write(
    secrets: &Fenced<Secret>,
    read: &Secret,
    data: BTreeMap<String, ByteString>,
) -> Result<Secret, FencedError> {
    let secret = Secret {
        metadata: read.metadata.clone(),
        type_: read.type_.clone(),
        data: Some(data.clone()),
        ..Secret::default()
    };
    secrets
        .put(&secret, move |found| found.data.as_ref() == Some(&data))
        .await
}

#[cfg(test)]
mod tests;
