//! Whether the process should get traffic, and what it waits for if not.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ready when the store is open and the ports are; never again once it stops or has failed.
///
/// Once ready it does not drop out for being behind: a late ledger is no reason to refuse devices.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    locked_out: AtomicBool,
    store_open: AtomicBool,
    listening: AtomicBool,
    stopping: AtomicBool,
    failure: OnceLock<String>,
}

impl Readiness {
    /// The store waits until another process lets the data go.
    pub(crate) fn is_locked_out(&self) {
        self.locked_out.store(true, Ordering::Release);
    }

    /// It waits no longer.
    pub(crate) fn has_the_data(&self) {
        self.locked_out.store(false, Ordering::Release);
    }

    pub(crate) fn store_is_open(&self) {
        self.store_open.store(true, Ordering::Release);
    }

    pub(crate) fn is_listening(&self) {
        self.listening.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// The first failure counts.
    pub(crate) fn has_failed(&self, failure: String) {
        drop(self.failure.set(failure));
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Empty: ready.
    pub(crate) fn waiting_for(&self) -> Vec<&str> {
        let mut waiting = Vec::new();
        waiting.extend(self.failure());
        if self.stopping.load(Ordering::Acquire) {
            waiting.push("stopping");
        } else if self.locked_out.load(Ordering::Acquire) {
            waiting.push("another process has the data directory");
        } else if !self.store_open.load(Ordering::Acquire) {
            waiting.push("the store is opening");
        } else if !self.listening.load(Ordering::Acquire) {
            waiting.push("no ledger has been confirmed");
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_waits_for_and_stopping_is_final() {
        let readiness = Readiness::default();
        assert_eq!(readiness.waiting_for(), ["the store is opening"]);
        readiness.is_locked_out();
        let held = "another process has the data directory";
        assert_eq!(readiness.waiting_for(), [held]);
        readiness.has_the_data();
        assert_eq!(readiness.waiting_for(), ["the store is opening"]);
        readiness.store_is_open();
        assert_eq!(readiness.waiting_for(), ["no ledger has been confirmed"]);
        readiness.is_listening();
        assert!(readiness.waiting_for().is_empty());
        readiness.has_failed("the disk is gone".to_owned());
        assert_eq!(readiness.waiting_for(), ["the disk is gone"]);
        readiness.is_stopping();
        assert_eq!(readiness.waiting_for(), ["the disk is gone", "stopping"]);
    }
}
