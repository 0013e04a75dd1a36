//! Who does the work behind appends: two threads, or whoever waits for it.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::committer::Committer;
use super::maintenance::Maintenance;
use super::shared::Shared;
use crate::error::{ErrorKind, StoreError};

#[derive(Debug)]
pub(super) enum Workers {
    /// The committer's and the maintenance thread.
    Threads(Vec<JoinHandle<()>>),
    /// Whoever waits for it: one thread, one order, for simulations.
    Caller(Box<CallersWork>),
    /// Closed.
    Gone,
}

impl Workers {
    /// Starts the threads.
    pub(super) fn start(
        shared: &Arc<Shared>,
        committer: Committer,
        maintenance: Maintenance,
    ) -> Result<Self, StoreError> {
        // The first thing to do is a segment of the log, if none is free.
        shared.request_maintenance();
        let mut workers = Self::Threads(Vec::new());
        let started = workers
            .spawn("store-maintain", shared, move || maintenance.run())
            .and_then(|()| workers.spawn("store-commit", shared, move || committer.run()));
        if let Err(error) = started {
            shared.stop();
            workers.end();
            return Err(error);
        }
        Ok(workers)
    }

    /// Starts a thread whose panic stops the store: nobody may wait for work that is never done.
    fn spawn(
        &mut self,
        name: &'static str,
        shared: &Arc<Shared>,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        let guard = StopOnPanic(Arc::clone(shared));
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _guard = guard;
                run();
            })
            .map_err(|source| StoreError::Disk {
                operation: "start a thread for",
                path: name.into(),
                source,
            })?;
        if let Self::Threads(threads) = self {
            threads.push(thread);
        }
        Ok(())
    }

    /// Waits for the threads to end, which they do when the store is closed or stopped; but not for the one that
    /// this runs on, when a listener holds the last handle.
    pub(super) fn end(self) {
        if let Self::Threads(threads) = self {
            let this = std::thread::current().id();
            for thread in threads {
                if thread.thread().id() != this && thread.join().is_err() {
                    tracing::error!("a store thread panicked");
                }
            }
        }
    }
}

struct StopOnPanic(Arc<Shared>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(StoreError::Panicked);
        }
    }
}

/// What the threads own, when there are none.
#[derive(Debug)]
pub(super) struct CallersWork {
    pub(super) committer: Committer,
    pub(super) maintenance: Maintenance,
}

impl CallersWork {
    /// Does what the threads would do. A full disk may leave `is_done` unfulfilled; another failure stops the store.
    pub(super) fn work(
        &mut self,
        shared: &Shared,
        flush_wanted: bool,
        is_done: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        let worked = self.in_turn(flush_wanted);
        match worked {
            Err(error) if error.kind() != ErrorKind::Retry => {
                shared.fail(error);
                Err(StoreError::Stopped)
            }
            Err(_) if is_done() => Ok(()),
            other => other,
        }
    }

    /// The committer once more at the end, since a flush lets go of the log.
    fn in_turn(&mut self, flush_wanted: bool) -> Result<(), StoreError> {
        let committed = self.committer.commit();
        if let Err(error) = committed
            && error.kind() != ErrorKind::Retry
        {
            return Err(error);
        }
        let maintained = self.maintenance.work(flush_wanted);
        self.committer.commit().and(maintained)
    }
}
