//! Which of the replicas works: a Lease, held by one, watched by the others.
//!
//! ```text
//!   standby ── reads every 2 s ── unchanged for 15 s of its own clock, or released ──▶ takes it
//!   holder  ── renews every 3 s ── not renewed for 10 s of its own clock ──▶ the process ends
//! ```
//!
//! No clock is ever compared with another's: a standby measures how long *it* has seen no change, and the holder how long
//! ago *it* began the last renewal that succeeded. The holder gives up 5 s before anyone may take over, which is as long as
//! a request of its own may take. Every write replaces the version that was read, so two that take at once are told apart
//! by the API server. What a frozen process sends when it wakes is fenced likewise: see [`crate::cluster::Fenced`].

mod decision;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff;
use kube::{Client, ResourceExt};
use penstock_model::Clock;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::decision::{Decision, Observation, decide};
use crate::cluster::{Fenced, FencedError};

/// How long a standby must see no change before it takes over.
pub const LEASE_LASTS: Duration = Duration::from_secs(15);
/// How long the holder goes on without a renewal that succeeded.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often the holder renews.
pub const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often a standby looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A candidate for the lease.
#[derive(Debug)]
pub struct Candidate {
    leases: Fenced<Lease>,
    name: String,
    /// Ours alone: no other process, and no later start of this one, has the same.
    identity: String,
    clock: Arc<dyn Clock>,
}

/// The lease is ours until [`Held::keep`] says otherwise.
#[derive(Debug)]
pub struct Held {
    candidate: Candidate,
    lease: Lease,
    /// When the last renewal that succeeded began.
    renewed_at: Duration,
}

/// Why this process may lead no longer. It must end.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has taken the lease.
    #[error("the lease was lost")]
    Lost(#[source] FencedError),
    /// The API server has not answered.
    #[error("the lease could not be renewed for {} s", RENEW_DEADLINE.as_secs())]
    Missed,
    /// The API server does not let us have it.
    #[error("the lease cannot be had")]
    Refused(#[source] FencedError),
}

impl Candidate {
    /// For the Lease of this name. `identity` must be another for every process that ever ran.
    pub fn new(
        client: Client,
        namespace: &str,
        instance: &str,
        name: String,
        identity: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            leases: Fenced::new(client, namespace, instance),
            name,
            identity,
            clock,
        }
    }

    /// Waits until the lease is ours.
    ///
    /// # Errors
    /// [`LeaseError::Refused`]: a right is missing.
    pub async fn acquire(self) -> Result<Held, LeaseError> {
        let mut seen: Option<Observation> = None;
        loop {
            let lease = self
                .leases
                .ensure(&self.name)
                .await
                .map_err(LeaseError::Refused)?;
            let now = self.clock.monotonic();
            let observed = Observation::of(&lease, seen.as_ref(), now);
            match decide(&self.identity, &observed, now) {
                Decision::Take => match self.write(&lease, Some(&self.identity)).await {
                    Ok(lease) => {
                        tracing::info!(identity = self.identity, "leading");
                        return Ok(Held {
                            renewed_at: now,
                            candidate: self,
                            lease,
                        });
                    }
                    Err(FencedError::Conflict { .. }) => {}
                    Err(error) => return Err(LeaseError::Refused(error)),
                },
                Decision::Wait(holder) => {
                    if seen_another(seen.as_ref(), &observed) {
                        tracing::info!(holder, "standing by");
                    }
                }
            }
            seen = Some(observed);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Replaces the version that was read. Nobody reads the times but people.
    async fn write(&self, read: &Lease, holder: Option<&str>) -> Result<Lease, FencedError> {
        let before = read.spec.clone().unwrap_or_default();
        let wall = jiff::Timestamp::from_millisecond(self.clock.now().millis())
            .ok()
            .map(MicroTime);
        let changes_hands = before.holder_identity.as_deref() != holder;
        let transitions = before.lease_transitions.unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: i32::try_from(LEASE_LASTS.as_secs()).ok(),
            acquire_time: if changes_hands {
                wall.clone()
            } else {
                before.acquire_time
            },
            renew_time: wall,
            lease_transitions: Some(transitions.saturating_add(i32::from(changes_hands))),
            ..LeaseSpec::default()
        };
        let lease = Lease {
            metadata: read.metadata.clone(),
            spec: Some(spec.clone()),
        };
        let is_done = move |found: &Lease| found.spec.as_ref() == Some(&spec);
        self.leases.put(&lease, is_done).await
    }
}

impl Held {
    /// Renews until `stopping` is cancelled, and then gives the lease back.
    ///
    /// # Errors
    /// [`LeaseError`]: end the process at once.
    pub async fn keep(mut self, stopping: CancellationToken) -> Result<(), LeaseError> {
        loop {
            let pause = stopping.run_until_cancelled(sleep(RENEW_EVERY));
            if pause.await.is_none() {
                break self.release().await;
            }
            self.renew().await?;
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), LeaseError> {
        let began = self.candidate.clock.monotonic();
        let end = self.renewed_at.saturating_add(RENEW_DEADLINE);
        let left = end.checked_sub(began).ok_or(LeaseError::Missed)?;
        let identity = self.candidate.identity.as_str();
        let written = timeout(left, self.candidate.write(&self.lease, Some(identity)))
            .await
            .map_err(|_| LeaseError::Missed)?;
        self.lease = match written {
            Ok(lease) => lease,
            Err(error @ FencedError::Conflict { .. }) => self.still_ours(error, left).await?,
            Err(error) => return Err(LeaseError::Lost(error)),
        };
        self.renewed_at = began;
        Ok(())
    }

    /// Somebody may have put a label on it: that is no change of hands.
    async fn still_ours(&self, conflict: FencedError, left: Duration) -> Result<Lease, LeaseError> {
        let candidate = &self.candidate;
        let found = timeout(left, candidate.leases.get(&candidate.name))
            .await
            .map_err(|_| LeaseError::Missed)?
            .map_err(LeaseError::Lost)?;
        found
            .filter(|lease| holder(lease) == Some(candidate.identity.as_str()))
            .ok_or(LeaseError::Lost(conflict))
    }

    /// So that nobody has to wait. If it fails they wait.
    async fn release(self) {
        let released = timeout(LOOK_EVERY, self.candidate.write(&self.lease, None)).await;
        match released {
            Ok(Ok(_)) => tracing::info!("lease released"),
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be released"),
            Err(_) => tracing::warn!("the lease could not be released in time"),
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

fn seen_another(before: Option<&Observation>, now: &Observation) -> bool {
    before.is_none_or(|before| before.holder != now.holder)
}

impl Observation {
    /// What is seen now, and since when: an object whose version has not changed has been seen since before.
    fn of(lease: &Lease, before: Option<&Self>, now: Duration) -> Self {
        let version = lease.resource_version();
        match before {
            Some(before) if before.version == version => before.clone(),
            _ => Self {
                version,
                holder: holder(lease).map(str::to_owned),
                since: now,
            },
        }
    }
}

#[cfg(test)]
mod tests;
