//! A cluster in memory for tests of the controllers: objects, every call on record, a fault at any of them, a publisher
//! that really writes, and a pod that loads when it is told to.

mod server;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use penstock_api::WriteToken;
use penstock_model::{Clock, Timestamp};
use penstock_tenancy::{LedgerKey, SigningKey};
use prometheus_client::registry::Registry;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{
    Caches, Context, ControllerMetrics, Entrance, Failed, Feeds, Surroundings, application, token,
};
use crate::cluster::Clients;
use crate::config::{ObjectNames, Watched};
use crate::fake_api::FakeApi;
use crate::ledger_secret::LedgerSecrets;
use crate::pki::{Bundle, Trust};
use crate::propagation::PodFacts;
use crate::publisher::{Document, Found, Origin, Publisher, Service, Writer};
use crate::signing::Signer;
use crate::telemetry::Metrics;

pub(crate) use server::{Fault, Server};

/// Time as tokio counts it, so that a test's waiting is free.
#[derive(Debug)]
struct Virtual(tokio::time::Instant);

/// A Tuesday in 2026.
const START: i64 = 1_790_000_000_000;

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(START + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A cluster with one application, `works/mill`.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    ledger: FakeApi,
    clock: Arc<Virtual>,
    leaders: u64,
    pub(crate) leader: Leader,
}

/// One process that leads.
pub(crate) struct Leader {
    pub(crate) context: Arc<Context>,
    feeds: Feeds,
    work: Vec<AbortHandle>,
    works_by_itself: bool,
}

impl Drop for Leader {
    fn drop(&mut self) {
        for work in &self.work {
            work.abort();
        }
    }
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed([7; 32]).unwrap()
}

pub(crate) fn mill() -> Value {
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
        "metadata": {"name": "mill", "namespace": "works", "uid": "0189f7c2-7c5b-4d2a-9c1e-00000000002a", "generation": 1},
        "spec": {}
    })
}

pub(crate) fn sensors(spec: &Value) -> Value {
    let mut full = json!({"applicationRef": {"name": "mill"}});
    full.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "WriteToken",
        "metadata": {
            "name": "sensors", "namespace": "works", "uid": "u-sensors", "generation": 1,
            "creationTimestamp": "2026-09-20T00:00:00Z"
        },
        "spec": full
    })
}

impl Cluster {
    /// The application is there and in the ledger.
    pub(crate) async fn new() -> Self {
        let (server, ledger) = (Server::default(), FakeApi::default());
        let clock = Arc::new(Virtual(tokio::time::Instant::now()));
        let leader = Leader::start(&server, &ledger, Arc::clone(&clock), 0).await;
        let mut cluster = Self {
            server,
            ledger,
            clock,
            leaders: 0,
            leader,
        };
        cluster.put(&mill());
        cluster.reconcile_application().await;
        cluster.loaded().await;
        cluster.server.calls();
        cluster
    }

    /// Somebody applies an object; everybody sees it.
    pub(crate) fn put(&mut self, object: &Value) {
        self.server.put(object);
        self.leader.feeds.see(object, false);
    }

    /// Somebody deletes an object; everybody sees it.
    pub(crate) fn delete(&mut self, key: &str) {
        let object = self.server.get(key).unwrap();
        self.server.remove(key);
        self.leader.feeds.see(&object, true);
    }

    /// The leader dies where it stands, and another takes over.
    pub(crate) async fn new_leader(&mut self) {
        self.leaders += 1;
        self.leader = Leader::start(
            &self.server,
            &self.ledger,
            Arc::clone(&self.clock),
            self.leaders,
        )
        .await;
        for object in self.server.objects(&["MetricsApplication", "WriteToken"]) {
            self.leader.feeds.see(&object, false);
        }
    }

    /// Lets the controllers work by themselves, as in a process that leads, with a watch of everything they write. Until
    /// `is_done`, at most for so long.
    pub(crate) async fn work(
        &mut self,
        at_most: Duration,
        mut is_done: impl FnMut(&Server) -> bool,
    ) -> Duration {
        let began = self.clock.monotonic();
        if !self.leader.works_by_itself {
            let controllers = tokio::spawn(super::run(Arc::clone(&self.leader.context)));
            self.leader.work.push(controllers.abort_handle());
            self.leader.works_by_itself = true;
        }
        while !is_done(&self.server) && self.clock.monotonic() < began + at_most {
            for object in self.server.news() {
                self.leader.feeds.see(&object, false);
            }
            self.pass(Duration::from_millis(5)).await;
        }
        self.clock.monotonic().saturating_sub(began)
    }

    pub(crate) async fn reconcile_application(&self) {
        let application =
            serde_json::from_value(self.server.get("metricsapplications/mill").unwrap());
        application::reconcile(application.unwrap(), &self.leader.context)
            .await
            .unwrap();
    }

