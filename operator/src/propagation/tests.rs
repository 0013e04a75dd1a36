//! Ledgers delivered to real `penstock-ingest` processes: each pod is one, on a loopback address of its own.

mod pod;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use penstock_api::Kind;
use penstock_api::propagation::Reach;
use penstock_model::SystemClock;
use penstock_tenancy::{SigningKey, TokenState};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::pod::{BEARER, Pod, free_port, key};
use super::*;
use crate::config::ObjectNames;
use crate::fake_api::FakeApi;
use crate::ledger_fixture::{application, tenant, token, waker};
use crate::ledger_secret::LedgerSecrets;
use crate::publisher::{
    Change, Document, Found, Origin, Publisher, Service, WakeKey, Writer, find,
};
use crate::signing::Signer;
use crate::telemetry::Metrics;

const PATIENCE: Duration = Duration::from_secs(30);

/// A leader's publisher with everything behind it.
struct Leader {
    api: FakeApi,
    publisher: Publisher,
    seen: watch::Sender<Seen>,
    wakes: Pin<Box<dyn Stream<Item = WakeKey> + Send>>,
    port: PodPort,
    tasks: JoinSet<()>,
}

impl Leader {
    /// Begins as a new leader does, with what the API server and the pods have.
    async fn begin(api: &FakeApi, port: u16, pods: Vec<PodFacts>) -> Self {
        let names = ObjectNames::new("penstock");
        let port = PodPort::new(port, BEARER.to_owned());
        let (secrets, kept) = LedgerSecrets::open(api.client(), "metrics", &names)
            .await
            .unwrap();
        let addresses: Vec<_> = pods.iter().filter_map(|pod| pod.address).collect();
        let clock = Arc::new(SystemClock::new());
        let believed = [key().verifying_key()];
        let found = find(kept, &believed, &addresses, &port, clock.as_ref()).await;
        let metrics = Metrics::register(&mut Registry::default());
        let publisher = Publisher::new(found, clock, metrics);
        publisher.caches_are_full();
        let signer = Signer {
            believed: believed.to_vec(),
            key: key(),
        };
        // Whoever keeps the sender could replace the key; nobody does here.
        let (_, signer) = watch::channel(Arc::new(signer));
        let writer = Writer::new(publisher.clone(), secrets, signer);
        let dispatch = Dispatch::new(publisher.clone(), port.clone());
        let (seen, now) = watch::channel(Seen {
            pods: Some(pods),
            service: Some(Service {
                replicas: 1,
                volumes: Vec::new(),
            }),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let error = writer.run().await;
            panic!("{error:?}");
        });
        tasks.spawn(publisher.clone().settle());
        tasks.spawn(dispatch.run(now));
        Self {
            api: api.clone(),
            wakes: Box::pin(publisher.wakes(Kind::WriteToken)),
            publisher,
            seen,
            port,
            tasks,
        }
    }

    fn pods(&self, pods: Vec<PodFacts>) {
        self.seen.send_modify(|seen| seen.pods = Some(pods));
    }

    /// Stages a change and waits until it has come so far.
    async fn until(&mut self, change: &Change, wanted: impl Fn(&Reach) -> bool) -> Reach {
        self.publisher.stage(waker(1), change.clone());
        loop {
            let progress = self.publisher.progress(change);
            if wanted(&progress) {
                return progress;
            }
            let woken = timeout(PATIENCE, self.wakes.next()).await;
            assert!(woken.is_ok(), "{:?}", self.publisher.progress(change));
        }
    }

    async fn until_loaded(&mut self, change: &Change) -> u64 {
        let loaded = self
            .until(change, |at| matches!(at, Reach::All { .. }))
            .await;
        let Reach::All { revision, .. } = loaded else {
            panic!("{loaded:?}")
        };
        revision
    }

    async fn revision(&self, pod: &Pod) -> Option<u64> {
        self.port.report(pod.address).await.unwrap().answer.revision
    }
}

fn with_state(state: TokenState) -> Change {
    let mut token = token(1);
    token.state = state;
    Change::Token {
        tenant: tenant(1),
        token,
    }
}

