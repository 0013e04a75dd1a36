//! What the API server says about the ingest: its pods, how many there should be, and the volumes that exist.
//!
//! Only read: get, list and watch, in the operator's own namespace. It runs on standby as well, so that a new leader knows
//! at once.

mod facts;

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::{Metadata, NamespaceResourceScope};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use self::facts::{pod_facts, volumes};
use super::PodFacts;
use crate::admin::{Readiness, ReadinessLatch};
use crate::cluster::Reopening;
use crate::config::Config;
use crate::publisher::Service;

/// What is known now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The pods that run; `None` before the first list.
    pub pods: Option<Vec<PodFacts>>,
    /// Replicas and volumes; `None` before the first lists, or while there is no `StatefulSet`.
    pub service: Option<Service>,
}

/// The watches of pods, `StatefulSet` and volume claims.
pub struct IngestWatch {
    client: Client,
    config: Config,
    latches: [ReadinessLatch; 3],
    seen: watch::Sender<Seen>,
}

impl IngestWatch {
    /// Nothing is watched before [`IngestWatch::run`]. The process is not ready before all three caches are full.
    pub fn new(
        client: Client,
        config: Config,
        readiness: &Readiness,
    ) -> (Self, watch::Receiver<Seen>) {
        let (seen, receiver) = watch::channel(Seen::default());
        let latches = [
            readiness.wait_for("the cache of ingest pods"),
            readiness.wait_for("the cache of the ingest StatefulSet"),
            readiness.wait_for("the cache of volume claims"),
        ];
        let ingest = Self {
            client,
            config,
            latches,
            seen,
        };
        (ingest, receiver)
    }

    /// Watches for ever. What the API server refuses is said in the log, and tried again.
    pub async fn run(self) {
        let Self {
            client,
            config,
            latches: [pods_latch, sets_latch, claims_latch],
            seen,
        } = self;
        let selector = watcher::Config::default().labels(&config.ingest_selector);
        let by_name = format!("metadata.name={}", config.names.ingest());
        let one_set = watcher::Config::default().fields(&by_name);
        let namespace = &config.namespace;
        let (pods, mut pod_events) =
            follow::<Pod>(&client, namespace, selector.clone(), pods_latch);
        let (sets, mut set_events) = follow::<StatefulSet>(&client, namespace, one_set, sets_latch);
        let (claims, mut claim_events) =
            follow::<PersistentVolumeClaim>(&client, namespace, selector, claims_latch);
        let mut filled = BTreeSet::new();
        loop {
            let cache = tokio::select! {
                Some(is_full) = pod_events.next() => is_full.then_some(Cache::Pods),
                Some(is_full) = set_events.next() => is_full.then_some(Cache::Sets),
                Some(is_full) = claim_events.next() => is_full.then_some(Cache::Claims),
                else => return,
            };
            filled.extend(cache);
            let now = Seen {
                pods: filled.contains(&Cache::Pods).then(|| pods_of(&pods)),
                service: (filled.contains(&Cache::Sets) && filled.contains(&Cache::Claims))
                    .then(|| service_of(&sets, &claims, &config))
                    .flatten(),
            };
            seen.send_if_modified(|before| {
                let differs = *before != now;
                *before = now;
                differs
            });
        }
    }
}

impl std::fmt::Debug for IngestWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IngestWatch({:?})", self.seen.borrow())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cache {
    Pods,
    Sets,
    Claims,
}

/// A cache, and a stream that says at each change whether the cache is full by now.
fn follow<K>(
    client: &Client,
    namespace: &str,
    config: watcher::Config,
    latch: ReadinessLatch,
) -> (
    Store<K>,
    impl futures_util::Stream<Item = bool> + Unpin + use<K>,
)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Metadata,
    K: Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
    let (store, writer) = reflector::store();
    let mut latch = Some(latch);
    let mut is_full = false;
    let events = reflector::reflector(writer, watcher(api, config))
        .backoff(Reopening::default())
        .filter_map(move |event| {
            match event {
                Ok(watcher::Event::InitDone) => {
                    is_full = true;
                    drop(latch.take());
                }
                Ok(_) => {}
                Err(error) => {
                    let kind = K::KIND;
                    tracing::warn!(kind, %error, "a watch was interrupted; trying again");
                }
            }
            std::future::ready(Some(is_full))
        });
    (store, Box::pin(events))
}

fn pods_of(pods: &Store<Pod>) -> Vec<PodFacts> {
    let mut pods: Vec<PodFacts> = pods
        .state()
        .iter()
        .filter_map(|pod| pod_facts(pod))
        .collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    pods
}

fn service_of(
    sets: &Store<StatefulSet>,
    claims: &Store<PersistentVolumeClaim>,
    config: &Config,
) -> Option<Service> {
    let set = sets.state().into_iter().next()?;
    let replicas = set.spec.as_ref()?.replicas.unwrap_or(1);
    Some(Service {
        // At nought nobody shares anything.
        replicas: u32::try_from(replicas).unwrap_or(1).max(1),
        volumes: volumes(&claims.state(), config),
    })
}