    /// Reconciles the token as the server has it.
    pub(crate) async fn reconcile(&mut self) -> Result<Action, Failed> {
        let object = self.server.get("writetokens/sensors").unwrap();
        self.leader.feeds.see(&object, false);
        let token: WriteToken = serde_json::from_value(object).unwrap();
        token::reconcile(token, &self.leader.context).await
    }

    /// Lets virtual time pass, and everything happen that happens in it.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Waits until the pod has everything that is staged.
    pub(crate) async fn loaded(&self) {
        self.pass(Duration::from_secs(4)).await;
    }

    /// Reconciles until nothing is left to do.
    pub(crate) async fn come_to_rest(&mut self) {
        for _ in 0..20 {
            let before = (
                self.server.version(),
                self.leader.context.publisher.committed().revision(),
            );
            let done = self.reconcile().await;
            self.loaded().await;
            let after = (
                self.server.version(),
                self.leader.context.publisher.committed().revision(),
            );
            if done.is_ok() && before == after {
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.server.calls());
    }

    /// The keys that the ledger has of the token.
    pub(crate) fn ledger_keys(&self) -> Vec<LedgerKey> {
        let committed = self.leader.context.publisher.committed();
        let entry = committed.token_of("works", "sensors", penstock_tenancy::Permission::Write);
        entry
            .map(|(_, entry)| entry.keys.clone())
            .unwrap_or_default()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `status reason: message` of a condition.
    pub(crate) fn condition(&self, type_: &str) -> String {
        let token = self.server.get("writetokens/sensors").unwrap();
        let conditions = token["status"]["conditions"].as_array().unwrap().clone();
        let found = conditions
            .iter()
            .find(|condition| condition["type"] == type_)
            .unwrap();
        let text = |field: &str| found[field].as_str().unwrap().to_owned();
        format!("{} {}: {}", text("status"), text("reason"), text("message"))
    }
}

impl Leader {
    async fn start(server: &Server, ledger: &FakeApi, clock: Arc<Virtual>, seed: u64) -> Self {
        let names = ObjectNames::new("penstock");
        let (secrets, kept) = LedgerSecrets::open(ledger.client(), "metrics", &names)
            .await
            .unwrap();
        let believed = vec![signing_key().verifying_key()];
        let kept = kept.map(|bytes| Document::verify(bytes, &believed).unwrap());
        let origin = if kept.is_some() {
            Origin::Secrets
        } else {
            Origin::Nowhere
        };
        let found = Found {
            ledger: kept,
            origin,
            reported: None,
        };
        let mut registry = Registry::default();
        let clock: Arc<dyn Clock> = clock;
        let publisher = Publisher::new(found, Arc::clone(&clock), Metrics::register(&mut registry));
        publisher.set_service(Service {
            replicas: 1,
            volumes: Vec::new(),
        });
        let key = signing_key();
        let signer = Signer { key, believed };
        let (_, signer) = watch::channel(Arc::new(signer));
        let (caches, mut feeds) = Caches::new(Watched::Cluster);
        feeds.open();
        let work = vec![
            tokio::spawn({
                let writer = Writer::new(publisher.clone(), secrets, signer);
                async move {
                    let error = writer.run().await;
                    panic!("the writer has ended: {error:?}");
                }
            })
            .abort_handle(),
            tokio::spawn(publisher.clone().settle()).abort_handle(),
            tokio::spawn(obey(publisher.clone())).abort_handle(),
        ];
        let clients = Clients {
            patient: server.client(),
            fenced: server.client(),
        };
        let bundle = Bundle {
            pem: "PEM".to_owned(),
        };
        let entrance = Entrance {
            host: "metrics.example".to_owned(),
            port: 4242,
            trust: Trust {
                bundle: watch::channel(Some(Arc::new(bundle))).1,
                spread: Arc::new(watch::Sender::new(None)),
            },
        };
        let surroundings = Surroundings {
            clock,
            rng: StdRng::seed_from_u64(seed),
            instance: "operator-0".to_owned(),
            metrics: ControllerMetrics::register(&mut registry),
        };
        let context = Context::new(clients, publisher, caches, entrance, surroundings);
        Self {
            context: Arc::new(context),
            feeds,
            work,
            works_by_itself: false,
        }
    }
}

/// A pod that loads whatever is written.
async fn obey(publisher: Publisher) {
    publisher.set_pods(vec![PodFacts {
        name: "ingest-0".to_owned(),
        address: None,
        ready: true,
        incarnation: "first".to_owned(),
    }]);
    let mut newest = publisher.newest();
    loop {
        let revision = newest
            .borrow_and_update()
            .as_ref()
            .map(|document| document.revision);
        if let Some(revision) = revision {
            publisher.confirm("ingest-0", "first", revision);
        }
        if newest.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
