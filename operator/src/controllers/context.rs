//! What every reconcile has at hand.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::events::{Event, Recorder, Reporter};
use parking_lot::Mutex;
use penstock_api::{Endpoints, Kind, ObjectName};
use penstock_model::Clock;
use penstock_tenancy::{Key, Permission, TokenId};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use rand::rngs::StdRng;

use super::Caches;
use super::drafts::Drafts;
use super::kinds::{Served, name_of};
use super::status::unreadable;
use crate::cluster::{Clients, MANAGER};
use crate::pki::{Bundle, Trust};
use crate::publisher::Publisher;

/// What every reconcile has at hand.
pub struct Context {
    /// Reads, statuses and events: tries again by itself.
    pub(crate) client: Client,
    /// Token Secrets: sends each write once, for only a leader may write them.
    pub(crate) fenced: Client,
    pub(crate) publisher: Publisher,
    pub(crate) caches: Arc<Caches>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entrance: Entrance,
    pub(crate) metrics: ControllerMetrics,
    recorder: Recorder,
    rng: Mutex<StdRng>,
    /// Keys that are on their way into Secrets.
    pub(crate) drafts: Drafts,
    /// Ids whose resource is gone and whose removal is not written yet.
    doomed: Mutex<HashSet<TokenId>>,
    /// Objects whose use is to be told even if nothing else is.
    telling_use: Mutex<HashSet<ObjectName>>,
    /// How often each object has failed in a row.
    failures: Mutex<HashMap<ObjectName, u32>>,
    /// The tokens whose Secrets have the certificates of this fingerprint.
    carrying: Mutex<(String, HashSet<ObjectName>)>,
}

/// Where clients find the service, and what they must trust.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port that takes TLS.
    pub port: u16,
    /// The certificates, as they are now.
    pub trust: Trust,
}