/// An application and its first token, loaded by every pod.
async fn hand_out(leader: &mut Leader) -> u64 {
    leader
        .publisher
        .stage(waker(1), Change::Application(application(1)));
    leader.until_loaded(&with_state(TokenState::Active)).await
}

fn facts(pods: &[&Pod]) -> Vec<PodFacts> {
    pods.iter().map(|pod| pod.facts()).collect()
}

#[tokio::test]
async fn every_pod_has_a_revision_before_it_counts_as_loaded() {
    let port = free_port();
    let pods = [
        Pod::start(1, port),
        Pod::start(2, port),
        Pod::start(3, port),
    ];
    let mut leader = Leader::begin(&FakeApi::default(), port, facts(&pods.each_ref())).await;
    let handed_out = hand_out(&mut leader).await;
    for pod in &pods {
        assert_eq!(leader.revision(pod).await, Some(handed_out));
    }
    let revoked = leader.until_loaded(&with_state(TokenState::Revoked)).await;
    assert!(revoked > handed_out);
    for pod in &pods {
        assert_eq!(leader.revision(pod).await, Some(revoked));
    }
    assert!(leader.tasks.try_join_next().is_none());
}

#[tokio::test]
async fn forged_replayed_and_cut_ledgers_change_nothing() {
    let port = free_port();
    let pod = Pod::start(1, port);
    let mut leader = Leader::begin(&FakeApi::default(), port, facts(&[&pod])).await;
    hand_out(&mut leader).await;
    let before = leader.port.document(pod.address).await.unwrap().unwrap();
    let revoked = leader.until_loaded(&with_state(TokenState::Revoked)).await;
    let now = leader.port.document(pod.address).await.unwrap().unwrap();
    let report = leader.port.report(pod.address).await.unwrap().answer;
    let stranger = SigningKey::from_seed([9; 32]).unwrap();
    let (_, mut ledger) = Document::verify(now.clone(), &[key().verifying_key()]).unwrap();
    ledger.revision += 1;
    let forged = Document::sign(&ledger, &stranger).unwrap().bytes;
    let altered = String::from_utf8(now.to_vec())
        .unwrap()
        .replace("revoked", "paused");
    let cut = now.slice(..now.len() / 2);
    for document in [before, forged, altered.into(), cut] {
        leader.port.post(pod.address, document).await.unwrap_err();
        assert_eq!(
            leader.port.report(pod.address).await.unwrap().answer,
            report
        );
    }
    assert_eq!(report.revision, Some(revoked));
}

#[tokio::test]
async fn a_pod_that_is_out_of_reach_or_silent_holds_back_nobody_else() {
    let port = free_port();
    let pods = [Pod::start(1, port), Pod::start(2, port)];
    // Takes connections and says nothing; and one that nobody listens for.
    let silent = TcpListener::bind(("127.0.0.3", port)).await.unwrap();
    let [mut mute, mut gone] = [3, 4].map(|number| pod::facts(number, false));
    (mute.name, gone.name) = ("mute".to_owned(), "gone".to_owned());
    let mut leader = Leader::begin(&FakeApi::default(), port, facts(&pods.each_ref())).await;
    hand_out(&mut leader).await;
    let all = [facts(&pods.each_ref()), vec![mute, gone]].concat();
    leader.pods(all);
    let waits = |at: &Reach| matches!(at, Reach::Waiting { .. });
    let waiting = leader.until(&with_state(TokenState::Revoked), waits).await;
    let Reach::Waiting {
        revision,
        pods: 2,
        of: 4,
        missing,
    } = waiting
    else {
        panic!("{waiting:?}")
    };
    assert_eq!(missing, ["gone", "mute"]);
    for pod in &pods {
        assert_eq!(leader.revision(pod).await, Some(revision));
    }
    // What is gone need not be told.
    leader.pods(facts(&pods.each_ref()));
    assert_eq!(
        leader.until_loaded(&with_state(TokenState::Revoked)).await,
        revision
    );
    drop(silent);
}

