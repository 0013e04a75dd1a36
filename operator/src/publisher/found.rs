//! The ledger that a new leader begins with.
//!
//! ```text
//!   the Secrets have one, and no running pod has a newer ──▶ that one
//!   they have none, or an older one                      ──▶ the one of the pod with the highest revision
//!   no pod answers either                                ──▶ the Secrets' one, or none: the controllers take the
//!                                                            hashes from the tokens' Secrets, nothing is drawn anew
//! ```
//!
//! Only what was signed with a key of ours is taken, whoever has it. Whatever is taken, the next revision is above every
//! one that a pod has told.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use penstock_model::Clock;
use penstock_tenancy::{Ledger, VerifyingKey};
use tokio::time::sleep;

use super::document::Document;
use crate::propagation::{PodPort, PodPortError};

/// How long pods that run are asked again before their silence counts, if the Secrets have no ledger.
const PATIENCE: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a new leader begins with.
#[derive(Debug, Default)]
pub struct Found {
    /// The ledger with its signed bytes, if there is one.
    pub ledger: Option<(Document, Ledger)>,
    /// Where it comes from.
    pub origin: Origin,
    /// The highest revision that any pod told.
    pub reported: Option<u64>,
}

/// Where the previous ledger comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: a new installation, or everything is lost.
    #[default]
    Nowhere,
    /// Its Secrets.
    Secrets,
    /// A pod that had a newer one than the Secrets.
    Pod(IpAddr),
}

/// Finds the previous ledger. `kept` is what the Secrets hold; `believed` are our public keys.
pub async fn find(
    kept: Option<Bytes>,
    believed: &[VerifyingKey],
    pods: &[IpAddr],
    port: &PodPort,
    clock: &dyn Clock,
) -> Found {
    let kept = kept.and_then(|bytes| match Document::verify(bytes, believed) {
        Ok(kept) => Some(kept),
        Err(error) => {
            tracing::error!(%error, "the ledger in the Secrets is not believed");
            None
        }
    });
    let answers = ask(kept.is_some(), pods, port, clock).await;
    let reported = answers.iter().map(|(_, revision)| *revision).max();
    let newest = kept.as_ref().map_or(0, |(document, _)| document.revision);
    for (pod, revision) in answers {
        if revision <= newest {
            break;
        }
        if let Some(taken) = take(pod, believed, port).await {
            tracing::warn!(%pod, revision, "the ledger is taken from a pod: the Secrets have none, or an older one");
            return Found {
                ledger: Some(taken),
                origin: Origin::Pod(pod),
                reported,
            };
        }
    }
    Found {
        origin: if kept.is_some() {
            Origin::Secrets
        } else {
            Origin::Nowhere
        },
        ledger: kept,
        reported,
    }
}

/// The pods that have a ledger, the highest revision first. With a ledger at hand one round must do: the couriers meet
/// whatever a silent pod has.
async fn ask(
    is_kept: bool,
    pods: &[IpAddr],
    port: &PodPort,
    clock: &dyn Clock,
) -> Vec<(IpAddr, u64)> {
    let until = clock.monotonic().saturating_add(PATIENCE);
    loop {
        let reports = join_all(pods.iter().map(|pod| port.report(*pod))).await;
        let all_silent = reports.iter().all(Result::is_err);
        if is_kept || pods.is_empty() || !all_silent || clock.monotonic() >= until {
            let answers = pods.iter().zip(reports).filter_map(|(pod, report)| {
                let revision = report.inspect_err(|error| silent(*pod, error)).ok()?;
                Some((*pod, revision.answer.revision?))
            });
            let mut answers: Vec<(IpAddr, u64)> = answers.collect();
            answers.sort_by_key(|(pod, revision)| (std::cmp::Reverse(*revision), *pod));
            return answers;
        }
        sleep(ASK_AGAIN).await;
    }
}

fn silent(pod: IpAddr, error: &PodPortError) {
    tracing::warn!(%pod, %error, "a pod does not tell which ledger it has");
}

async fn take(
    pod: IpAddr,
    believed: &[VerifyingKey],
    port: &PodPort,
) -> Option<(Document, Ledger)> {
    match port.document(pod).await {
        Ok(document) => Document::verify(document?, believed)
            .inspect_err(|error| tracing::error!(%pod, %error, "the pod's ledger is not believed"))
            .ok(),
        Err(error) => {
            silent(pod, &error);
            None
        }
    }
}
