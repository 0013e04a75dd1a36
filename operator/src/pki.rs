//! The certificate that ingest pods serve, and what clients must trust for it.
//!
//! ```text
//!   self-managed   NAME-ca    ca.crt ca.key     signs; read by the operator alone
//!                             next.crt next.key  will sign: clients are given it already
//!                             old.crt cross.crt  signed once: old clients are led from them to ca.crt
//!                  NAME-tls   tls.crt tls.key   served by the pods, which mount them
//!                             ca.crt            what clients must trust
//!   existing       the Secret that somebody else writes: tls.crt tls.key ca.crt
//! ```
//!
//! An authority lives 10 years and is replaced after two thirds of them, or when somebody puts another value into the
//! annotation `penstock.dev/replace-authority` of its Secret. The new one signs nothing before every token's Secret has it
//! among its `ca.crt`, or [`SPREAD_MAX`] have passed. From then on the chain carries the new one as signed by the old
//! one, so that a device that copied `ca.crt` years ago connects on. A leaf lives 30 days and is renewed after 20.

mod authorities;
mod authority;
mod leaf;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt};
use penstock_model::Clock;
use penstock_tenancy::KeyHash;
use tokio::sync::watch;

use self::authorities::{Authorities, AuthoritiesError};
use self::authority::not_after;
use self::leaf::Leaf;
use crate::cluster::{Fenced, FencedError};
use crate::config::{Config, ObjectNames, Tls};
use crate::signing::write;
use crate::telemetry::Metrics;

pub use self::authorities::SPREAD_MAX;

/// Put another value here, in the Secret of the authority, to have it replaced.
pub const REPLACE_AUTHORITY: &str = "penstock.dev/replace-authority";

/// How often it is looked whether something is due, or another hand has changed the Secrets.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What clients must trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Certificates of authorities, PEM: `ca.crt` of tokens' Secrets.
    pub pem: String,
}

impl Bundle {
    /// Tells it from every other: for an annotation of the Secrets that carry it.
    pub fn fingerprint(&self) -> String {
        KeyHash::of(self.pem.as_bytes()).fingerprint()
    }
}

/// The certificates of an installation.
pub struct Pki {
    secrets: Fenced<Secret>,
    names: ObjectNames,
    tls: Tls,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    bundle: watch::Sender<Option<Arc<Bundle>>>,
    spread: watch::Receiver<Option<String>>,
}

/// What the rest of the operator holds of it.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What clients must trust now; `None` while there is no certificate at all.
    pub bundle: watch::Receiver<Option<Arc<Bundle>>>,
    /// The fingerprint of the bundle that every token's Secret has. Whoever writes those Secrets says so here.
    pub spread: Arc<watch::Sender<Option<String>>>,
}

/// Why there is no certificate to serve. All of them end the process.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The Secrets cannot be read or written.
    #[error(transparent)]
    Secret(#[from] FencedError),
    /// Somebody has changed it. It is never overwritten: every client would have to trust another anew.
    #[error("the Secret {name} is damaged: restore it, or remove it to have a new authority made")]
    Damaged {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: AuthoritiesError,
    },
    /// The crypto library refuses.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
}

