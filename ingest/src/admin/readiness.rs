//! Whether the process should get traffic, and what it waits for if not.

use tokio::sync::watch;

/// Ready when the store is open and the ports are; never again once it stops or has failed.
///
/// Once ready it does not drop out for being behind: a late ledger is no reason to refuse devices.
#[derive(Debug, Default)]
pub(crate) struct Readiness(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    certificate: Certificate,
    store: Store,
    listening: bool,
    stopping: bool,
    failure: Option<String>,
}

/// How far the store is.
#[derive(Debug, Default, PartialEq, Eq)]
enum Store {
    #[default]
    Opening,
    /// Another process has the data.
    LockedOut,
    Open,
}

/// How far the certificate is.
#[derive(Debug, Default)]
enum Certificate {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It is not there, for this reason, and nobody says that this has changed.
    Missing(String),
    /// It is not there here, and the operator, who makes it first of all, has called.
    Made(String),
    There,
}

impl State {
    fn waiting_for(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        waiting.extend(self.failure.clone());
        if self.stopping {
            waiting.push("stopping".to_owned());
        } else if let Certificate::Missing(why) | Certificate::Made(why) = &self.certificate {
            waiting.push(why.clone());
        } else if self.store == Store::LockedOut {
            waiting.push("another process has the data directory".to_owned());
        } else if self.store == Store::Opening {
            waiting.push("the store is opening".to_owned());
        } else if !self.listening {
            waiting.push("no ledger has been confirmed".to_owned());
        }
        waiting
    }

    /// Whether to wait cannot help.
    fn is_over(&self) -> bool {
        self.stopping || self.failure.is_some()
    }
}

impl Readiness {
    pub(crate) fn lacks_certificate(&self, why: String) {
        self.0
            .send_modify(|state| state.certificate = Certificate::Missing(why));
    }

    pub(crate) fn has_certificate(&self) {
        self.0
            .send_modify(|state| state.certificate = Certificate::There);
    }

    /// The operator has called, which makes certificates before it calls anybody.
    pub(crate) fn was_called(&self) {
        self.0.send_if_modified(|state| {
            let Certificate::Missing(why) = &mut state.certificate else {
                return false;
            };
            state.certificate = Certificate::Made(std::mem::take(why));
            true
        });
    }

    /// The store waits until another process lets the data go.
    pub(crate) fn is_locked_out(&self) {
        self.0.send_modify(|state| state.store = Store::LockedOut);
    }

    /// It waits no longer.
    pub(crate) fn has_the_data(&self) {
        self.0.send_modify(|state| state.store = Store::Opening);
    }

    pub(crate) fn store_is_open(&self) {
        self.0.send_modify(|state| state.store = Store::Open);
    }

    pub(crate) fn is_listening(&self) {
        self.0.send_modify(|state| state.listening = true);
    }

    pub(crate) fn is_stopping(&self) {
        self.0.send_modify(|state| state.stopping = true);
    }

    /// The first failure counts.
    pub(crate) fn has_failed(&self, failure: String) {
        self.0.send_modify(|state| {
            state.failure.get_or_insert(failure);
        });
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.0.borrow().failure.clone()
    }

    /// Empty: ready.
    pub(crate) fn waiting_for(&self) -> Vec<String> {
        self.0.borrow().waiting_for()
    }

    /// Until it is ready, or never will be.
    pub(crate) async fn until_settled(&self) {
        let settled = |state: &State| state.is_over() || state.waiting_for().is_empty();
        self.until(settled).await;
    }

    /// Until nothing is missing that could be mounted.
    pub(crate) async fn until_mounts_are_made(&self) {
        let made = |state: &State| {
            let certificate = &state.certificate;
            state.is_over() || matches!(certificate, Certificate::There | Certificate::Made(_))
        };
        self.until(made).await;
    }

    async fn until(&self, wanted: impl FnMut(&State) -> bool) {
        // The sender lives as long as this.
        drop(self.0.subscribe().wait_for(wanted).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_waits_for_and_stopping_is_final() {
        let readiness = Readiness::default();
        assert_eq!(readiness.waiting_for(), ["the store is opening"]);
        readiness.lacks_certificate("no certificate".to_owned());
        assert_eq!(readiness.waiting_for(), ["no certificate"]);
        readiness.was_called();
        assert_eq!(readiness.waiting_for(), ["no certificate"]);
        readiness.has_certificate();
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
