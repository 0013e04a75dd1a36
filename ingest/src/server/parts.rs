//! The order in which a server comes to be.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use penstock_model::{Clock, WithCauses};
use penstock_store::config::StoreConfig;
use penstock_store::disk::{Disk, OsDisk};
use penstock_store::error::StoreError;
use penstock_store::store::Store;
use prometheus_client::registry::Registry;
use rand::Rng;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::certificate::Certificate;
use super::event_loops::EventLoops;
use super::ports::{Opening, Ports};
use super::store_metrics::StoreMetrics;
use super::watches::Watches;
use super::{Server, ServerError};
use crate::admin::{Admin, Readiness, Running};
use crate::auth::{Authenticator, LedgerWatch};
use crate::config::{Config, LedgerSource};
use crate::connection::TelnetContext;
use crate::context::{LoopContext, ServerContext};
use crate::http::body::{BodyBudget, BodyReader};
use crate::http::lookups::Lookups;
use crate::http::query::Queries;
use crate::http::turns::{Exports, VolumeReads};
use crate::limit::Quotas;
use crate::listener::door::Door;
use crate::listener::tls::Tls;
use crate::telemetry::Metrics;
use crate::volumes::{Volumes, VolumesConfig};
use crate::write::EventLoop;

/// Between two looks at data that another process has.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// A disk for the store, and limits that suit it.
pub(super) type Place = (Arc<dyn Disk>, StoreConfig);

/// The data directory, made if need be.
pub(super) fn data_directory(config: &Config) -> Result<Place, ServerError> {
    let directory = &config.data_directory;
    let disk = std::fs::create_dir_all(directory)
        .and_then(|()| OsDisk::new(directory))
        .map_err(ServerError::system("the data directory"))?;
    let limits = StoreConfig::for_memory(config.memory.bytes() / 2);
    Ok((Arc::new(disk), limits))
}

/// Puts a server together. Asks for the disk when certificate and ports are known to be good.
pub(super) fn start(
    config: &Config,
    clock: Arc<dyn Clock>,
    place: impl FnOnce() -> Result<Place, ServerError>,
) -> Result<Server, ServerError> {
    let certificate = Certificate::look(config)?;
    let ports = Ports::bind(&config.listen)?;
    let addresses = ports.addresses();
    let runtime = control_runtime()?;
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let admin = Admin::new(registry, config.ledger.clone(), metrics.clone());
    let admin_stopping = CancellationToken::new();
    let data = ports.open_admin(&runtime, &admin, &admin_stopping)?;
    let tls = certificate.wait(&runtime, &admin)?;
    if let Some(tls) = &tls {
        metrics.certificate_end.set(tls.certificate_end());
    }

    let store = open_store(config, &place()?, &clock, admin.readiness())?;
    let context = server_context(config, store, clock, metrics.clone(), tls.clone());
    fail_with_the_store(&context, &admin);
    let ledger = Arc::new(LedgerWatch::new(
        Arc::clone(&context.authenticator),
        Arc::clone(&context.volumes),
        metrics.clone(),
        &config.ledger,
        &config.data_directory,
    ));
    ledger.load_at_start();
    let (loops, events) = start_loops(config, &context, tls.clone())?;
    admin.set_running(running(&context, &ledger, events));

    let watches = Arc::new(Watches {
        tls,
        ledger: Arc::clone(&ledger),
        authenticator: Arc::clone(&context.authenticator),
        metrics,
    });
    let watching = Arc::clone(&watches).run(config.watch_interval, context.stopping.clone());
    runtime.spawn(watching);
    let (listening, listening_changes) = watch::channel(false);
    let opening = Opening {
        data,
        context: Arc::clone(&context),
        ledger: Arc::clone(&ledger),
        admin: Arc::clone(&admin),
        dispatcher: loops.dispatcher(),
        permits: Arc::new(Semaphore::new(config.connections_max.get())),
        listening,
    };
    runtime.spawn(opening.run());
    Ok(Server {
        context,
        admin,
        ledger,
        loops,
        watches,
        listening: listening_changes,
        addresses,
        admin_stopping,
        runtime,
    })
}