impl Context {
    /// All of it. `instance` is the name of this pod, for events.
    pub fn new(
        clients: Clients,
        publisher: Publisher,
        caches: Arc<Caches>,
        entrance: Entrance,
        surroundings: Surroundings,
    ) -> Self {
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(surroundings.instance),
        };
        Self {
            recorder: Recorder::new(clients.patient.clone(), reporter),
            client: clients.patient,
            fenced: clients.fenced,
            publisher,
            caches,
            clock: surroundings.clock,
            entrance,
            metrics: surroundings.metrics,
            rng: Mutex::new(surroundings.rng),
            drafts: Drafts::default(),
            doomed: Mutex::default(),
            telling_use: Mutex::default(),
            failures: Mutex::default(),
            carrying: Mutex::default(),
        }
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        let bundle = self.entrance.trust.bundle.borrow().clone();
        Endpoints {
            host: self.entrance.host.clone(),
            port: self.entrance.port,
            ca: bundle.map(|bundle| bundle.pem.clone()).unwrap_or_default(),
        }
    }

    /// The token's Secret, if it has one, has the certificates of `endpoints`. When that is true of all of them, a
    /// certificate that only the newest of them vouch for may be served.
    pub(crate) fn carries(&self, token: &ObjectName, endpoints: &Endpoints) {
        let now = fingerprint(&endpoints.ca);
        let mut carrying = self.carrying.lock();
        if carrying.0 != now {
            *carrying = (now, HashSet::new());
        }
        carrying.1.insert(token.clone());
        drop(carrying);
        self.tell_spread();
    }

    /// Tells whether every token's Secret has the certificates of now.
    pub(crate) fn tell_spread(&self) {
        let now = fingerprint(&self.endpoints().ca);
        // What was told stays true: a Secret that is written since has the certificates of now.
        if self.entrance.trust.spread.borrow().as_ref() == Some(&now) {
            return;
        }
        let carrying = self.carrying.lock();
        let count = self.caches.token_count();
        let all = count == 0
            || (carrying.0 == now && carrying.1.len() >= count && self.all_carry(&carrying.1));
        drop(carrying);
        if all {
            self.entrance.trust.spread.send_if_modified(|told| {
                let differs = told.as_ref() != Some(&now);
                *told = Some(now);
                differs
            });
        }
    }

    fn all_carry(&self, carrying: &HashSet<ObjectName>) -> bool {
        let mut all = true;
        self.caches
            .each_token(|token| all &= carrying.contains(&name_of(token.kind, token.metadata)));
        all
    }

    /// Draws an id that the ledger does not have.
    pub(crate) fn draw_id(&self) -> TokenId {
        let committed = self.publisher.committed();
        let mut rng = self.rng.lock();
        loop {
            let id = TokenId::draw(&mut *rng);
            if committed.token(id).is_none() {
                return id;
            }
        }
    }

    /// The time by which drafts are aged.
    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(crate) fn draw_key(&self, permission: Permission) -> Key {
        Key::draw(&mut *self.rng.lock(), permission)
    }

    /// From now on this id is nobody's.
    pub(crate) fn doom(&self, id: TokenId) {
        self.doomed.lock().insert(id);
    }

    pub(crate) fn is_doomed(&self, id: TokenId) -> bool {
        self.doomed.lock().contains(&id)
    }

    /// Has an object reconciled so that its status tells of its use. Otherwise that is told only with something else: what
    /// is used all the time must not be written whenever somebody looks.
    pub(crate) fn tell_use(&self, name: ObjectName) {
        self.telling_use.lock().insert(name.clone());
        self.caches.wake([name]);
    }

    /// Whether its use is to be told now; once.
    pub(crate) fn use_is_due(&self, name: &ObjectName) -> bool {
        self.telling_use.lock().remove(name)
    }

    pub(crate) fn failed(&self, name: &ObjectName) -> u32 {
        let mut failures = self.failures.lock();
        let count = failures.entry(name.clone()).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }

    pub(crate) fn succeeded(&self, name: &ObjectName) {
        self.failures.lock().remove(name);
    }

    /// Publishes an event. One that cannot be published is logged, and does no harm.
    pub(crate) async fn announce<K: Served>(&self, object: &K, event: &Event) {
        if let Err(error) = self.recorder.publish(event, &object.object_ref(&())).await {
            tracing::warn!(error = %super::chain(&error), reason = event.reason, "event not published");
        }
    }

    /// An object is there that this version cannot read.
    pub(crate) async fn announce_invalid<K: Served>(&self, invalid: &InvalidObject) {
        let reference = k8s_openapi::api::core::v1::ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(K::kind(&()).into_owned()),
            name: invalid.metadata.name.clone(),
            namespace: invalid.metadata.namespace.clone(),
            uid: invalid.metadata.uid.clone(),
            ..Default::default()
        };
        let event = unreadable(&invalid.error);
        if let Err(error) = self.recorder.publish(&event, &reference).await {
            tracing::warn!(error = %super::chain(&error), "event not published");
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

fn fingerprint(pem: &str) -> String {
    let bundle = Bundle {
        pem: pem.to_owned(),
    };
    bundle.fingerprint()
}

/// What a context stands in: time, randomness, a name, counters.
#[derive(Debug)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where keys and ids come from.
    pub rng: StdRng,
    /// The name of this pod.
    pub instance: String,
    /// What is counted.
    pub metrics: ControllerMetrics,
}

/// What the controllers count. Clones count into the same cells.
#[derive(Clone, Debug)]
pub struct ControllerMetrics {
    seconds: Family<Reconciled, Histogram>,
    failures: Family<Reconciled, Counter>,
    pub(crate) secrets_written: Counter,
    pub(crate) statuses_written: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciled {
    kind: &'static str,
}

impl ControllerMetrics {
    /// Puts all of them into a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 14))
            }),
            failures: Family::default(),
            secrets_written: Counter::default(),
            statuses_written: Counter::default(),
        };
        registry.register_with_unit(
            "reconcile",
            "One reconcile",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register(
            "reconcile_failures",
            "Reconciles that came to nothing and are tried again",
            metrics.failures.clone(),
        );
        registry.register(
            "token_secrets_written",
            "Secrets of tokens written",
            metrics.secrets_written.clone(),
        );
        registry.register(
            "statuses_written",
            "Statuses written",
            metrics.statuses_written.clone(),
        );
        metrics
    }

    pub(crate) fn observe(&self, kind: Kind, took: Duration, is_done: bool) {
        let labels = Reconciled {
            kind: kind.as_str(),
        };
        self.seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        let failures = self.failures.get_or_create(&labels);
        if !is_done {
            failures.inc();
        }
    }
}
