//! Brings the newest ledger to one pod, and asks until it says that it has it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep;

use super::pod_port::{Answer, PodPort, PodPortError};
use crate::publisher::{Document, Publisher};

const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(2);
/// A newer ledger does not wait for an older one that is on its way. More than two would only be in each other's way.
const ON_THE_WAY_MAX: usize = 2;

/// Where to, and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) incarnation: String,
    pub(super) address: IpAddr,
}

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// The pod has exactly this.
    Confirmed,
    /// The pod has something newer of ours: that delivery has confirmed it, or will.
    Superseded,
    /// Nothing is known; try again.
    Failed,
}

/// Delivers to one incarnation of a pod. Never ends: it is dropped when the pod is gone.
pub(super) async fn run(
    target: Target,
    port: PodPort,
    publisher: Publisher,
    mut newest: watch::Receiver<Option<Arc<Document>>>,
) {
    // This pod's, so that they end with it.
    let port = port.kept(ON_THE_WAY_MAX);
    let deliver = |document: Arc<Document>| {
        let (target, port, publisher) = (&target, &port, &publisher);
        async move {
            let delivery = deliver(target, port, publisher, &document).await;
            (document.revision, delivery)
        }
    };
    let mut on_the_way = FuturesUnordered::new();
    let mut back_off = BACK_OFF_FIRST;
    // Whether the newest has yet to be sent, and since when not again.
    let mut due = Some(Duration::ZERO);
    loop {
        let send = async {
            match due {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = newest.changed() => {
                if changed.is_err() {
                    return;
                }
                back_off = BACK_OFF_FIRST;
                due = Some(Duration::ZERO);
            }
            () = send, if on_the_way.len() < ON_THE_WAY_MAX => {
                due = None;
                let document = newest.borrow_and_update().clone();
                on_the_way.extend(document.map(&deliver));
            }
            Some((revision, delivery)) = on_the_way.next() => {
                let is_newest = newest
                    .borrow()
                    .as_ref()
                    .is_some_and(|document| document.revision == revision);
                if delivery == Delivery::Failed && is_newest && due.is_none() {
                    due = Some(back_off);
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                }
            }
        }
    }
}

async fn deliver(
    target: &Target,
    port: &PodPort,
    publisher: &Publisher,
    document: &Document,
) -> Delivery {
    let posted = port.post(target.address, document.bytes.clone()).await;
    let answer = match posted {
        Ok(answer) => Ok(answer),
        // It says no more than that. What it has it tells the operator alone.
        Err(PodPortError::Conflict(_)) => {
            let report = port.report(target.address).await;
            report.map(|report| report.answer)
        }
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => judge(target, publisher, document, &answer),
        Err(error) => {
            publisher.count_failure();
            let pod = &target.name;
            tracing::warn!(pod, revision = document.revision, %error, "a ledger was not delivered");
            Delivery::Failed
        }
    }
}

fn judge(target: &Target, publisher: &Publisher, document: &Document, answer: &Answer) -> Delivery {
    let Some(revision) = answer.revision else {
        return Delivery::Failed;
    };
    if revision == document.revision && answer.checksum == Some(document.checksum) {
        publisher.confirm(&target.name, &target.incarnation, revision);
        return Delivery::Confirmed;
    }
    let written = publisher.newest().borrow().clone();
    match written {
        // Something of ours that was sent after this.
        Some(newest) if revision > document.revision && revision < newest.revision => {
            Delivery::Superseded
        }
        Some(newest) if (revision, answer.checksum) == (newest.revision, Some(newest.checksum)) => {
            publisher.confirm(&target.name, &target.incarnation, revision);
            Delivery::Superseded
        }
        _ if revision >= document.revision => {
            publisher.outgrow(revision);
            Delivery::Superseded
        }
        _ => Delivery::Failed,
    }
}