/// Opens the store as soon as nobody else has it: when a pod is deleted by force, its successor may start before it has
/// ended.
fn open_store(
    config: &Config,
    (disk, limits): &Place,
    clock: &Arc<dyn Clock>,
    readiness: &Readiness,
) -> Result<Store, ServerError> {
    let directory = &config.data_directory;
    let wait = config.timeouts.data_lock;
    let mut waited = Duration::ZERO;
    loop {
        match Store::open(Arc::clone(disk), Arc::clone(clock), limits.clone()) {
            Ok((store, report)) => {
                readiness.has_the_data();
                tracing::info!(?report, directory = %directory.display(), "store open");
                return Ok(store);
            }
            Err(StoreError::Locked) if waited < wait => {
                if waited.is_zero() {
                    readiness.is_locked_out();
                    let (directory, seconds_max) = (directory.display(), wait.as_secs());
                    tracing::warn!(%directory, seconds_max, "waiting for another process that has the data");
                }
                std::thread::sleep(LOCK_INTERVAL);
                waited += LOCK_INTERVAL;
            }
            Err(StoreError::Locked) => {
                return Err(ServerError::Locked {
                    directory: directory.clone(),
                    seconds: wait.as_secs(),
                });
            }
            Err(error) => return Err(ServerError::OpenStore(error)),
        }
    }
}

/// One thread: it serves the admin port and accepts; connections live on the loops.
fn control_runtime() -> Result<Runtime, ServerError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(4)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(ServerError::system("threads"))
}

fn server_context(
    config: &Config,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    tls: Option<Tls>,
) -> Arc<ServerContext> {
    let quotas = Quotas::new(Arc::clone(&clock));
    let authenticator = Arc::new(Authenticator::new(Arc::clone(&clock), quotas));
    let budget = BodyBudget::new(config.memory.body_bytes());
    Arc::new(ServerContext {
        store,
        clock,
        authenticator,
        bodies: BodyReader::new(budget, config.timeouts.body_stall),
        exports: Exports::new(config.timeouts.body_stall),
        lookups: Lookups::default(),
        cors: config.cors.clone(),
        volumes: Arc::new(volumes(config, tls)),
        volume_reads: VolumeReads::default(),
        queries: Queries::new(queries_max()),
        timeouts: config.timeouts.clone(),
        metrics,
        stopping: CancellationToken::new(),
    })
}

fn volumes(config: &Config, tls: Option<Tls>) -> Volumes {
    let bearer_file = match &config.ledger {
        LedgerSource::Signed { bearer_file, .. } => Some(bearer_file.clone()),
        LedgerSource::InProcess => None,
    };
    Volumes::new(VolumesConfig {
        own: config.volume.clone(),
        bearer_file,
        tls,
        ca_file: config.ca_file.clone(),
        stall: config.timeouts.body_stall,
    })
}

/// Queries that run at the same time: two for each processor, since some wait for their clients.
fn queries_max() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    processors.saturating_mul(2).max(4)
}

/// A store that no longer knows what is on its disk ends the process.
fn fail_with_the_store(context: &Arc<ServerContext>, admin: &Arc<Admin>) {
    // Not `admin` itself: it has the store, which would keep itself alive.
    let (readiness, stopping) = (Arc::clone(admin.readiness()), context.stopping.clone());
    context.store.on_failure(Box::new(move |error| {
        tracing::error!(error = %WithCauses(error), "the store failed");
        readiness.has_failed(WithCauses(error).to_string());
        stopping.cancel();
    }));
}

fn start_loops(
    config: &Config,
    context: &Arc<ServerContext>,
    tls: Option<Tls>,
) -> Result<(EventLoops, Vec<Arc<EventLoop>>), ServerError> {
    // The tables of all loops: a sixteenth of the memory, 24 bytes a series.
    let cache_bytes = config.memory.bytes() / 16 / u64::try_from(config.loops.get()).unwrap_or(1);
    let cache_bytes = usize::try_from(cache_bytes).unwrap_or(usize::MAX);
    let events: Vec<_> = (0..config.loops.get())
        .map(|_| {
            let clock = Arc::clone(&context.clock);
            let secret = rand::rng().next_u64();
            Arc::new(EventLoop::new(
                context.store.clone(),
                clock,
                cache_bytes,
                secret,
            ))
        })
        .collect();
    let contexts = events
        .iter()
        .map(|events| {
            Arc::new(LoopContext {
                server: Arc::clone(context),
                events: Arc::clone(events),
                buffers: Arc::default(),
                telnet: TelnetContext::new(
                    Arc::clone(events),
                    Arc::clone(&context.authenticator),
                    context.timeouts.telnet,
                    context.stopping.clone(),
                ),
            })
        })
        .collect();
    let door = Arc::new(Door::new(tls));
    let loops = EventLoops::start(contexts, &door, config.timeouts.stop)
        .map_err(ServerError::system("threads"))?;
    Ok((loops, events))
}

fn running(
    context: &Arc<ServerContext>,
    ledger: &Arc<LedgerWatch>,
    loops: Vec<Arc<EventLoop>>,
) -> Running {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(StoreMetrics {
        store: context.store.clone(),
        loops,
    }));
    Running {
        store: context.store.clone(),
        authenticator: Arc::clone(&context.authenticator),
        ledger: Arc::clone(ledger),
        registry,
    }
}