impl Pki {
    /// Nothing is read or written before [`Pki::step`].
    pub fn new(
        client: Client,
        config: &Config,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> (Self, Trust) {
        let (bundle, bundle_now) = watch::channel(None);
        let (spread, spread_now) = watch::channel(None);
        let pki = Self {
            secrets: Fenced::new(client, &config.namespace, config.names.prefix()),
            names: config.names.clone(),
            tls: config.tls.clone(),
            clock,
            metrics,
            bundle,
            spread: spread_now,
        };
        let trust = Trust {
            bundle: bundle_now,
            spread: Arc::new(spread),
        };
        (pki, trust)
    }

    /// Looks again and again. Ends with the reason for which the process must end.
    pub async fn keep(mut self) -> PkiError {
        loop {
            // Whoever could tell of a spread bundle is gone at the end alone.
            let told = tokio::time::timeout(LOOK_EVERY, self.spread.changed()).await;
            if let Ok(Err(_)) = told {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            if let Err(error) = self.step().await {
                return error;
            }
        }
    }

    /// One look, and what follows from it: certificates made, renewed or replaced.
    ///
    /// # Errors
    /// [`PkiError`].
    pub async fn step(&self) -> Result<(), PkiError> {
        match &self.tls {
            Tls::SelfManaged { names } => self.step_self_managed(names).await,
            Tls::Existing { secret } => self.step_existing(secret).await,
        }
    }

    async fn step_self_managed(&self, names: &[String]) -> Result<(), PkiError> {
        let authorities = self.authorities().await?;
        let bundle = Bundle {
            pem: authorities.bundle(),
        };
        let secret = self.secrets.ensure(&self.names.certificate()).await?;
        let data = secret.data.clone().unwrap_or_default();
        let now = self.clock.now();
        let kept = Leaf::from_data(&data).filter(|leaf| leaf.is_good(&authorities, names, now));
        let leaf = if let Some(leaf) = kept {
            leaf
        } else {
            tracing::info!("issuing a certificate for the ingest pods");
            Leaf::issue(&authorities, names, now)?
        };
        let wanted = leaf.to_data(&authorities);
        if wanted != data {
            write(&self.secrets, &secret, wanted).await?;
        }
        self.tell(&leaf.certificate, bundle);
        Ok(())
    }

    /// The authorities as they are to be now, in their Secret.
    async fn authorities(&self) -> Result<Authorities, PkiError> {
        let name = self.names.authority();
        let secret = self.secrets.ensure(&name).await?;
        let now = self.clock.now();
        let Some(data) = secret.data.as_ref().filter(|data| !data.is_empty()) else {
            let authorities = Authorities::make(now)?;
            write(&self.secrets, &secret, authorities.to_data()).await?;
            tracing::info!("authority made");
            return Ok(authorities);
        };
        let kept =
            Authorities::from_data(data).map_err(|source| PkiError::Damaged { name, source })?;
        let wish = secret.annotations().get(REPLACE_AUTHORITY);
        let told = self.spread.borrow().clone();
        let fingerprint = Bundle { pem: kept.bundle() }.fingerprint();
        let is_spread = told.as_deref() == Some(fingerprint.as_str());
        let next = kept.step(wish.map(String::as_str), is_spread, now)?;
        if let Some(next) = &next {
            write(&self.secrets, &secret, next.to_data()).await?;
            tracing::info!("authorities changed");
        }
        Ok(next.unwrap_or(kept))
    }

    /// Of a Secret that is not ours nothing is changed; while it is missing or damaged the last bundle stays.
    async fn step_existing(&self, name: &str) -> Result<(), PkiError> {
        let data = self.secrets.get(name).await?.and_then(|secret| secret.data);
        let entry = |key: &str| text(data.as_ref()?, key);
        if let (Some(certificate), Some(pem)) = (entry("tls.crt"), entry("ca.crt")) {
            self.tell(&certificate, Bundle { pem });
        } else {
            tracing::error!(name, "the Secret has no tls.crt and ca.crt");
        }
        Ok(())
    }

    fn tell(&self, certificate: &str, bundle: Bundle) {
        let seconds = |pem: &str| not_after(pem).map_or(0, |end| end.millis() / 1_000);
        self.metrics.certificate_end.set(seconds(certificate));
        self.metrics.authority_end.set(seconds(&bundle.pem));
        let bundle = Some(Arc::new(bundle));
        self.bundle.send_if_modified(|before| {
            let differs = *before != bundle;
            *before = bundle;
            differs
        });
    }
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pki({:?})", self.tls)
    }
}

fn text(data: &BTreeMap<String, ByteString>, key: &str) -> Option<String> {
    let text = String::from_utf8(data.get(key)?.0.clone()).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
