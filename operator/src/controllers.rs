//! What applications and tokens ask for, brought about: ledger entries staged, Secrets written, statuses told.
//!
//! ```text
//!   watches ──▶ caches ──▶ wakes ──▶ reconcile: dereference ▸ preprocess ▸ validate ▸ build ▸ apply ▸ update status
//!                            ▲                                                          │
//!                publisher ──┘ when a ledger is loaded                                  ├──▶ publisher: stage(change)
//!                clock ────────when a key, a token or an overlap ends                   └──▶ token Secret
//! ```
//!
//! A reconcile asks what is there, never why it was woken, and may end anywhere: the next one goes on. What order effects
//! have is [`token`]'s to say.
//!
//! What is not here: what a resource means (the crate `api` decides, purely), and the ledger (the publisher's).

pub mod application;
pub mod cache;
pub mod caches;
pub mod context;
mod drafts;
mod kinds;
#[cfg(test)]
mod many;
pub mod page;
mod refusals;
mod removals;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod scenario;
mod status;
pub mod token;
mod usage;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::ObjectRef;
use penstock_api::{Kind, MetricsApplication, ObjectName, ReadToken, WriteToken};
use penstock_model::WithCauses;
use tokio::task::JoinSet;

use caches::Cached;
pub use caches::{Caches, Feeds};
pub use context::{Context, ControllerMetrics, Entrance, Surroundings};
use kinds::Guarded;

/// Objects of one kind that are worked on at the same time.
const CONCURRENCY: u16 = 32;

/// How long to wait for more causes before an object is reconciled.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// How long one reconcile may take, the client's own tries included.
const RECONCILE_MAX: Duration = Duration::from_mins(1);

/// How often it is looked whether every Secret has the certificates, besides at each that gets them.
const TELL_SPREAD_EVERY: Duration = Duration::from_secs(10);

const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_mins(1);

/// A kind of which something is brought about.
pub(crate) trait Reconciled: Cached {
    /// Brings about what it asks for.
    fn reconcile(
        self,
        context: &Arc<Context>,
    ) -> impl Future<Output = Result<Action, Failed>> + Send;
}

/// Reconciles until the process ends. Begins when every cache is full.
pub async fn run(context: Arc<Context>) {
    context.caches.full().await;
    context.caches.wake_all();
    // Each a task of its own: one kind does not wait for the processor that another works on.
    let mut drives = JoinSet::new();
    drives.spawn(drive::<MetricsApplication>(Arc::clone(&context)));
    drives.spawn(drive::<WriteToken>(Arc::clone(&context)));
    drives.spawn(drive::<ReadToken>(Arc::clone(&context)));
    tokio::select! {
        _ = drives.join_next() => {}
        () = removals::run(&context) => {}
        () = refusals::run(&context) => {}
        () = usage::run(&context) => {}
        () = context.caches.count_tokens() => {}
        () = follow_trust(&context) => {}
    }
}

/// When the certificates to trust change, every Secret gets them.
async fn follow_trust(context: &Context) {
    let mut bundle = context.entrance.trust.bundle.clone();
    loop {
        context.tell_spread();
        match tokio::time::timeout(TELL_SPREAD_EVERY, bundle.changed()).await {
            Err(_) => {}
            Ok(Ok(())) => context.caches.wake_all(),
            Ok(Err(_)) => std::future::pending().await,
        }
    }
}

async fn drive<K: Reconciled>(context: Arc<Context>) {
    let wakes =
        wakes(&context, K::KIND).map(|name| ObjectRef::new(&name.name).within(&name.namespace));
    let config = Config::default()
        .concurrency(CONCURRENCY)
        .debounce(DEBOUNCE);
    let never = stream::pending::<Result<Guarded<K>, kube::runtime::watcher::Error>>();
    Controller::for_stream(never, K::cache(&context.caches).clone())
        .reconcile_on(wakes)
        .with_config(config)
        .run(reconcile::<K>, retry::<K>, context)
        .for_each(|_| async {})
        .await;
}

fn wakes(context: &Context, kind: Kind) -> impl Stream<Item = ObjectName> + Send + use<> {
    stream::select(context.caches.wakes(kind), context.publisher.wakes(kind))
}

async fn reconcile<K: Reconciled>(
    guarded: Arc<Guarded<K>>,
    context: Arc<Context>,
) -> Result<Action, Failed> {
    let started = context.clock.monotonic();
    let object = match &guarded.0 {
        Ok(object) => object.clone(),
        Err(invalid) => {
            context.announce_invalid::<K>(invalid).await;
            return Ok(Action::await_change());
        }
    };
    let name = object.object_name();
    let done = tokio::time::timeout(RECONCILE_MAX, object.reconcile(&context)).await;
    let done = match done {
        // Whoever saw the newer one has it reconciled.
        Ok(Err(Failed::Stale)) => Ok(Action::await_change()),
        Ok(done) => done,
        Err(_) => Err(Failed::TooLong),
    };
    let seconds = context.clock.monotonic().saturating_sub(started);
    context.metrics.observe(K::KIND, seconds, done.is_ok());
    if done.is_ok() {
        context.succeeded(&name);
    }
    done
}

/// Waits twice as long after each failure of the same object.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that a controller wants"
)]
fn retry<K: Reconciled>(guarded: Arc<Guarded<K>>, error: &Failed, context: Arc<Context>) -> Action {
    let Ok(object) = &guarded.0 else {
        return Action::await_change();
    };
    let name = object.object_name();
    let failures = context.failed(&name);
    tracing::warn!(object = %name, error = %chain(error), failures, "not reconciled, trying again");
    Action::requeue(RETRY_MAX.min(RETRY_FIRST * 2_u32.saturating_pow(failures.min(10))))
}

/// Why a reconcile came to nothing. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The API server does not answer as it should.
    #[error("cannot {what}")]
    Api {
        /// What was to be done.
        what: &'static str,
        /// What it says.
        #[source]
        source: Box<kube::Error>,
    },
    /// Somebody has changed the Secret in between.
    #[error("the Secret was changed in between")]
    Overtaken,
    /// It has changed since it was read: its newer state is reconciled next.
    #[error("it was changed in between")]
    Stale,
    /// It took too long.
    #[error("it took longer than {} s", RECONCILE_MAX.as_secs())]
    TooLong,
}

impl Failed {
    pub(crate) fn api(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api {
            what,
            source: Box::new(source),
        }
    }
}

/// An error for a log: with its causes, without keys.
fn chain(error: &dyn std::error::Error) -> String {
    penstock_tenancy::redact_keys(&WithCauses(error).to_string()).into_owned()
}
