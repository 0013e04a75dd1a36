//! `penstock standalone`: one server on one machine, from a folder of manifests.
//!
//! ```text
//!   manifests ── watch ── desired ── publisher ──▶ DATA/secrets, tenants.json, ledger.signed
//!                                        │
//!                                        └ ledger ──▶ Server::load_ledger (the server is a library here)
//!   authority ──▶ DATA/tls ──▶ the server's certificate
//! ```
//!
//! It does what operator and ingest pods do on a cluster, in one process: the same manifests mean the same, because
//! the same crate compiles them. One thread reads, decides and writes; the server has its own.
//!
//! ```text
//!   DATA/  lock  store/  tls/  secrets/  tenants.json  ledger.signed  ledger.key  manifests.json
//! ```

mod arguments;
mod authority;
mod desired;
mod durable;
mod greeting;
mod key_files;
mod ledger_file;
mod manifests;
mod publisher;
mod refresh;
mod remembered;
mod tenants;
mod watch;

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use penstock_daemon::{LogError, start_logs};
use penstock_ingest::server::{Server, ServerError};
use penstock_model::{Clock, SystemClock, WithCauses};

pub(crate) use arguments::Arguments;
use arguments::{ArgumentsError, Settings};
use authority::{Authority, AuthorityError};
use greeting::{TokenFiles, greeting};
use publisher::{PublishError, Publisher};
use refresh::{RefreshError, Refresher};
use watch::{Settling, watch, watch_removals};

/// How often the certificate's age is looked at.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

/// How long to wait after a failure before trying again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why the server did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandaloneError {
    /// The command line.
    #[error("wrong command line")]
    Arguments(#[from] ArgumentsError),
    /// The log settings.
    #[error("wrong log settings")]
    Logs(#[from] LogError),
    /// The data directory.
    #[error("cannot use the data directory {}", path.display())]
    Data {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Somebody else works on it.
    #[error("the data directory {} is locked: another penstock is using it", path.display())]
    Locked { path: PathBuf },
    /// No certificate.
    #[error("no certificate")]
    Authority(#[from] AuthorityError),
    /// The state of the last run.
    #[error("cannot take up the state of the last run")]
    Publish(#[from] PublishError),
    /// The first reading of the manifests.
    #[error("cannot bring the manifests into force")]
    Refresh(#[from] RefreshError),
    /// The system does not tell of changes.
    #[error("cannot watch {}", path.display())]
    Watch {
        path: PathBuf,
        #[source]
        source: notify::Error,
    },
    /// The server.
    #[error("the server failed")]
    Server(#[from] ServerError),
}

impl StandaloneError {
    /// 2 for a wrong configuration, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Logs(_) => 2,
            _ => 1,
        }
    }
}

/// Why the loop woke up.
enum Wake {
    /// A manifest may have changed.
    Changed,
    /// The server stops.
    Stopping,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`StandaloneError`].
pub(crate) fn run(arguments: Arguments) -> Result<(), StandaloneError> {
    let settings = arguments.check()?;
    start_logs("log.level", &settings.log.level, settings.log.format)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let _lock = lock(&settings.data)?;
    let publisher = Publisher::open(&settings.data, &mut rand::rng())?;
    let names = settings.certificate_names();
    let authority = Authority::open(&settings.data.join("tls"), names, clock.now())?;
    let server = Server::start(settings.server_config(&authority), Arc::clone(&clock))?;
    server.stop_on_signals()?;
    let outcome = serve(&settings, &server, publisher, authority, &*clock);
    server.stop();
    // A failure of the server is the cause of whatever came after it.
    server.wait()?;
    outcome
}

/// Nobody else may draw keys here at the same time. The lock is the process's: it ends with it.
fn lock(data: &Path) -> Result<File, StandaloneError> {
    let failed = |source| StandaloneError::Data {
        path: data.to_owned(),
        source,
    };
    durable::create_folder(data).map_err(failed)?;
    let file = File::create(data.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StandaloneError::Locked {
            path: data.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn serve(
    settings: &Settings,
    server: &Server,
    publisher: Publisher,
    authority: Authority,
    clock: &dyn Clock,
) -> Result<(), StandaloneError> {
    let (wake, woken) = mpsc::channel();
    let changed = || {
        let wake = wake.clone();
        // A send fails only when the loop is over.
        move || drop(wake.send(Wake::Changed))
    };
    let failed = |path: &Path, source| StandaloneError::Watch {
        path: path.to_owned(),
        source,
    };
    let mut watcher = watch(&settings.manifests, changed())
        .map_err(|source| failed(&settings.manifests, source))?;
    let stopping = wake.clone();
    server.on_stop(move || drop(stopping.send(Wake::Stopping)));
    let port = server.addresses().tls.map_or(0, |address| address.port());
    let endpoints = settings.endpoints(port, authority.certificate());
    let authority_name = endpoints.authority();
    let mut refresher = Refresher::new(&settings.manifests, &settings.data, publisher, endpoints);
    refresher.refresh(clock.now(), |ledger| server.load_ledger(ledger))?;
    // Whoever removes a key's file asks for a new key.
    let key_files = settings.data.join("secrets");
    durable::create_folder(&key_files).map_err(|source| StandaloneError::Data {
        path: key_files.clone(),
        source,
    })?;
    let _key_watcher = watch_removals(&key_files, "key", changed())
        .map_err(|source| failed(&key_files, source))?;
    // One that went before the watch began is found by another look.
    changed()();
    if server.wait_until_listening() {
        say(&refresher.greeting(server.addresses(), &authority_name));
    }
    follow(&woken, clock, server, authority, || {
        // A folder that was moved away and made again needs a new watch; the same one again is no cost.
        watch::again(&mut watcher, &settings.manifests);
        refresher.refresh(clock.now(), |ledger| server.load_ledger(ledger))
    });
    Ok(())
}

/// Reads the manifests after each change and renews the certificate, until the server stops.
fn follow(
    woken: &Receiver<Wake>,
    clock: &dyn Clock,
    server: &Server,
    mut authority: Authority,
    mut refresh: impl FnMut() -> Result<(), RefreshError>,
) {
    let mut settling = Settling::default();
    loop {
        if settling.take(clock.monotonic())
            && let Err(error) = refresh()
        {
            tracing::error!(error = %WithCauses(&error), "manifests not in force, trying again");
            settling.changed(clock.monotonic() + RETRY_AFTER);
        }
        match authority.renew(clock.now()) {
            Ok(true) => server.reload(),
            Ok(false) => {}
            Err(error) => tracing::error!(error = %WithCauses(&error), "certificate not renewed"),
        }
        let due = settling
            .due()
            .map(|due| due.saturating_sub(clock.monotonic()));
        match woken.recv_timeout(due.unwrap_or(LOOK_INTERVAL)) {
            Ok(Wake::Changed) => settling.changed(clock.monotonic()),
            Ok(Wake::Stopping) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    // Whoever closed standard output does not want to read it.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