#[tokio::test]
async fn a_pod_that_starts_again_is_told_again() {
    let port = free_port();
    let mut pod = Pod::start(1, port);
    let mut leader = Leader::begin(&FakeApi::default(), port, facts(&[&pod])).await;
    let revision = hand_out(&mut leader).await;
    pod.kill_and_start();
    leader.pods(facts(&[&pod]));
    let paused = leader.until_loaded(&with_state(TokenState::Paused)).await;
    assert!(paused > revision);
    pod.until_ready();
    assert_eq!(leader.revision(&pod).await, Some(paused));
}

#[tokio::test]
async fn the_next_leader_goes_on_and_writes_nothing() {
    let port = free_port();
    let pod = Pod::start(1, port);
    let api = FakeApi::default();
    let mut first = Leader::begin(&api, port, facts(&[&pod])).await;
    let revision = hand_out(&mut first).await;
    assert_eq!(
        first.publisher.leading_for(),
        Duration::MAX,
        "nobody led before, so nobody's request is on its way"
    );
    drop(first);
    api.calls();
    let mut second = Leader::begin(&api, port, facts(&[&pod])).await;
    assert_eq!(second.publisher.origin(), &Origin::Secrets);
    assert!(second.publisher.leading_for() < PATIENCE);
    assert_eq!(
        second.until_loaded(&with_state(TokenState::Active)).await,
        revision
    );
    assert!(api.calls().iter().all(|call| call.starts_with("GET ")));
}

#[tokio::test]
async fn lost_or_old_secrets_are_replaced_by_what_the_pods_have() {
    let port = free_port();
    let pod = Pod::start(1, port);
    let api = FakeApi::default();
    let mut first = Leader::begin(&api, port, facts(&[&pod])).await;
    hand_out(&mut first).await;
    let backup = api.object("secrets", "penstock-ledger").unwrap();
    let revoked = first.until_loaded(&with_state(TokenState::Revoked)).await;
    drop(first);
    let removed = |api: &FakeApi| api.remove("secrets", "penstock-ledger");
    let restored =
        |api: &FakeApi| api.put("secrets", "penstock-ledger", |now| *now = backup.clone());
    let mut last = revoked;
    for damage in [&removed as &dyn Fn(&FakeApi), &restored] {
        damage(&api);
        let mut next = Leader::begin(&api, port, facts(&[&pod])).await;
        assert_eq!(next.publisher.origin(), &Origin::Pod(pod.address));
        // Whoever was revoked does not come back.
        let refused = |at: &Reach| matches!(at, Reach::Refused(_));
        next.until(&with_state(TokenState::Active), refused).await;
        next.until_loaded(&with_state(TokenState::Revoked)).await;
        let revision = next.publisher.committed().revision();
        assert!(
            revision > last,
            "it is written anew, above what the pod has"
        );
        last = revision;
    }
}

#[tokio::test]
async fn with_neither_secrets_nor_pods_there_is_nothing_to_begin_with() {
    let port = PodPort::new(free_port(), BEARER.to_owned());
    let clock = SystemClock::new();
    let Found {
        ledger,
        origin,
        reported,
    } = find(None, &[], &[], &port, &clock).await;
    assert!(ledger.is_none() && reported.is_none());
    assert_eq!(origin, Origin::Nowhere);
}

#[tokio::test]
async fn a_ledger_of_nobody_we_know_is_outgrown_and_not_obeyed() {
    let port = free_port();
    let pod = Pod::start(1, port);
    let mut leader = Leader::begin(&FakeApi::default(), port, facts(&[&pod])).await;
    let revision = hand_out(&mut leader).await;
    // Signed with our key all the same: a leader that was restored elsewhere.
    let (_, mut ledger) = {
        let document = leader.port.document(pod.address).await.unwrap().unwrap();
        Document::verify(document, &[key().verifying_key()]).unwrap()
    };
    ledger.revision = revision + 1_000_000;
    ledger.applications.clear();
    let theirs = Document::sign(&ledger, &key()).unwrap();
    leader.port.post(pod.address, theirs.bytes).await.unwrap();
    leader.until_loaded(&with_state(TokenState::Paused)).await;
    let ours = leader.publisher.committed().revision();
    assert!(ours > ledger.revision);
    assert_eq!(leader.revision(&pod).await, Some(ours));
    assert_eq!(leader.wakes.next().now_or_never(), None);
    assert!(leader.api.object("secrets", "penstock-ledger").is_some());
}
