//! What controllers, watches and propagation hold of the publisher.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use parking_lot::Mutex;
use penstock_api::Kind;
use penstock_api::propagation::Reach;
use penstock_model::Clock;
use tokio::sync::{Notify, watch};

use super::change::{Change, WakeKey};
use super::committed::Committed;
use super::desk::{Desk, Outcome};
use super::document::Document;
use super::found::{Found, Origin};
use super::merge::{Service, check_service};
use super::wakes::Wakes;
use crate::propagation::{PodFacts, Usage};
use crate::telemetry::Metrics;

/// The publisher as everybody sees it. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) desk: Mutex<Desk>,
    /// Something may be taken into a revision.
    pub(super) work: Notify,
    /// Pods have moved: somebody may have to be woken.
    pub(super) moved: Notify,
    pub(super) newest: watch::Sender<Option<Arc<Document>>>,
    /// The highest revision that a pod has reported.
    pub(super) reported: watch::Sender<Option<u64>>,
    origin: Origin,
    usage: watch::Sender<Arc<Usage>>,
    pub(super) wakes: Wakes,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    /// Since when this process leads; `None` if nobody has led before.
    since: Option<Duration>,
}

impl Publisher {
    /// Begins with what was found.
    pub fn new(found: Found, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        let since = found.ledger.is_some().then(|| clock.monotonic());
        let (document, ledger) = found.ledger.unzip();
        // One that the Secrets do not hold is not delivered before it is written there.
        let document = document.filter(|_| found.origin == Origin::Secrets);
        let committed = ledger.map_or_else(Committed::default, |ledger| {
            Committed::new(Arc::new(ledger))
        });
        let revision = committed.revision();
        metrics.ledger_revision.set(revision);
        let shared = Shared {
            since,
            desk: Mutex::new(Desk::new(Arc::new(committed))),
            work: Notify::new(),
            moved: Notify::new(),
            newest: watch::Sender::new(document.map(Arc::new)),
            // A pod that has the very ledger that was found has nothing to be outgrown.
            reported: watch::Sender::new(found.reported.filter(|told| *told > revision)),
            origin: found.origin,
            usage: watch::Sender::default(),
            wakes: Wakes::default(),
            clock,
            metrics,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The last revision that was written, with its entries at hand: the record of hashes.
    pub fn committed(&self) -> Arc<Committed> {
        Arc::clone(self.shared.desk.lock().committed())
    }

    /// Puts an entry into the next revision; what it replaces, if that is not written yet, is forgotten. An entry that
    /// the ledger has already is left alone. `waker` is woken when the change is loaded where it must be, when it is not
    /// after 5 s, and when it is refused.
    pub fn stage(&self, waker: WakeKey, change: Change) {
        self.stage_if(waker, change, || true);
    }

    /// As [`Publisher::stage`], if `is_current` says that the change follows from what is there now. Says whether it did.
    ///
    /// It is asked while nobody else can stage. So whoever has seen something newer stages after this, or has changed the
    /// answer: what follows from an older object never replaces what follows from a newer one.
    pub fn stage_if(
        &self,
        waker: WakeKey,
        change: Change,
        is_current: impl FnOnce() -> bool,
    ) -> bool {
        let (wall, now) = (self.shared.clock.now(), self.shared.clock.monotonic());
        let mut desk = self.shared.desk.lock();
        if !is_current() {
            return false;
        }
        let is_staged = desk.stage(waker, change, wall, now);
        let staged = i64::try_from(desk.staged()).unwrap_or(i64::MAX);
        drop(desk);
        self.shared.metrics.changes_staged.set(staged);
        if is_staged {
            self.shared.work.notify_one();
        }
        true
    }

    /// How far a change has come. Ask with the very change that was staged: what was not counts as staged. `seconds` run
    /// from the staging; there are none for what a new leader found in the ledger.
    pub fn progress(&self, change: &Change) -> Reach {
        let (wall, now) = (self.shared.clock.now(), self.shared.clock.monotonic());
        self.shared.desk.lock().progress(change, wall, now)
    }

    /// Objects of one kind to reconcile again, for `Controller::reconcile_on`. One consumer a kind; it never ends.
    pub fn wakes(&self, kind: Kind) -> impl Stream<Item = WakeKey> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        stream::unfold(shared, move |shared| async move {
            let key = Box::pin(shared.wakes.of(kind)).next().await?;
            Some((key, shared))
        })
    }

    /// Where the ledger came from that this leader began with.
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// How long no former leader can have sent a request. After two minutes none can still arrive. Where no ledger was
    /// found nobody has ever handed out a key: then it is [`Duration::MAX`].
    pub fn leading_for(&self) -> Duration {
        let now = self.shared.clock.monotonic();
        let since = self.shared.since;
        since.map_or(Duration::MAX, |since| now.saturating_sub(since))
    }

    /// Every cache is full: from now on removals are taken into revisions. Until then they stay staged.
    pub fn caches_are_full(&self) {
        self.shared.desk.lock().allow_removals();
        self.shared.work.notify_one();
    }

    /// What pods and volumes there are to share limits and data. Nothing is written before the first call.
    pub fn set_service(&self, service: Service) {
        if let Err(error) = check_service(&service) {
            tracing::error!(%error, "the data volumes cannot stand in a ledger; the last ones stay");
            return;
        }
        self.shared.desk.lock().service = Some(service);
        self.shared.work.notify_one();
    }

    /// The ingest pods that run now.
    pub fn set_pods(&self, pods: Vec<PodFacts>) {
        let now = self.shared.clock.monotonic();
        self.shared.desk.lock().roster.set(pods, now);
        self.shared.moved.notify_one();
    }

    /// A pod has the ledger of this revision, with the right checksum.
    pub fn confirm(&self, pod: &str, incarnation: &str, revision: u64) {
        self.shared
            .desk
            .lock()
            .roster
            .confirm(pod, incarnation, revision);
        self.shared.moved.notify_one();
    }

    /// A pod has a ledger that ours must outgrow: one of a higher revision, or other bytes of the same.
    pub fn outgrow(&self, revision: u64) {
        let raised = self.shared.reported.send_if_modified(|reported| {
            let higher = reported.is_none_or(|known| known < revision);
            if higher {
                *reported = Some(revision);
            }
            higher
        });
        if raised {
            tracing::warn!(
                revision,
                "a pod has a ledger that is not ours: writing a higher revision"
            );
            self.shared.work.notify_one();
        }
    }

    /// What keys and tenants use, as the pods told it within the last minute.
    pub fn usage(&self) -> watch::Receiver<Arc<Usage>> {
        self.shared.usage.subscribe()
    }

    pub(crate) fn set_usage(&self, now: Usage) {
        self.shared.usage.send_if_modified(|before| {
            let differs = **before != now;
            *before = Arc::new(now);
            differs
        });
    }

    pub(crate) fn count_failure(&self) {
        self.shared.metrics.delivery_failures.inc();
    }

    /// The newest signed ledger, to be delivered.
    pub fn newest(&self) -> watch::Receiver<Option<Arc<Document>>> {
        self.shared.newest.subscribe()
    }

    /// Tells everybody whom an outcome concerns.
    pub(super) fn tell(&self, outcome: Outcome) {
        for seconds in &outcome.seconds {
            self.shared
                .metrics
                .propagation_seconds
                .observe(seconds.as_secs_f64());
        }
        self.shared.wakes.wake(outcome.wake);
    }
}
